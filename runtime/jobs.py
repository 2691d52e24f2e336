"""Durable work: kinds of jobs, claims with a lease and a fence, and the actor that a wake-up starts."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q

from runtime.clock import db_now

if TYPE_CHECKING:
    from runtime.models import Job

JobT = TypeVar("JobT", bound="Job")

LEASE_SECONDS: int = settings.JOB_LEASE_SECONDS

stopping = threading.Event()
"""Set when this process shall end: work in hand is finished, nothing more is claimed."""


class JobQuerySet(models.QuerySet[JobT]):
    """Reads and claims rows of durable work."""

    def claimable(self, now: datetime) -> "JobQuerySet[JobT]":
        """Return rows that are due, and rows whose holder let the lease run out."""
        waiting, claimed = self.model.WAITING, self.model.CLAIMED
        return self.filter(Q(state=waiting, due_at__lte=now) | Q(state=claimed, lease_until__lt=now))

    def next_due_at(self) -> datetime | None:
        """Return when the next row becomes claimable, or None where no row is open."""
        due = self.filter(state=self.model.WAITING).aggregate(at=models.Min("due_at"))["at"]
        lapse = self.filter(state=self.model.CLAIMED).aggregate(at=models.Min("lease_until"))["at"]
        return min((at for at in (due, lapse) if at is not None), default=None)

    def look(self, now: datetime, limit: int, *, called: str = "pk") -> "Look":
        """Return what is claimable by what work is called by; asked for only where the first one is due."""
        next_at = self.next_due_at()
        if next_at is None or next_at > now:
            return Look(next_at=next_at)
        due = self.claimable(now).order_by("due_at").values_list(called, flat=True)
        return Look([str(id) for id in due[:limit]])

    def claim(self, limit: int = 1, lease_seconds: float = LEASE_SECONDS) -> list[JobT]:
        """Take up to `limit` claimable rows of this queryset; committed when this returns.

        Rows that another transaction holds (a capture that joins one, another claimer) are passed over.
        """
        with transaction.atomic():
            now = db_now()
            rows = self.claimable(now).order_by("due_at").select_for_update(skip_locked=True, of=("self",))
            ids = list(rows.values_list("pk", flat=True)[:limit])
            if not ids:
                return []
            # The locks last as long as this transaction. What keeps others away while a vendor is called is the lease;
            # who stands still beyond that finds another fence and settles nothing.
            until = now + timedelta(seconds=lease_seconds)
            mine = self.model._default_manager.filter(pk__in=ids)
            mine.update(state=self.model.CLAIMED, lease_until=until, fence=F("fence") + 1)
            return list(mine.order_by("due_at"))

    def settle(self, job: JobT, /, **values: Any) -> bool:
        """Write `values` to a claimed row; False where someone else has claimed it since (nothing is written)."""
        # Not for its id alone: a job that was taken over is somebody else's to settle, however it ended here.
        mine = self.model._default_manager.filter(pk=job.pk, fence=job.fence, state=self.model.CLAIMED)
        return bool(mine.update(**{"lease_until": None, **values}))


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a kind's rows found: ids of what is due or, where nothing is, when something will be."""

    due: Sequence[str] = ()
    next_at: datetime | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of durable work.

    `look(now, limit)` says which ids have work now, or when some will; `run(id)` does the work of one id and returns
    when nothing is due for it any more. Both may be called at any time, twice or not at all: the rows decide.
    """

    name: str
    look: Callable[[datetime, int], Look]
    run: Callable[[str], None]


_kinds: dict[str, Kind] = {}
_later: list[str] = []
_loading = threading.Lock()


def register(kind: Kind) -> None:
    """Make a kind of work known to the workers; called from `AppConfig.ready`."""
    _kinds[kind.name] = kind


def register_later(path: str) -> None:
    """Make the kind that is at `module:name` known; loaded where kinds are asked for: in workers."""
    _later.append(path)


def kinds() -> list[Kind]:
    """Return every registered kind."""
    with _loading:
        while _later:
            module, _, name = _later[-1].partition(":")
            register(getattr(import_module(module), name))
            _later.pop()
    return list(_kinds.values())


def run(name: str, id: str) -> None:
    """Do what is due for one id of one kind."""
    if name not in _kinds:
        kinds()
    _kinds[name].run(id)
