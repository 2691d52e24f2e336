"""What looked-up records tell, as facts with their receipt."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from engine.answers import LONGEST_FACT, Fact, Receipt, one_line
from integrations.lookups import Found
from integrations.providers.base import Order, Stock

_MOST_ITEMS = 20
_LONGEST_VALUE = 10_000
_NOT_EXPECTED = {"shipped", "delivered", "cancelled"}


def order_facts(order: Order, receipt: Receipt) -> list[Fact]:
    """Return what is known of an order."""
    return facts_of(
        receipt,
        number=order.number,
        status=order.status,
        placed_at=order.placed_at,
        # Once it has left, or never will, the date that was promised only confuses.
        expected_at=None if order.status in _NOT_EXPECTED else order.expected_at,
        total=money(order.total, order.currency),
        tracking_number=", ".join(shipment.tracking_number for shipment in order.shipments if shipment.tracking_number),
        carrier=", ".join(dict.fromkeys(shipment.carrier for shipment in order.shipments if shipment.carrier)),
    )


def stock_facts(stock: Stock, receipt: Receipt) -> list[Fact]:
    """Return what is known of an article."""
    return facts_of(
        receipt,
        sku=stock.sku,
        name=stock.name,
        availability="in stock" if stock.available > 0 else "out of stock",
        available=quantity(stock.available),
        price=money(stock.price, stock.currency),
    )


def receipt_of(found: Found[Any]) -> Receipt:
    """Return where something that was looked up comes from."""
    return Receipt(found.source, found.record_id, found.fetched_at, found.age_seconds, found.cache)


def money(amount: Decimal | None, currency: str) -> dict[str, str] | None:
    """Return an amount as the API gives it."""
    return None if amount is None else {"amount": f"{amount:.2f}", "currency": currency}


def quantity(number: Decimal) -> int | float:
    """Return a quantity as a JSON number."""
    return int(number) if number == number.to_integral_value() else float(number)


def facts_of(receipt: Receipt, /, **values: Any) -> list[Fact]:
    """Return what is known of values, JSON's or a record's, by name."""
    known: Iterable[tuple[str, Any]] = ((name, value) for name, value in values.items() if value not in (None, ""))
    return [Fact(name, _value(value), _text(value), receipt) for name, value in known]


def _value(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, str):
        return _cut(value)
    # JSON's lists and objects can't be cut to something that still means the same.
    length = len(json.dumps(value, default=str)) if isinstance(value, list | dict) else 0
    return value if length <= _LONGEST_VALUE else f"Too long to be told here: {length:,} characters."


def _cut(text: str) -> str:
    said = one_line(text)
    return said if len(text) <= LONGEST_FACT else f"{said} … (cut: it has {len(text):,} characters)"


def _text(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _cut(", ".join(one_line(str(item)) for item in value[:_MOST_ITEMS]))
    if isinstance(value, dict) and {"amount", "currency"} <= set(value):
        return f"{value['amount']} {value['currency']}".strip()
    return _cut(str(value))
