"""Tryton's records in our terms: decimals and dates are objects, a relation's fields stand under `<name>.`. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from integrations.providers import base
from integrations.providers.base import Contact
from integrations.providers.record_events import order_events
from integrations.providers.values import Record, number, part, parts, text

PARTY, LEAD = "party.party", "sale.opportunity"
_PREFIX = "party."

STOCK_FIELDS = ("code", "name", "quantity", "forecast_quantity")
PRODUCT_FIELDS = (*STOCK_FIELDS, "salable", "list_price_used")
ORDER_FIELDS = (
    *("number", "reference", "state", "shipment_state", "sale_date", "shipping_date", "total_amount"),
    *("currency.code", "party.email", "party.phone", "shipments"),
)
SHIPMENT_FIELDS = ("state", "shipping_reference")
PARTY_FIELDS = (
    "name",
    "identifiers.code",
    *(f"contact_mechanisms.{name}" for name in ("type", "value", "value_compact")),
)
CHANGED_FIELDS = ("number", "state", "shipment_state", "last_modified_at", "shipments.effective_date")
LEAD_FIELDS = ("state", "comment")
OPEN = {"lead", "opportunity"}

_STATUS = {
    "waiting": "in preparation",
    # Somebody has to look after the shipment; the customer's goods are still here.
    "exception": "in preparation",
    "partially shipped": "partly shipped",
    # What left the warehouse; whether it has arrived Tryton doesn't know.
    "sent": "shipped",
}
_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")
# What the lead itself says; a mapping writes nothing else there.
OURS = {"party.email", "party.phone", "party.mobile", "party.fax", "party.code", "reference"}
# Tryton gives these by itself where nothing is said.
GIVEN = {"party.code", "number", "company", "currency", "start_date", "conversion_probability", "state"}


def stock(record: Record) -> base.Stock:
    """Return an article's stock."""
    code, name = text(record.get("code")), text(record.get("name"))
    return base.Stock(code, name, available(record), f"product.product/{record['id']}")


def available(record: Record) -> Decimal:
    """Return what can be promised: what is there, less what is to leave, where more is to leave than to come."""
    counts = [number(record.get(name)) or Decimal(0) for name in ("quantity", "forecast_quantity")]
    return max(min(counts), Decimal(0))


def product(record: Record, currency: str, *, is_counted: bool) -> base.Product:
    """Return an article of the catalogue."""
    return base.Product(
        sku=text(record.get("code")),
        name=text(record.get("name")),
        record_id=f"product.product/{record['id']}",
        price=amount(record.get("list_price_used")),
        currency=currency,
        available=available(record) if is_counted else None,
        is_for_sale=record.get("salable") is True,
    )


def order(record: Record, shipments: Sequence[Record]) -> base.Order:
    """Return an order with its customer's address and its parcels."""
    party, currency = part(record, "party."), part(record, "currency.")
    sent = [(text(shipment.get("shipping_reference")), text(shipment.get("state"))) for shipment in shipments]
    return base.Order(
        # A draft has no number yet.
        number=text(record.get("number")) or text(record.get("reference")),
        status=status(text(record.get("state")), text(record.get("shipment_state"))),
        record_id=f"sale.sale/{record['id']}",
        email=text(party.get("email")).strip().lower(),
        phone=text(party.get("phone")).replace(" ", ""),
        placed_at=moment(record.get("sale_date")),
        expected_at=moment(record.get("shipping_date")),
        total=amount(record.get("total_amount")),
        currency=text(currency.get("code")),
        shipments=[base.Shipment(tracking_number, state=state) for tracking_number, state in sent if tracking_number],
    )


def status(state: str, shipment_state: str) -> str:
    """Return one of ORDER_STATUSES from the two fields that make it up."""
    if state == "cancelled":
        return "cancelled"
    if state in {"draft", "quotation"}:
        return "draft"
    return _STATUS.get(shipment_state, "confirmed")


def customer(record: Record) -> base.Customer:
    """Return a party; its name is one field there."""
    return base.Customer(
        record_id=f"{PARTY}/{record['id']}",
        email=next(iter(values_of(record, "email")), ""),
        phone=next(iter(values_of(record, "phone", "mobile")), ""),
        last_name=text(record.get("name")),
    )


def values_of(party: Record, *types: str) -> list[str]:
    """Return a party's addresses or numbers of some types, without blanks and in small letters."""
    found = [each for each in parts(party, "contact_mechanisms.") if each.get("type") in types]
    return [(text(each.get("value_compact")) or text(each.get("value"))).replace(" ", "").lower() for each in found]


def is_ours(party: Record, contact: Contact) -> bool:
    """Tell whether a party was made for this contact."""
    return any(each.get("code") == contact.mark for each in parts(party, "identifiers."))


def is_theirs(party: Record, contact: Contact) -> bool:
    """Tell whether a party that was found is the contact's, and not only alike."""
    return is_ours(party, contact) or not contact.email or contact.email in values_of(party, "email")


def domain(contact: Contact) -> list[Any]:
    """Return what finds a contact's party: our id, else the e-mail address; the phone where there is none."""
    ours = [["identifiers.code", "=", contact.mark]]
    if contact.email:
        return ["OR", ours, by_email(contact.email)]
    phone = text(contact.values.get("phone"))
    numbers = [["type", "in", ["phone", "mobile"]], ["value_compact", "=", phone]]
    return ["OR", ours, [["contact_mechanisms", "where", numbers]]] if phone else ours


def by_email(email: str) -> list[Any]:
    """Return what finds an address whatever its case, and at times another: `_` stands for any character there."""
    value = email.replace("\\", "\\\\").replace("%", "\\%")
    return [["contact_mechanisms", "where", [["type", "=", "email"], ["value", "ilike", value]]]]


def party_values(contact: Contact) -> dict[str, Any]:
    """Return the fields of a party that a mapping fills."""
    mapped = {name.removeprefix(_PREFIX): value for name, value in contact.fields.items() if name.startswith(_PREFIX)}
    return {name: value for name, value in mapped.items() if f"{_PREFIX}{name}" not in OURS}


def new_party(contact: Contact) -> dict[str, Any]:
    """Return a party to be made, with our id and all of its addresses."""
    # An identifier of no type of Tryton's.
    identifier = {"type": None, "code": contact.mark}
    mechanisms = [["create", missing_mechanisms(contact, {})]]
    return {**party_values(contact), "identifiers": [["create", [identifier]]], "contact_mechanisms": mechanisms}


def missing_mechanisms(contact: Contact, party: Record) -> list[dict[str, str]]:
    """Return the addresses and numbers of a contact that a party doesn't have yet."""
    told = {"email": contact.email, "phone": text(contact.values.get("phone"))}
    known = {"email": values_of(party, "email"), "phone": values_of(party, "phone", "mobile")}
    return [{"type": kind, "value": value} for kind, value in told.items() if value and value not in known[kind]]


def lead_values(contact: Contact) -> dict[str, Any]:
    """Return the fields of a lead that a mapping fills."""
    return {name: value for name, value in contact.fields.items() if not name.startswith(_PREFIX) and name not in OURS}


def amount(value: Any) -> Decimal | None:
    """Return a decimal, which is `{"__class__": "Decimal", "decimal": "76.00"}`."""
    return number(value.get("decimal")) if isinstance(value, Mapping) else number(value)


def changed(sale: Record, since: datetime) -> list[base.VendorEvent]:
    """Return what a sale that was changed since then is told to be; that it was sent before isn't told again."""
    at, same = moment(sale.get("last_modified_at")), order(sale, ())
    if at is None or not sale.get("number"):
        return []
    sent_on = [sent for each in parts(sale, "shipments.") if (sent := moment(each.get("effective_date")))]
    is_old = bool(sent_on) and max(sent_on).date() < since.date()
    changed_id, reached_id = f"{same.record_id}:{at.isoformat()}", f"{same.record_id}:{same.status}"
    return order_events(same, at, changed_id, reached_id, is_old=is_old)


def stamp(at: datetime) -> dict[str, Any]:
    """Return a moment as domains take it."""
    return {"__class__": "datetime", **{name: getattr(at, name) for name in _PARTS}}


def moment(value: Any) -> datetime | None:
    """Return a moment, or a day's beginning: `{"__class__": "date", "year": 2026, "month": 11, "day": 26}`."""
    try:
        return datetime(**{name: value[name] for name in _PARTS if name in value}, tzinfo=UTC)
    except (TypeError, ValueError):
        return None
