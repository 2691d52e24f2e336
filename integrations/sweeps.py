"""Does one thing to many deliveries: a few at once, more in the background, page by page and with progress.

How far it has come is a row, so it goes on wherever a worker stopped; doing a page twice does no harm.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from integrations import resending
from integrations.models import Connector, Delivery, Sweep
from runtime import jobs, wakeups
from runtime.clock import db_now

KIND = "sweep"
State = Sweep.State
Action = Sweep.Action

AT_ONCE = 1000
"""So many are done in the request of whoever asked."""

_TURN_SECONDS = 20.0
# Short: each page renews it.
_LEASE_SECONDS = min(20.0, jobs.LEASE_SECONDS)

FILTERS = ("state", "reason", "field", "settled_at__gte", "settled_at__lt", "settled_at__isnull")
"""What deliveries may be chosen by, besides their connector."""


@dataclass(frozen=True, slots=True)
class Begun:
    """How many deliveries it is about, and whether it is done already or goes on in the background."""

    count: int
    is_done: bool


def begin(*, action: Sweep.Action, connector: Connector, filters: Mapping[str, Any]) -> Begun:
    """Do something to the deliveries of a connector that `filters` (names: FILTERS) let through."""
    rows = chosen(connector, filters)
    # Not counted: that would read a hundred thousand rows to learn that they are many.
    if not rows[AT_ONCE : AT_ONCE + 1].exists():
        return Begun(_act(action, list(rows.values_list("pk", flat=True))), is_done=True)
    with transaction.atomic():
        total = rows.count()
        row = Sweep.objects.create(connector=connector, action=action, filters=dict(filters), total=total)
        wakeups.wake(KIND, str(row.pk))
    return Begun(total, is_done=False)


def chosen(connector: Connector, filters: Mapping[str, Any]) -> QuerySet[Delivery]:
    """Return the deliveries it is about. Raises: ValueError for a filter that isn't one."""
    if not set(filters) <= set(FILTERS):
        raise ValueError(f"Deliveries can't be chosen by {', '.join(sorted(set(filters) - set(FILTERS)))}.")
    return Delivery.objects.filter(connector=connector, **filters)


def _act(action: str, ids: Sequence[uuid.UUID]) -> int:
    rows = Delivery.objects.filter(pk__in=ids)
    if action == Action.CANCEL:
        return resending.cancel_all(rows)
    if action == Action.SEND_NOW:
        return rows.filter(state=Delivery.State.WAITING, due_at__gt=db_now()).update(due_at=db_now())
    return resending.send_again_all(rows)


def run(id: uuid.UUID) -> None:
    """Go on with one, for one turn at the most."""
    ends_at = time.monotonic() + _TURN_SECONDS
    for row in Sweep.objects.filter(pk=id).claim(lease_seconds=_LEASE_SECONDS):
        while _next_page(row):
            if jobs.stopping.is_set() or time.monotonic() > ends_at:
                Sweep.objects.settle(row, state=State.WAITING, due_at=db_now())
                wakeups.wake(KIND, str(id))
                return


def _next_page(row: Sweep) -> bool:
    """Do the next page; False where there is none, or somebody else has taken over."""
    rows = chosen(row.connector, row.filters).order_by("pk")
    if row.after:
        rows = rows.filter(pk__gt=row.after)
    ids = list(rows.values_list("pk", flat=True)[:AT_ONCE])
    if not ids:
        Sweep.objects.settle(row, state=State.DONE, ended_at=db_now())
        return False
    # Done first and noted then: after a crash in between the page is done once more, which every action bears
    # (docs/decisions/008-sweeps.md). Noted first, it would be left out.
    row.after, count = ids[-1], _act(row.action, ids)
    until = db_now() + timedelta(seconds=_LEASE_SECONDS)
    progress = {"after": row.after, "seen": F("seen") + len(ids), "changed": F("changed") + count}
    return Sweep.objects.settle(row, **progress, lease_until=until)


def shown(connector: Connector) -> Sweep | None:
    """Return what a connector's page shows: what is under way, else what ended within the last minutes."""
    newest = Sweep.objects.filter(connector=connector).order_by("-created_at").first()
    if newest is None or (newest.ended_at and newest.ended_at < db_now() - timedelta(minutes=10)):
        return None
    return newest


WORK = jobs.Kind(KIND, lambda now, limit: Sweep.objects.look(now, limit), lambda id: run(uuid.UUID(id)))
