"""Odoo's records in our terms: `false` is empty, a many2one is `[id, label]`, times are naive UTC. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.providers.base import Order, Shipment, Stock

Record = Mapping[str, Any]

STOCK_FIELDS = ("default_code", "name", "list_price", "free_qty", "currency_id")
ORDER_FIELDS = (
    "name",
    "client_order_ref",
    "state",
    "delivery_status",
    "partner_id",
    "date_order",
    "commitment_date",
    "amount_total",
    "currency_id",
    "picking_ids",
)
PARTNER_FIELDS = ("email", "phone")
SHIPMENT_FIELDS = ("carrier_tracking_ref", "state")

_STATUS = {
    "pending": "confirmed",
    "started": "in preparation",
    "partial": "partly shipped",
    # What left the warehouse; whether it has arrived Odoo doesn't know.
    "full": "shipped",
}


def stock(record: Record) -> Stock:
    """Return what can be promised: on hand less reserved."""
    return Stock(
        sku=text(record.get("default_code")),
        name=text(record.get("name")),
        available=number(record.get("free_qty")) or Decimal(0),
        record_id=f"product.product/{record.get('id')}",
        price=number(record.get("list_price")),
        currency=label(record.get("currency_id")),
    )


def order(record: Record, partner: Record, pickings: Sequence[Record]) -> Order:
    """Return an order with its customer's address and its parcels."""
    return Order(
        number=text(record.get("name")),
        status=status(text(record.get("state")), text(record.get("delivery_status"))),
        record_id=f"sale.order/{record.get('id')}",
        email=text(partner.get("email")).strip().lower(),
        phone=text(partner.get("phone")),
        placed_at=time(record.get("date_order")),
        expected_at=time(record.get("commitment_date")),
        total=number(record.get("amount_total")),
        currency=label(record.get("currency_id")),
        shipments=[shipment(picking) for picking in pickings if text(picking.get("carrier_tracking_ref"))],
    )


def status(state: str, delivery_status: str) -> str:
    """Return one of ORDER_STATUSES from the two fields that make it up."""
    if state == "cancel":
        return "cancelled"
    if state in {"draft", "sent"}:
        return "draft"
    return _STATUS.get(delivery_status, "confirmed")


def shipment(record: Record) -> Shipment:
    """Return a parcel."""
    return Shipment(tracking_number=text(record.get("carrier_tracking_ref")), state=text(record.get("state")))


def text(value: Any) -> str:
    """Return a text; `false` is an empty one."""
    return value if isinstance(value, str) else ""


def label(value: Any) -> str:
    """Return the label of a many2one."""
    return text(value[1]) if isinstance(value, list) and len(value) == 2 else ""


def reference(value: Any) -> int | None:
    """Return the id of a many2one."""
    return value[0] if isinstance(value, list) and value and type(value[0]) is int else None


def references(value: Any) -> list[int]:
    """Return the ids of a one2many."""
    return [item for item in value if type(item) is int] if isinstance(value, list) else []


def number(value: Any) -> Decimal | None:
    """Return a number without a float's noise; `false` is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = Decimal(str(value))
    except InvalidOperation:
        return None
    return parsed if parsed.is_finite() else None


def time(value: Any) -> datetime | None:
    """Return an aware time from Odoo's naive UTC text, `2026-11-23 09:30:00`."""
    try:
        return datetime.strptime(text(value)[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
