"""Sources of events, and receiving from them."""

from datetime import timedelta
from hmac import compare_digest

from django.db import IntegrityError, transaction
from django.db.models import F

from gateway.parsing import loads
from runtime.clock import db_now
from runtime.periodic import prune
from runtime.secrets import Secret
from runtime.wakeups import wake
from webhooks import reading, tokens
from webhooks.models import InboundEvent, Source

KIND = "inbound_event"


def source_create(*, name: str, is_demo: bool = False) -> tuple[Source, Secret]:
    """Return a new source and the token of its address, which is told only now."""
    token = tokens.generate()
    return Source.objects.create(name=name, token_digest=tokens.digest(token), is_demo=is_demo), token


def prune_inbound(*, days: int) -> int:
    """Delete events that were dealt with and are older than so many days; return how many went."""
    processed = InboundEvent.objects.filter(state=InboundEvent.State.PROCESSED)
    return prune(processed.filter(received_at__lt=db_now() - timedelta(days=days)))


def source_of(token: str) -> Source | None:
    """Return the active source that a token belongs to."""
    digest = tokens.digest(token)
    source = Source.objects.filter(token_digest=digest, is_active=True).first()
    return source if source and compare_digest(source.token_digest, digest) else None


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
