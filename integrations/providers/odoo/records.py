"""Odoo's records in our terms: `false` is empty, a many2one is `[id, label]`, times are naive UTC. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from integrations.providers.base import Customer, Order, Product, Shipment, VendorEvent
from integrations.providers.record_events import order_events
from integrations.providers.values import Record, latest, number, text, utc

STOCK_FIELDS = ("default_code", "name", "list_price", "free_qty", "currency_id")
PRODUCT_FIELDS = (*STOCK_FIELDS, "sale_ok")
ORDER_FIELDS = (
    *("name", "client_order_ref", "state", "delivery_status", "partner_id", "date_order", "commitment_date"),
    *("amount_total", "currency_id", "picking_ids"),
)
PARTNER_FIELDS = ("name", "email", "phone")
SHIPMENT_FIELDS = ("carrier_tracking_ref", "state", "picking_type_code", "date_done", "write_date")
CODED = ("product.product", [["default_code", "!=", False]])
_UNSOLD = {"cancel": "cancelled", "draft": "draft", "sent": "draft"}
# What left the warehouse; whether it has arrived Odoo doesn't know.
_STATUS = {"pending": "confirmed", "started": "in preparation", "partial": "partly shipped", "full": "shipped"}


def product(record: Record) -> Product:
    """Return an article; what can be promised of it is what is on hand less what is reserved."""
    return Product(
        sku=text(record.get("default_code")),
        name=text(record.get("name")),
        record_id=f"product.product/{record.get('id')}",
        price=number(record.get("list_price")),
        currency=label(record.get("currency_id")),
        available=number(record.get("free_qty")),
        is_for_sale=record.get("sale_ok") is True,
    )


def customer(record: Record) -> Customer:
    """Return a contact; its name is one field there."""
    email, phone = text(record.get("email")).strip().lower(), text(record.get("phone"))
    return Customer(f"res.partner/{record.get('id')}", email, phone, last_name=text(record.get("name")))


def order(record: Record, partner: Record, pickings: Sequence[Record]) -> Order:
    """Return an order with its customer's address and its parcels."""
    parcels = [(text(picking.get("carrier_tracking_ref")), text(picking.get("state"))) for picking in pickings]
    return Order(
        number=text(record.get("name")),
        status=status(text(record.get("state")), text(record.get("delivery_status"))),
        record_id=f"sale.order/{record.get('id')}",
        email=text(partner.get("email")).strip().lower(),
        phone=text(partner.get("phone")),
        placed_at=utc(record.get("date_order")),
        expected_at=utc(record.get("commitment_date")),
        total=number(record.get("amount_total")),
        currency=label(record.get("currency_id")),
        shipments=[Shipment(tracking_number, state=state) for tracking_number, state in parcels if tracking_number],
    )


def status(state: str, delivery_status: str) -> str:
    """Return one of ORDER_STATUSES from the two fields that make it up."""
    return _UNSOLD.get(state) or _STATUS.get(delivery_status, "confirmed")


def order_changed(record: Record, pickings: Sequence[Record], since: datetime) -> list[VendorEvent]:
    """Return what an order that was changed since then is told to be."""
    same, at = order(record, {}, pickings), latest([record, *pickings], "write_date")
    # What comes back is a transfer of the order's, too.
    sent_at = latest([each for each in pickings if each.get("picking_type_code") == "outgoing"], "date_done")
    # Told once more only if more of it is sent on another day.
    reached = f"{same.record_id}:{same.status}:{sent_at.date() if sent_at else ''}"
    return order_events(same, at, f"{same.record_id}:{at}", reached, is_old=bool(sent_at and sent_at < since))


def label(value: Any) -> str:
    """Return the label of a many2one."""
    return text(value[1]) if isinstance(value, list) and len(value) == 2 else ""


def reference(value: Any) -> int | None:
    """Return the id of a many2one."""
    return value[0] if isinstance(value, list) and value and type(value[0]) is int else None


def references(value: Any) -> list[int]:
    """Return the ids of a one2many."""
    return [item for item in value if type(item) is int] if isinstance(value, list) else []
