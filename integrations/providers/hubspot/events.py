"""What HubSpot tells by webhook: signed, up to a hundred events in one message, the same one perhaps again. Pure.

Source: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation (v3),
/docs/api-reference/webhooks-webhooks-v3/guide.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from integrations.providers.base import Received, VendorEvent
from integrations.providers.errors import BadSignature, Refused
from integrations.providers.signatures import check_hmac, check_recent

_MOST_EVENTS = 100
_MILLISECONDS = re.compile(r"[0-9]{1,13}\Z", re.ASCII)
_TYPES = {
    **dict.fromkeys(("creation", "propertyChange", "restore", "merge"), "contact.changed"),
    **dict.fromkeys(("deletion", "privacyDeletion"), "contact.deleted"),
}
_CONTACTS = "0-1"
_OPTED_OUT = "hs_email_optout"


def verify(received: Received, secrets: Sequence[str]) -> None:
    """Compare the signature over method, address, body and time, and refuse what is older than five minutes.

    Raises: BadSignature.
    """
    stamp = received.header("X-HubSpot-Request-Timestamp")
    sent_at = _moment(stamp)
    if sent_at is None:
        raise BadSignature("The message does not say when it was sent.")
    signed = f"{received.method}{received.url}".encode() + received.body + stamp.encode()
    check_hmac(received.header("X-HubSpot-Signature-v3"), signed, secrets)
    check_recent(sent_at, received.now)


def parse(received: Received) -> list[VendorEvent]:
    """Return what happened to contacts, oldest first. Raises: Refused where it is no list of events."""
    told = received.json()
    if not isinstance(told, list) or len(told) > _MOST_EVENTS:
        raise Refused("The message is no list of up to 100 events.", code="unreadable")
    found = {event.dedupe_id: event for item in told if (event := _event(item)) is not None}
    return sorted(found.values(), key=lambda event: event.occurred_at or datetime.max.replace(tzinfo=UTC))


def _event(item: Any) -> VendorEvent | None:
    if not isinstance(item, Mapping):
        return None
    about, _, what = str(item.get("subscriptionType") or "").partition(".")
    is_contact = about == "contact" or (about == "object" and item.get("objectTypeId") == _CONTACTS)
    numbers = [item.get(name) for name in ("objectId", "eventId", "subscriptionId")]
    if not is_contact or what not in _TYPES or not all(type(number) is int for number in numbers):
        return None
    record, event, subscription = (str(number)[:40] for number in numbers)
    has_left = what == "propertyChange" and item.get("propertyName") == _OPTED_OUT and _is_true(item)
    return VendorEvent(
        type="contact.unsubscribed" if has_left else _TYPES[what],
        subject=f"contact:{record}",
        dedupe_id=f"{event}-{subscription}",
        occurred_at=_moment(str(item.get("occurredAt"))),
        data={"record_id": record},
    )


def _is_true(item: Mapping[str, Any]) -> bool:
    return str(item.get("propertyValue")).lower() == "true"


def _moment(milliseconds: str) -> datetime | None:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if _MILLISECONDS.match(milliseconds) else None
