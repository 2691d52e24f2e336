"""What Brevo's marketing webhooks tell; a token or password of ours proves them. Pure.

Source: https://developers.brevo.com/docs/marketing-webhooks, /docs/secure-webhook-calls; of changed contacts, what
others received (sendinblue/APIv3-php-library, issue 175).
"""

import base64
import binascii
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from integrations.providers.base import Received, VendorEvent
from integrations.providers.errors import Refused
from integrations.providers.values import Record, digest, moment, parts, text

HEADER = "X-Webhook-Secret"
"""The header for those who enter the secret as one of their own."""

_MOST_EVENTS = 1000
_TYPES = {
    **dict.fromkeys(("unsubscribe", "unsubscribed", "spam"), "contact.unsubscribed"),
    **dict.fromkeys(("list_addition", "listAddition"), "contact.subscribed"),
    # Also who was put on the blocklist: after bounces, by an administrator or by us, which is no act of theirs.
    **dict.fromkeys(("contact_updated", "contactUpdated"), "contact.changed"),
    **dict.fromkeys(("contact_deleted", "contactDeleted"), "contact.deleted"),
}
_LATEST = 4_000_000_000


def given_secret(received: Received) -> str:
    """Return what a sender says to prove itself: a bearer token, a password or a header of its own."""
    scheme, _, value = received.header("Authorization").partition(" ")
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return received.header(HEADER)


def parse(received: Received) -> list[VendorEvent]:
    """Return what happened to contacts: one event, or many where Brevo sends them in batches. Raises: Refused."""
    body = received.json()
    items = body if isinstance(body, list) else [body]
    if len(items) > _MOST_EVENTS or not all(isinstance(item, dict) for item in items):
        raise Refused("The message is no event and no list of up to 1,000.", code="unreadable")
    found = {event.dedupe_id: event for item in items for event in _events(item)}
    return list(found.values())


def _events(item: Record) -> Iterator[VendorEvent]:
    name = text(item.get("event"))
    if name not in _TYPES:
        return
    at = _moment(item.get("ts_event")) or moment(item.get("date"))
    for email in _people(item):
        words = [name, email, *(str(item.get(key)) for key in ("ts_event", "ts", "camp_id", "list_id", "date"))]
        # It names no id of the contact.
        subject = f"contact:{digest(email)[:32]}"
        yield VendorEvent(_TYPES[name], subject, digest(*words), at, {"email": email[:254]})


def _people(item: Record) -> list[str]:
    """Return the addresses of those whom an event is about."""
    # Some events are about several people at once; of those who were changed it tells one level down.
    emails = item["email"] if isinstance(item.get("email"), list) else [item.get("email")]
    told = [*emails[:_MOST_EVENTS], *(each.get("email") for each in parts(item, "content")[:_MOST_EVENTS])]
    return [email for email in dict.fromkeys(text(each).strip().lower() for each in told) if email]


def _moment(seconds: Any) -> datetime | None:
    """Return a moment; `ts` and most dates are in zones of the account's, `ts_event` alone is in UTC."""
    is_time = type(seconds) is int and 0 < seconds < _LATEST
    return datetime.fromtimestamp(seconds, UTC) if is_time else None
