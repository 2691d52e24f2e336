"""What connectors' vendors tell: checked, read and stored once, as events in our words. The rest of it isn't kept."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from gateway.addresses import Address
from integrations.models import Connector
from integrations.providers.base import EVENT_TYPES, Acknowledgement, EventSource, Received, VendorEvent
from integrations.providers.errors import BadSignature, Refused
from integrations.providers.registry import class_of
from integrations.subscriptions import purpose_of
from runtime.scrubbing import scrub_text
from runtime.wakeups import wake
from webhooks import reading, sources
from webhooks.models import InboundEvent, Source
from webhooks.reading import Reading, Unreadable

KIND = "inbound_event"
_FIELDS = (
    *("order_number", "record_id", "tracking_number", "carrier", "sku", "available"),
    *("email", "purpose", "confirmed"),
)
_CONSENTS = {"contact.subscribed", "contact.unsubscribed"}
_LONGEST_SUBJECT, _LONGEST_VALUE, _LONGEST_BODY, _LONGEST_REASON = 128, 254, 4_000, 200
_NO_FORM = "It is in no form that we know."
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def message_receive(
    *, source: Source, speaks: EventSource, token: str, received: Received, sender: Address | None
) -> Acknowledgement:
    """Take what a connector's vendor sent to the address with this token; returns what it wants to hear.

    Nothing of it is read before it has proved where it comes from, and nothing is kept where it can't. What is proved
    and not understood is kept for a person. Raises: BadSignature.
    """
    try:
        sources.check_sender(source, sender)
        speaks.verify(received, sources.secrets_in_force(source, speaks, token))
    except BadSignature as err:
        sources.refusal_note(source=source, because=err.code)
        raise
    try:
        told = speaks.parse(received)
    except Refused as err:
        _keep_unread(source, received.body, err.words)
    else:
        events_keep(source=source, events=told)
    sources.heard(source)
    return speaks.acknowledgement


def events_keep(*, source: Source, events: Sequence[VendorEvent], counts_again: bool = True) -> int:
    """Store what a vendor told, each event once however often it is told; returns how many are new.

    What is told again is counted, unless we ask in a way that has it told again.
    """
    told = {reading.bounded("event:", each.dedupe_id): each for each in events if each.type in EVENT_TYPES}
    if not told:
        return 0
    with transaction.atomic():
        mine = InboundEvent.objects.filter(source=source, dedupe_key__in=told)
        known = set(mine.values_list("dedupe_key", flat=True))
        rows = [_row(source, key, event) for key, event in told.items() if key not in known]
        # Where another request stores the same at this moment, one of the two is left out.
        InboundEvent.objects.bulk_create(rows, ignore_conflicts=True)
        if known and counts_again:
            mine.filter(dedupe_key__in=known).update(times_received=F("times_received") + 1)
        for row in rows:
            wake(KIND, str(row.pk))
    return len(rows)


def _row(source: Source, key: str, event: VendorEvent) -> InboundEvent:
    values: dict[str, Any] = {"type": event.type, "subject": _storable(event.subject, _LONGEST_SUBJECT)}
    if event.occurred_at is not None:
        values["occurred_at"] = event.occurred_at.isoformat()
    values["data"] = {
        name: _storable(event.data[name], _LONGEST_VALUE) for name in _FIELDS if str(event.data.get(name) or "")
    }
    return InboundEvent(source=source, dedupe_key=key, type=event.type, body=json.dumps(values))


def _keep_unread(source: Source, body: bytes, words: str) -> None:
    """Keep a message that its vendor sent and that makes no sense to us, without secrets and what is personal."""
    text = _storable(scrub_text(body.decode("utf-8", "replace")), _LONGEST_BODY)
    reason = (words or _NO_FORM)[:_LONGEST_REASON]
    key = f"sha256:{hashlib.sha256(body).hexdigest()}"
    values = {"body": text, "state": InboundEvent.State.NEEDS_YOU, "reason": reason}
    row, is_new = InboundEvent.objects.get_or_create(source=source, dedupe_key=key, defaults=values)
    if not is_new:
        InboundEvent.objects.filter(pk=row.pk).update(times_received=F("times_received") + 1)


def _storable(text: str, longest: int) -> str:
    """Return a text without what no database takes, cut to a length."""
    return _UNSTORABLE.sub("\ufffd", str(text))[:longest]


def read(connector: Connector, body: Any) -> Reading:
    """Return the domain event of a stored one. Raises: Unreadable where it was kept as it came."""
    if not isinstance(body, Mapping) or body.get("type") not in EVENT_TYPES:
        raise Unreadable(_NO_FORM)
    data = {**body["data"], "source": connector.name, "connector": str(connector.pk)}
    if "occurred_at" in body:
        data["occurred_at"] = body["occurred_at"]
    if body["type"] in _CONSENTS:
        data["purpose"] = _purpose(connector, data.get("purpose", ""))
    return Reading(body["type"], body["subject"], data)


def _purpose(connector: Connector, told: str) -> str:
    """Return what a consent is for here: vendors that know one kind of consent alone don't name it, or in their way."""
    is_usual = not told or told == class_of(connector).subscription_purpose
    return purpose_of(connector) if is_usual else told
