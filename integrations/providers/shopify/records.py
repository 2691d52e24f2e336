"""Shopify's records in our terms: money and counts are texts, an order's status takes three fields. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from integrations.providers.base import Customer, Order, Product, Shipment, Stock
from integrations.providers.replies import garbled
from integrations.providers.values import Record, moment, number, part, parts, text

_STATUS = {
    "FULFILLED": "shipped",
    "PARTIALLY_FULFILLED": "partly shipped",
    "IN_PROGRESS": "in preparation",
    "PENDING_FULFILLMENT": "in preparation",
    "OPEN": "in preparation",
    "RESTOCKED": "cancelled",
}


def nodes(data: Record, name: str) -> list[Record]:
    """Return the records of a connection. Raises: RetryLater where it isn't there."""
    connection = data.get(name)
    found = connection.get("nodes") if isinstance(connection, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(node, Mapping) for node in found):
        raise garbled()
    return found


def stock(record: Record, currency: str) -> Stock | None:
    """Return an article's stock over all locations; None where the shop doesn't count it."""
    count = available(record)
    if count is None:
        return None
    return Stock(
        sku=text(record.get("sku")),
        name=_name(record),
        available=count,
        record_id=text(record.get("id")),
        price=number(record.get("price")),
        currency=currency,
    )


def product(record: Record, currency: str) -> Product:
    """Return an article of the catalogue."""
    parent = part(record, "product")
    return Product(
        sku=text(record.get("sku")),
        name=_name(record),
        record_id=text(record.get("id")),
        price=number(record.get("price")),
        currency=currency,
        url=text(parent.get("onlineStoreUrl")),
        available=available(record),
        is_for_sale=parent.get("status") == "ACTIVE",
    )


def available(record: Record) -> Decimal | None:
    """Return how many can be promised; None where they aren't counted."""
    item = part(record, "inventoryItem")
    if item.get("tracked") is not True:
        return None
    levels = [parts(level, "quantities") for level in parts(part(item, "inventoryLevels"), "nodes")]
    counts = [quantity.get("quantity") for level in levels for quantity in level if quantity.get("name") == "available"]
    return sum((Decimal(count) for count in counts if type(count) is int), Decimal(0))


def _name(record: Record) -> str:
    title, own = text(part(record, "product").get("title")), text(record.get("title"))
    # What a product without variants calls its only one.
    return title if own in {"", "Default Title"} else f"{title}, {own}"


def order(record: Record) -> Order:
    """Return an order with its parcels."""
    customer, money = part(record, "customer"), part(part(record, "totalPriceSet"), "shopMoney")
    sent = [parcel for parcel in parts(record, "fulfillments") if parcel.get("status") == "SUCCESS"]
    expected = [at for parcel in sent if (at := moment(parcel.get("estimatedDeliveryAt")))]
    email = text(record.get("email")) or text(part(customer, "defaultEmailAddress").get("emailAddress"))
    return Order(
        number=text(record.get("name")).removeprefix("#"),
        status=status(record, sent),
        record_id=text(record.get("id")),
        email=email.strip().lower(),
        phone=text(record.get("phone")) or text(part(customer, "defaultPhoneNumber").get("phoneNumber")),
        placed_at=moment(record.get("createdAt")),
        expected_at=max(expected, default=None),
        total=number(money.get("amount")),
        currency=text(money.get("currencyCode")),
        shipments=[shipment for parcel in sent for shipment in _shipments(parcel)],
    )


def status(record: Record, sent: Sequence[Record]) -> str:
    """Return one of ORDER_STATUSES."""
    if record.get("cancelledAt"):
        return "cancelled"
    found = _STATUS.get(text(record.get("displayFulfillmentStatus")), "confirmed")
    if found == "shipped" and sent and all(parcel.get("displayStatus") == "DELIVERED" for parcel in sent):
        return "delivered"
    return found


def _shipments(parcel: Record) -> list[Shipment]:
    state = text(parcel.get("displayStatus")).lower().replace("_", " ")
    told = [(text(info.get("number")), text(info.get("company"))) for info in parts(parcel, "trackingInfo")]
    return [Shipment(number, company, state) for number, company in told if number]


def customer(record: Record) -> Customer:
    """Return a customer."""
    placed = number(record.get("numberOfOrders"))
    return Customer(
        record_id=text(record.get("id")),
        email=text(part(record, "defaultEmailAddress").get("emailAddress")).lower(),
        phone=text(part(record, "defaultPhoneNumber").get("phoneNumber")),
        first_name=text(record.get("firstName")),
        last_name=text(record.get("lastName")),
        orders=None if placed is None else int(placed),
    )


def marketing_state(record: Record) -> str:
    """Return how a customer stands to marketing by e-mail, such as `UNSUBSCRIBED`."""
    return text(part(record, "defaultEmailAddress").get("marketingState"))
