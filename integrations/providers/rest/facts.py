"""What an answer tells, in our terms: the record in it, mapped by the administrator's rows. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.mapping import evaluate, map_each
from integrations.providers.base import ORDER_STATUSES, Customer, Order, Shipment, Stock
from integrations.providers.endpoints import USES, Endpoint
from integrations.providers.errors import Refused, RetryLater
from integrations.providers.values import number

Values = Mapping[str, Any]

_EMPTY: tuple[Any, ...] = (None, False, "", [], {})
_MOST_RECORDS = 1_000
_MOST_SHIPMENTS = 20
_LONGEST = 300
_MILLISECONDS_FROM = 100_000_000_000
# What many call the states of an order; any other word has to be translated by a row of the mapping.
_STATUSES = {
    **{status: status for status in ORDER_STATUSES},
    **dict.fromkeys(("new", "open", "pending", "paid", "accepted", "placed", "received"), "confirmed"),
    **dict.fromkeys(
        ("processing", "in_progress", "in preparation", "preparing", "packed", "picking"), "in preparation"
    ),
    **dict.fromkeys(("partially_shipped", "partially_fulfilled", "partial"), "partly shipped"),
    **dict.fromkeys(("sent", "dispatched", "fulfilled", "in_transit"), "shipped"),
    **dict.fromkeys(("completed", "complete", "done"), "delivered"),
    **dict.fromkeys(("canceled", "voided", "refunded", "returned"), "cancelled"),
}


def holds(what: str, expression: str, body: Any) -> bool:
    """Tell whether an expression over an answer finds something; none asks nothing. Raises: Misconfigured."""
    return bool(expression) and evaluate(what, expression, body) not in _EMPTY


def mapped(endpoint: Endpoint, body: Any, asked: str = "") -> Values | None:
    """Return what an answer says by the names of the mapping; None where it says that there is none.

    Of a list, the record that was asked for counts; one that is about something else is none.
    Raises: Refused (`ambiguous`), Misconfigured, RetryLater where the answer has another shape than was defined.
    """
    if holds("not found", endpoint.missing_if, body):
        return None
    record = evaluate("record", endpoint.record, body) if endpoint.record else body
    if record in (None, [], {}):
        return None
    records = record[:_MOST_RECORDS] if isinstance(record, list) else [record]
    if not all(isinstance(each, Mapping) for each in records):
        raise RetryLater("The answer holds no record where one was defined.", code="garbled_reply")
    told, key = map_each(endpoint.answer, records), USES[endpoint.use].key
    if asked and any(row.field == key for row in endpoint.answer):
        told = [each for each in told if text(each.get(key)).casefold() == asked.casefold()]
    if len(told) > 1:
        raise Refused("The answer holds several records and doesn’t say which one it is.", code="ambiguous")
    return told[0] if told and told[0] else None


def stock(told: Values, asked: str) -> Stock | None:
    """Return an article's stock; None where nobody counts it."""
    available = number(told.get("available"))
    if available is None:
        return None
    return Stock(
        sku=text(told.get("sku")) or asked,
        name=text(told.get("name")),
        available=available,
        record_id=text(told.get("record_id")) or asked,
        price=number(told.get("price")),
        currency=text(told.get("currency"))[:8],
    )


def order(told: Values, asked: str) -> Order | None:
    """Return an order. Raises: Refused (`unknown_status`)."""
    if "status" not in told:
        return None
    return Order(
        number=text(told.get("number")) or asked,
        status=_status(told["status"]),
        record_id=text(told.get("record_id")) or asked,
        email=text(told.get("email")),
        phone=text(told.get("phone")),
        placed_at=moment(told.get("placed_at")),
        expected_at=moment(told.get("expected_at")),
        total=number(told.get("total")),
        currency=text(told.get("currency"))[:8],
        shipments=_shipments(told),
    )


def customer(told: Values, asked: str) -> Customer | None:
    """Return a customer; None where the record has another address or doesn't say which."""
    if text(told.get("email")).casefold() != asked.casefold():
        return None
    count = number(told.get("orders"))
    return Customer(
        record_id=text(told.get("record_id")) or "?",
        email=asked,
        phone=text(told.get("phone")),
        first_name=text(told.get("first_name")),
        last_name=text(told.get("last_name")),
        orders=None if count is None else int(count),
    )


def _status(value: Any) -> str:
    word = text(value).casefold()
    status = _STATUSES.get(word) or _STATUSES.get(word.replace(" ", "_").replace("-", "_"))
    if status is None:
        known = ", ".join(ORDER_STATUSES)
        raise Refused(
            f"The order’s state is a word that isn’t translated yet; ours are {known}.", code="unknown_status"
        )
    return status


def _shipments(told: Values) -> list[Shipment]:
    numbers, carriers = _many(told.get("tracking_number")), _many(told.get("carrier"))
    # One carrier for all parcels, or one for each.
    carriers = carriers * len(numbers) if len(carriers) == 1 else carriers
    padded = [*carriers, *[""] * len(numbers)]
    return [Shipment(each, carrier) for each, carrier in zip(numbers, padded, strict=False)]


def _many(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text(each) for each in values[:_MOST_SHIPMENTS] if text(each)]


def text(value: Any) -> str:
    """Return a text or a number as text; anything else tells nothing."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value).strip()[:_LONGEST]
    return ""


def moment(value: Any) -> datetime | None:
    """Return a time: ISO 8601, or seconds or milliseconds since 1970; without a zone it is UTC."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if value > _MILLISECONDS_FROM else value
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    try:
        read = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
