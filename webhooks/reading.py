"""What an event that was received means: its dedupe key, its domain event. Pure."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.text import slugify

LONGEST_KEY = 128
LONGEST_TYPE = 64
LONGEST_VALUE = 100

CANONICAL = frozenset(
    {
        *("order.created", "order.updated", "order.shipped", "order.delivered", "order.cancelled"),
        *("stock.changed", "contact.unsubscribed"),
    }
)
"""The event types that mean the same from every source; others carry their source's name."""

# Canonical field ← the names under which sources send it, the likelier first.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "order_number": ("order_number", "order_name", "order", "order_id"),
    "customer_id": ("customer_id", "customer"),
    "tracking_number": ("tracking_number", "tracking"),
    "carrier": ("carrier",),
    "sku": ("sku",),
}
# Whom a consent is about; no other event tells us who it is about.
_CONTACT_FIELDS: Mapping[str, tuple[str, ...]] = {"email": ("email", "email_address"), "purpose": ("purpose",)}
_VISIBLE = re.compile(r"[\x21-\x7e]+")


class Unreadable(Exception):
    """An event that means nothing to us; says why in words for a person."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The domain event that an inbound event becomes."""

    type: str
    subject: str
    data: Mapping[str, Any]


def dedupe_key(header_id: str | None, body: Any, raw: bytes) -> str:
    """Return what is the same each time a sender sends an event: its id where it has one, else the body's digest.

    An `id` counts only beside the event's name: alone it may as well be the order's, which has many events.
    """
    if header_id:
        return bounded("header:", header_id)
    fields = body if isinstance(body, dict) else {}
    if event_id := _text(fields.get("event_id")):
        return bounded("body:", event_id)
    if (id := _text(fields.get("id"))) and (name := event_name(fields)):
        return bounded("body:", f"{name}:{id}")
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def event_name(body: Any) -> str:
    """Return what the sender calls the event, or an empty string."""
    fields = body if isinstance(body, dict) else {}
    names = (fields.get(field) for field in ("event", "event_type", "type", "topic"))
    return next((name for name in names if isinstance(name, str) and name.strip()), "")


def read(source_name: str, body: Any) -> Reading:
    """Return the domain event of a parsed body. Raises: Unreadable."""
    if not isinstance(body, dict):
        raise Unreadable(f'The body is {_kind(body)}; an event is an object such as {{"event": "order_shipped"}}.')
    name = _dotted(event_name(body))
    if not name:
        raise Unreadable('The event has no name: "event" is missing, empty or not a text.')
    if name not in CANONICAL:
        return Reading(foreign_type(source_name, name), "", {"source": source_name, "body": body})
    fields = _canonical_fields(body, _CONTACT_FIELDS if name.startswith("contact.") else _FIELDS)
    return Reading(name, _subject(name, fields), {"source": source_name, **fields})


def foreign_type(source_name: str, name: str) -> str:
    """Return the type of an event that only its source knows; it can't pass for one of ours."""
    source = slugify(source_name)[:20].strip("-") or "source"
    return f"webhook.{source}.{name}"[:LONGEST_TYPE].rstrip(".")


def _canonical_fields(body: Mapping[str, Any], known: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return what is known of the fields that a canonical event may have, as texts."""
    found = {field: next(filter(None, (_text(body.get(name)) for name in names)), "") for field, names in known.items()}
    return {field: value for field, value in found.items() if value}


def _subject(name: str, fields: Mapping[str, str]) -> str:
    kind, field = ("order", "order_number") if name.startswith("order.") else ("stock", "sku")
    return f"{kind}:{fields[field]}" if field in fields else ""


def _dotted(name: str) -> str:
    """Return `order_shipped`, `Order Shipped` and `order/shipped` as `order.shipped`."""
    return re.sub(r"[^a-z0-9]+", ".", name[:LONGEST_TYPE].lower()).strip(".")


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return str(value).strip()[:LONGEST_VALUE]


def bounded(prefix: str, id: str) -> str:
    """Return a key that fits its column: an id that is long or strange is stored as its digest."""
    if _VISIBLE.fullmatch(id) and len(prefix) + len(id) <= LONGEST_KEY:
        return prefix + id
    return f"{prefix}sha256:{hashlib.sha256(id.encode()).hexdigest()}"


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
