"""Domain events: what must travel up the house."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from django.db import transaction

from runtime import jobs
from runtime.clock import db_now
from runtime.jobs import JobQuerySet
from runtime.periodic import prune
from runtime.wakeups import wake

if TYPE_CHECKING:
    from runtime.models import Event
    from runtime.personal import Person

Consumer = Callable[["Event"], None]

log = structlog.get_logger(__name__)
_LONGEST_PAUSE = timedelta(hours=1)

_consumers: dict[str, list[Consumer]] = defaultdict(list)


class EventQuerySet(JobQuerySet["Event"]):
    """Reads and claims domain events."""


def subscribe(type: str, consumer: Consumer) -> None:
    """Have `consumer` called for each event of `type` (`*` = all); it may only write to the database.

    All consumers of an event share one transaction with the note that it is done: each has its effect once.
    """
    _consumers[type].append(consumer)


def consumers_of(type: str) -> list[Consumer]:
    """Return who wants events of `type`."""
    return _consumers[type] + _consumers["*"]


def publish(type: str, subject: str = "", data: dict[str, Any] | None = None) -> "Event":
    """Write an event in the caller's transaction, e.g. `publish("order.shipped", "order:1001", {"carrier": "DHL"})`."""
    from runtime.models import Event

    event = Event.objects.create(type=type, subject=subject, data=data or {})
    wake("event", str(event.pk))
    return event


def _look(now: datetime, limit: int) -> jobs.Look:
    from runtime.models import Event

    return Event.objects.look(now, limit)


def _run(id: str) -> None:
    """Hand one event to its consumers; all of them and the note that it is done commit together."""
    from runtime.models import Event

    for event in Event.objects.filter(pk=id).claim():
        try:
            _hand_over(event)
        except LeaseLost:
            log.warning("event.lease_lost", id=id)
        except Exception as err:
            log.exception("event.failed", type=event.type, id=id)
            pause = min(_LONGEST_PAUSE, timedelta(seconds=5 * 2 ** min(event.tries, 10)))
            Event.objects.settle(
                event,
                state=Event.State.WAITING,
                tries=event.tries + 1,
                due_at=db_now() + pause,
                error=type(err).__name__,
            )


@transaction.atomic
def _hand_over(event: "Event") -> None:
    for consumer in consumers_of(event.type):
        consumer(event)
    # Last, and in the same transaction: where the lease is lost, what the consumers wrote goes with it.
    if not type(event).objects.settle(event, state=event.State.DONE, error=""):
        raise LeaseLost


class LeaseLost(Exception):
    """Another worker has taken the row over: what was done for it is rolled back."""


def forget(who: "Person") -> int:
    """Empty the events that name somebody: what they were about has happened."""
    from runtime.models import Event

    mentioned = who.mentioned_in("data", "subject")
    return Event.objects.filter(mentioned).update(data={}, subject="") if mentioned is not None else 0


def prune_events(*, days: int) -> int:
    """Delete events that were handed over and are older than so many days; return how many went."""
    from runtime.models import Event

    return prune(Event.objects.filter(state=Event.State.DONE, created_at__lt=db_now() - timedelta(days=days)))


WORK = jobs.Kind("event", _look, _run)
