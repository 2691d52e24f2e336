"""Periodic work: rows with a due time, claimed like everything else, so that it runs once however many workers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from django.db.models import QuerySet

from runtime import jobs
from runtime.clock import db_now

if TYPE_CHECKING:
    from runtime.models import PeriodicJob  # noqa: F401 (named in a generic's argument)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Chore:
    """A piece of periodic work; `run` returns a line for the admin, such as `"12 rows removed"`.

    Where a worker is killed meanwhile, another takes it up after `lease_seconds`; nothing may take longer.
    """

    name: str
    every: timedelta
    run: Callable[[], str]
    lease_seconds: float = 600


class PeriodicJobQuerySet(jobs.JobQuerySet["PeriodicJob"]):
    """Reads and claims periodic work."""


_chores: dict[str, Chore] = {}


def register(name: str, every: timedelta, run: Callable[[], str], *, lease_seconds: float = 600) -> None:
    """Have `run` called about `every` so often; called from `AppConfig.ready`."""
    _chores[name] = Chore(name, every, run, lease_seconds)


def ensure_rows() -> None:
    """Create the row of every registered chore; called when a worker starts."""
    from runtime.models import PeriodicJob

    PeriodicJob.objects.bulk_create([PeriodicJob(name=name) for name in sorted(_chores)], ignore_conflicts=True)


def _look(now: datetime, limit: int) -> jobs.Look:
    from runtime.models import PeriodicJob

    return PeriodicJob.objects.filter(name__in=_chores).look(now, limit, called="name")


def _run(name: str) -> None:
    from runtime.models import PeriodicJob

    chore = _chores[name]
    for row in PeriodicJob.objects.filter(name=name).claim(lease_seconds=chore.lease_seconds):
        try:
            result = chore.run()
        except Exception as err:
            log.exception("chore.failed", chore=name)
            result = f"failed: {type(err).__name__}"
        # Counted from its end: a chore that takes longer than its period must not follow on its own heels.
        now = db_now()
        PeriodicJob.objects.settle(
            row, state=PeriodicJob.WAITING, due_at=now + chore.every, last_ran_at=now, last_result=result[:200]
        )


WORK = jobs.Kind("periodic", _look, _run)


_PRUNED_AT_ONCE = 500
# What is left after that waits for the next time: no chore may outlast its lease.
_MOST_PRUNED = 100_000


def prune(old: QuerySet[Any]) -> int:
    """Delete rows in small transactions, so that writers in between don't wait; returns how many went.

    What goes with them (the turns of a conversation) isn't counted.
    """
    gone, label = 0, old.model._meta.label
    while gone < _MOST_PRUNED and not jobs.stopping.is_set():
        ids = list(old.values_list("pk", flat=True)[:_PRUNED_AT_ONCE])
        if not ids:
            break
        gone += old.model._default_manager.filter(pk__in=ids).delete()[1].get(label, 0)
    return gone
