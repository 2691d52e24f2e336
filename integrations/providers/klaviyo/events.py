"""What Klaviyo's system webhooks tell, signed with a key of ours. Pure.

Source: https://developers.klaviyo.com/en/docs/working_with_system_webhooks, and messages as they were received.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from integrations.providers.base import Received, VendorEvent
from integrations.providers.errors import BadSignature, Refused
from integrations.providers.signatures import check_hmac, check_recent
from integrations.providers.values import Record, digest, moment, part, parts, text

_MOST_EVENTS = 1000
_SECONDS = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,9})?\Z", re.ASCII)
_TOPIC = "event:klaviyo."
_LEFT = re.compile(r"unsubscribed_from_email(?:_marketing)?\Z|marked_email_as_spam\Z")
_CAME = re.compile(r"subscribed_to_email(?:_marketing)?\Z")


def verify(received: Received, secrets: Sequence[str]) -> None:
    """Compare the signature over body and time, and refuse what is older than five minutes. Raises: BadSignature."""
    stamp = received.header("Klaviyo-Timestamp")
    signed = received.body + stamp.encode("utf-8", "surrogateescape")
    check_hmac(received.header("Klaviyo-Signature"), signed, secrets, encoding="hex")
    # The header is part of what is signed, but no clock: it has been seen five hours ahead, local time called GMT.
    sent_at = _told_at(received) or _sent_at(stamp)
    if sent_at is None:
        raise BadSignature("The message does not say when it was sent.")
    check_recent(sent_at, received.now)


def _told_at(received: Received) -> datetime | None:
    """Return when a message was sent, as its body says; None where it doesn't."""
    try:
        body = received.json()
    except Refused:
        # What can't be read `parse` refuses.
        return None
    return moment(part(body, "meta").get("timestamp")) if isinstance(body, dict) else None


def parse(received: Received) -> list[VendorEvent]:
    """Return who has left or come. Raises: Refused where it is no list of events."""
    body = received.json()
    if not isinstance(body, dict) or not isinstance(body.get("data"), list) or len(body["data"]) > _MOST_EVENTS:
        raise Refused("The message holds no list of events.", code="unreadable")
    found = {event.dedupe_id: event for item in parts(body, "data") if (event := _event(item)) is not None}
    return sorted(found.values(), key=lambda event: event.occurred_at or datetime.max.replace(tzinfo=UTC))


def _event(item: Record) -> VendorEvent | None:
    topic = text(item.get("topic"))
    name = topic.removeprefix(_TOPIC) if topic.startswith(_TOPIC) else ""
    type = "contact.unsubscribed" if _LEFT.match(name) else "contact.subscribed" if _CAME.match(name) else ""
    event = part(part(item, "payload"), "data")
    profile = text(part(part(part(event, "relationships"), "profile"), "data").get("id"))[:64]
    id = text(item.get("external_id")) or text(event.get("id"))
    if not (type and profile and id):
        return None
    # Whom it is about comes along only where the webhook was told to include profiles.
    named = part(part(event, "attributes"), "event_properties").get("email_address")
    data = {"record_id": profile, "email": _email(part(item, "payload"), profile) or text(named).lower()[:254]}
    occurred_at = moment(part(event, "attributes").get("datetime"))
    filled = {key: value for key, value in data.items() if value}
    return VendorEvent(type, f"contact:{profile}", digest(topic, id), occurred_at, filled)


def _email(payload: Record, profile: str) -> str:
    """Return a profile's address, where it came along."""
    included = (one for one in parts(payload, "included") if one.get("id") == profile)
    return next((text(part(one, "attributes").get("email")).lower()[:254] for one in included), "")


def _sent_at(stamp: str) -> datetime | None:
    """Return when a message was sent, as its header says: an HTTP date, and in no documented form."""
    if _SECONDS.match(stamp):
        return datetime.fromtimestamp(float(stamp), UTC)
    try:
        return moment(stamp) or parsedate_to_datetime(stamp).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
