"""Single values out of a vendor's records, which may be anything. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
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


def utc(value: Any) -> datetime | None:
    """Return a moment that is told without an offset and means UTC, such as `2026-11-23 09:30:00`."""
    return moment(f"{text(value)}Z")


def latest(found: Sequence[Record], name: str) -> datetime | None:
    """Return the last of the times (`utc`) that records have under a name."""
    return max((at for one in found if (at := utc(one.get(name)))), default=None)


def part(record: Record, name: str) -> Record:
    """Return a record inside a record; an empty one where there is none."""
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}


def parts(record: Record, name: str) -> list[Record]:
    """Return the records of a list inside a record."""
    found = record.get(name)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def meant(found: Sequence[Record], name: str, value: str) -> Record | None:
    """Return the record whose own number, unique there, was asked for, among all that have that number somewhere.

    A customer's reference may be used by two customers, and then tells nothing.
    """
    own = [record for record in found if record.get(name) == value]
    return own[0] if own else found[0] if len(found) == 1 else None


def digest(*words: str) -> str:
    """Return an id for what has none of its own: the same for the same words, and telling nothing of them."""
    return hashlib.sha256("\n".join(words).encode("utf-8", "replace")).hexdigest()
