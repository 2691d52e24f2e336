"""Sends deliveries once more, or gives them up: one, some, or a whole cause of a hundred thousand."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from integrations import outbox
from integrations.models import Delivery
from runtime import wakeups
from runtime.clock import db_now

State = Delivery.State

_AT_ONCE = 1000
_TRIES = 3
_REOPENED = (State.NEEDS_YOU, State.SKIPPED, State.CANCELLED)
_CANCELLED = (State.WAITING, State.NEEDS_YOU, State.SKIPPED)


def send_again(*, deliveries: Iterable[Delivery]) -> int:
    """Let settled deliveries wait for sending once more, now; returns how many.

    What waits already is made due now, and an older one of the same subject gives way to it; what is being sent is
    left alone.
    """
    ids, count = (delivery.pk for delivery in deliveries), 0
    while part := list(islice(ids, _AT_ONCE)):
        count += _send_again(part)
    return count


def send_again_all(deliveries: QuerySet[Delivery]) -> int:
    """Do the same for all deliveries of a queryset, in small transactions and little memory; returns how many."""
    return sum(_send_again(ids) for ids in _pages(deliveries))


def cancel_all(deliveries: QuerySet[Delivery]) -> int:
    """Give up those of a queryset that wait for their time or for a person; returns how many."""
    count = 0
    for ids in _pages(deliveries.filter(state__in=_CANCELLED)):
        rows = Delivery.objects.filter(pk__in=ids, state__in=_CANCELLED)
        count += rows.update(**outbox.closing(State.CANCELLED, "cancelled_by_person"))
    return count


Key = tuple[uuid.UUID, str, uuid.UUID, str]
"""Connector, subject kind, subject id, operation: what only one waiting delivery may have."""


class _Row(NamedTuple):
    pk: uuid.UUID
    connector_id: uuid.UUID
    subject_kind: str
    subject_id: uuid.UUID
    operation: str
    state: str

    @property
    def key(self) -> Key:
        return self.connector_id, self.subject_kind, self.subject_id, self.operation


def _pages(deliveries: QuerySet[Delivery]) -> Iterator[list[uuid.UUID]]:
    """Yield the ids of a queryset, page by page; a row that leaves it meanwhile moves no other."""
    ordered, last = deliveries.order_by("pk"), None
    while ids := list((ordered.filter(pk__gt=last) if last else ordered).values_list("pk", flat=True)[:_AT_ONCE]):
        yield ids
        last = ids[-1]


def _send_again(ids: list[uuid.UUID]) -> int:
    for tries_left in reversed(range(_TRIES)):
        try:
            with transaction.atomic():
                return _reopen(ids)
        except IntegrityError:
            # A capture put one in at this moment: looking again finds it.
            if not tries_left:
                raise
    raise AssertionError("unreachable")


def _reopen(ids: list[uuid.UUID]) -> int:
    found = Delivery.objects.filter(pk__in=ids).order_by("pk")
    # Whoever was erased is only told of again after a fresh capture.
    found = found.exclude(pk__in=Delivery.objects.filter(pk__in=ids).erased_since())
    # An erasure that has ended knows no longer who it was about.
    found = found.exclude(operation=outbox.ERASE, state__in=[State.DELIVERED, State.CANCELLED])
    rows = [_Row(*values) for values in found.values_list(*_Row._fields)]
    twins, now = _waiting(rows), db_now()
    Delivery.objects.filter(pk__in=twins.values(), state=State.WAITING).update(due_at=now, tries=0)
    # Of several that were given up for the same subject, the newest goes on; all give way to one that waits already.
    newest = {row.key: row.pk for row in rows if row.state in _REOPENED and row.key not in twins}
    closed = [row.pk for row in rows if row.state in _REOPENED and newest.get(row.key) != row.pk]
    Delivery.objects.filter(pk__in=closed, state__in=_REOPENED).update(**outbox.closing(State.SUPERSEDED))
    # A delivered one stays as the record of what the vendor was told.
    told = {row.key for row in rows if row.state == State.DELIVERED} - twins.keys() - newest.keys()
    outbox.put([outbox.Wanted(row[0], row[2], row[3], row[1]) for row in told])
    reopened = Delivery.objects.filter(pk__in=newest.values(), state__in=_REOPENED)
    count = reopened.update(state=State.WAITING, due_at=now, tries=0, settled_at=None)
    for connector_id in {row.connector_id for row in rows}:
        wakeups.wake("connector", str(connector_id))
    return count + len(told) + sum(row.key in twins for row in rows)


def _waiting(rows: Sequence[_Row]) -> dict[Key, uuid.UUID]:
    """Return the deliveries that wait already, by what only one of them may have."""
    # By the subjects alone: asked for the state too, a database may walk everything that waits, page after page.
    near = Delivery.objects.filter(subject_id__in={row.subject_id for row in rows})
    keys = {row.key for row in rows}
    found = (_Row(*values) for values in near.values_list(*_Row._fields))
    return {row.key: row.pk for row in found if row.state == State.WAITING and row.key in keys}
