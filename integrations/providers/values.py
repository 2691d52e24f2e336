"""Single values out of a vendor's records, which may be anything. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Record = Mapping[str, Any]


def text(value: Any) -> str:
    """Return a text; what is none is an empty one."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> Decimal | None:
    """Return a number, also one told as a text, without a float's noise."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = Decimal(str(value))
    except InvalidOperation:
        return None
    return parsed if parsed.is_finite() else None


def moment(value: Any) -> datetime | None:
    """Return a moment in ISO 8601; None where it is none, or has no offset."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return found if found.tzinfo else None


def part(record: Record, name: str) -> Record:
    """Return a record inside a record; an empty one where there is none."""
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}


def parts(record: Record, name: str) -> list[Record]:
    """Return the records of a list inside a record."""
    found = record.get(name)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def digest(*words: str) -> str:
    """Return an id for what has none of its own: the same for the same words, and telling nothing of them."""
    return hashlib.sha256("\n".join(words).encode("utf-8", "replace")).hexdigest()
