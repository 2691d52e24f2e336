"""What a vendor's record that was changed is told to be, whoever's it is. Pure.

A `…_id` says what is told once, else its record's id and `at` do. Nothing is told of an order without number or id, nor
of an article without an SKU.
"""

from dataclasses import replace
from datetime import datetime

from integrations.providers.base import Order, Product, Shipment, VendorEvent

_REACHED = {"shipped": "order.shipped", "delivered": "order.delivered", "cancelled": "order.cancelled"}
_LONGEST = 200


def order_events(
    order: Order,
    at: datetime | None,
    changed_id: str,
    reached_id: str,
    *,
    type: str = "order.updated",
    is_old: bool = False,
) -> list[VendorEvent]:
    """Return that an order was changed, and what it has got to by now.

    One that was sent before anybody asked (`is_old`) isn't told to be sent.
    """
    number = order.number[:_LONGEST]
    if not (number and order.record_id):
        return []
    parcel = order.shipments[-1] if order.shipments else Shipment("")
    data = {"order_number": number, "record_id": order.record_id}
    data |= {"tracking_number": parcel.tracking_number[:_LONGEST], "carrier": parcel.carrier[:_LONGEST]}
    told = {name: value for name, value in data.items() if value}
    # The same second may hold two changes: it was sent, and then the number of the parcel became known.
    changed_id = f"{changed_id}:{order.status}:{parcel.tracking_number[:_LONGEST]}"
    first = VendorEvent(type, f"order:{number}", changed_id, at, told)
    reached = None if is_old and order.status != "cancelled" else _REACHED.get(order.status)
    return [first, replace(first, type=reached, dedupe_id=reached_id)] if reached else [first]


def product_events(
    product: Product, at: datetime | None, changed_id: str = "", *, is_gone: bool = False
) -> list[VendorEvent]:
    """Return that an article was changed, or is none any more."""
    sku, type = product.sku[:_LONGEST], "product.deleted" if is_gone else "product.changed"
    changed_id = changed_id or f"{product.record_id}:{at}"
    return [VendorEvent(type, f"product:{sku}", changed_id, at, {"sku": sku})] if sku else []


def stock_events(product: Product, at: datetime | None, changed_id: str = "") -> list[VendorEvent]:
    """Return how many there are of an article by now; nothing where they aren't counted."""
    sku, available = product.sku[:_LONGEST], product.available
    if available is None or not sku:
        return []
    # The same second may hold two changes.
    changed_id = changed_id or f"{product.record_id}:{at}:{available:f}"
    return [VendorEvent("stock.changed", f"stock:{sku}", changed_id, at, {"sku": sku, "available": f"{available:f}"})]
