"""Turns inbound events into domain events."""

import json
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from gateway.parsing import loads
from runtime import events
from runtime.clock import db_now
from runtime.jobs import Kind, Look
from webhooks import reading, told
from webhooks.models import InboundEvent

log = structlog.get_logger(__name__)

MOST_TRIES = 10
_LONGEST_REASON = 200
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)


def look(now: datetime, limit: int) -> Look:
    """Return which events wait to be read."""
    return InboundEvent.objects.look(now, limit)


def run(id: str) -> None:
    """Read one event, if nobody else does."""
    for event in InboundEvent.objects.filter(pk=id).claim():
        try:
            inbound_event_process(event)
        except Exception as err:
            log.exception("inbound_event.failed", id=id)
            _try_later(event, type(err).__name__)


def inbound_event_process(event: InboundEvent) -> None:
    """Publish the domain event of a claimed row; publishing and settling commit together, so it happens once."""
    try:
        read = _read(event)
    except reading.Unreadable as err:
        InboundEvent.objects.settle(event, state=InboundEvent.State.NEEDS_YOU, reason=str(err)[:_LONGEST_REASON])
        return
    with transaction.atomic():
        published = events.publish(read.type, read.subject, dict(read.data))
        settled = InboundEvent.objects.settle(
            event, state=InboundEvent.State.PROCESSED, type=read.type, event_id=published.pk, reason=""
        )
        if not settled:  # The lease ran out and another worker has it: what was published here must not be seen.
            transaction.set_rollback(True)


def _read(event: InboundEvent) -> reading.Reading:
    """Return what an event means. Raises: Unreadable."""
    source = event.source
    if source.connector is None:
        return reading.read(str(source), loads(event.body.encode()))
    try:
        body = json.loads(event.body)
    except ValueError:
        body = None
    return told.read(source.connector, body)


def _try_later(event: InboundEvent, error: str) -> None:
    tries = event.tries + 1
    if tries > MOST_TRIES:
        reason = f"It could not be processed after {tries} tries ({error}). Look at the log, then process it again."
        InboundEvent.objects.settle(
            event, state=InboundEvent.State.NEEDS_YOU, tries=tries, reason=reason[:_LONGEST_REASON]
        )
        return
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**event.tries)
    reason = f"Try {tries} failed ({error}); it is tried again by itself."
    InboundEvent.objects.settle(
        event, state=InboundEvent.State.WAITING, tries=tries, due_at=db_now() + pause, reason=reason
    )


WORK = Kind(told.KIND, look, run)
