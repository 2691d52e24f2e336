"""WooCommerce's records in our terms: money is a text, times have no offset, names are HTML. Pure."""

from datetime import datetime
from decimal import Decimal
from html import unescape

from integrations.providers.base import Customer, Order, Product, Shipment, Stock
from integrations.providers.values import Record, number, part, parts, text, utc

_STATUS = {
    # Not paid for yet, or never: the shop holds nothing for it.
    **dict.fromkeys(("checkout-draft", "auto-draft", "pending", "failed"), "draft"),
    "processing": "in preparation",
    "completed": "shipped",
    **dict.fromkeys(("cancelled", "refunded", "trash"), "cancelled"),
    # Plugins for parcels add these.
    **dict.fromkeys(("partial-shipped", "partially-shipped"), "partly shipped"),
    "shipped": "shipped",
    "delivered": "delivered",
}
ORDER_FIELDS = "id,number,status,currency,date_created_gmt,total,billing.email,billing.phone,meta_data"
CHANGED_FIELDS = f"{ORDER_FIELDS},date_modified_gmt,date_completed_gmt"
ARTICLE_FIELDS = "id,name,type,permalink,sku,price,status,purchasable,manage_stock,stock_quantity,stock_status"
CUSTOMER_FIELDS = "id,email,first_name,last_name,billing.phone"
# Where both plugins that most shops use for it keep parcels.
_PARCELS = "_wc_shipment_tracking_items"


def record_id(record: Record) -> str:
    """Return the shop's id of a record; empty where it has none."""
    id = record.get("id")
    return str(id) if type(id) is int else ""


def stock(record: Record, available: Decimal, currency: str) -> Stock:
    """Return an article's stock."""
    return Stock(
        sku=text(record.get("sku")),
        name=name(record),
        available=available,
        record_id=record_id(record),
        price=number(record.get("price")),
        currency=currency,
    )


def product(record: Record, currency: str, title: str = "") -> Product:
    """Return an article of the catalogue; a variation has the title of what it varies."""
    return Product(
        sku=text(record.get("sku")),
        name=", ".join(filter(None, (title, name(record) or _chosen(record)))),
        record_id=record_id(record),
        price=number(record.get("price")),
        currency=currency,
        url=text(record.get("permalink")),
        available=available(record),
        is_for_sale=record.get("purchasable") is True,
    )


def name(record: Record) -> str:
    """Return a name as people read it: WordPress keeps it as HTML."""
    return unescape(text(record.get("name"))).strip()


def _chosen(variation: Record) -> str:
    """Return what makes a variation, for shops whose variations have no names (before WooCommerce 8)."""
    return ", ".join(filter(None, (text(one.get("option")) for one in parts(variation, "attributes"))))


def available(record: Record) -> Decimal | None:
    """Return how many can be promised; None where they aren't counted, and none is not said to be there."""
    # A variation may share its product's count ("parent").
    count = number(record.get("stock_quantity")) if record.get("manage_stock") in {True, "parent"} else None
    if count is None and record.get("stock_status") == "outofstock":
        return Decimal(0)
    # What is on backorder counts below nothing.
    return None if count is None else max(count, Decimal(0))


def order(record: Record) -> Order:
    """Return an order with its parcels."""
    billing = part(record, "billing")
    return Order(
        number=text(record.get("number")),
        status=status(record),
        record_id=record_id(record),
        email=text(billing.get("email")).strip().lower(),
        phone=text(billing.get("phone")),
        placed_at=utc(record.get("date_created_gmt")),
        total=number(record.get("total")),
        currency=text(record.get("currency")),
        shipments=shipments(record),
    )


def status(record: Record) -> str:
    """Return one of ORDER_STATUSES; what a plugin has invented is at least an order."""
    return _STATUS.get(text(record.get("status")), "confirmed")


def changed_at(record: Record) -> datetime | None:
    """Return when a record was changed last."""
    return utc(record.get("date_modified_gmt"))


def completed_at(record: Record) -> datetime | None:
    """Return when an order was sent."""
    return utc(record.get("date_completed_gmt"))


def shipments(record: Record) -> list[Shipment]:
    """Return the parcels that a plugin noted; WooCommerce itself has none."""
    noted = [
        parcel for meta in parts(record, "meta_data") if meta.get("key") == _PARCELS for parcel in parts(meta, "value")
    ]
    told = [(text(parcel.get("tracking_number")), _carrier(parcel)) for parcel in noted]
    return [Shipment(number, carrier) for number, carrier in told if number]


def _carrier(parcel: Record) -> str:
    return text(parcel.get("tracking_provider")) or text(parcel.get("custom_tracking_provider"))


def customer(record: Record) -> Customer:
    """Return a customer; how many orders they have placed WooCommerce doesn't say any more."""
    return Customer(
        record_id=record_id(record),
        email=text(record.get("email")).strip().lower(),
        phone=text(part(record, "billing").get("phone")),
        first_name=text(record.get("first_name")),
        last_name=text(record.get("last_name")),
    )
