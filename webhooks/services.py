"""Receiving events from systems that are no connectors, and processing events again."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from gateway.parsing import loads
from runtime.clock import db_now
from runtime.periodic import prune
from runtime.wakeups import wake
from webhooks import reading
from webhooks.models import InboundEvent, Source
from webhooks.sources import source_create as source_create
from webhooks.sources import source_of as source_of
from webhooks.told import KIND as KIND


def prune_inbound(*, days: int) -> int:
    """Delete events that were dealt with and are older than so many days; return how many went."""
    processed = InboundEvent.objects.filter(state=InboundEvent.State.PROCESSED)
    return prune(processed.filter(received_at__lt=db_now() - timedelta(days=days)))


def inbound_event_receive(*, source: Source, raw: bytes, header_id: str | None = None) -> tuple[InboundEvent, bool]:
    """Store what a source sent, once; the second value says whether it had been sent before.

    Raises: rest_framework.exceptions.ParseError, where it isn't JSON.
    """
    body = loads(raw)
    key = reading.dedupe_key(header_id, body, raw)
    event = InboundEvent(
        source=source,
        dedupe_key=key,
        type=reading.event_name(body)[: reading.LONGEST_TYPE],
        body=raw.decode("utf-8-sig"),
    )
    try:
        with transaction.atomic():
            event.save(force_insert=True)
            wake(KIND, str(event.pk))
    except IntegrityError:
        return _received_again(source, key), True
    return event, False


def inbound_event_send_again(*, event: InboundEvent) -> bool:
    """Process an event once more; False where it is still waiting or being read.

    One that was processed before is published a second time: that is what "again" asks for.
    """
    settled = InboundEvent.objects.filter(
        pk=event.pk, state__in=[InboundEvent.State.PROCESSED, InboundEvent.State.NEEDS_YOU]
    )
    with transaction.atomic():
        is_open = bool(settled.update(state=InboundEvent.State.WAITING, tries=0, due_at=db_now(), reason=""))
        if is_open:
            wake(KIND, str(event.pk))
    return is_open


def _received_again(source: Source, key: str) -> InboundEvent:
    same = InboundEvent.objects.filter(source=source, dedupe_key=key)
    same.update(times_received=F("times_received") + 1)
    return same.get()
