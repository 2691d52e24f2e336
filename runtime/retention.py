"""How long each kind of data is kept: every room registers its own, one page shows and sets the periods."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db.models import F

from runtime import jobs
from runtime.clock import db_now

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of data that is kept for a while.

    `usual_days` says how long where nobody chose, None: for ever. `prune` deletes what is older than so many days, in
    small transactions, and returns how much went; what it doesn't get to is left to the next time.
    """

    name: str
    words: str
    usual_days: Callable[[], int | None]
    prune: Callable[[int], int]


_kinds: dict[str, Kind] = {}


def register(name: str, words: str, usual_days: int | Callable[[], int | None], prune: Callable[[int], int]) -> None:
    """Have a kind of data deleted after a while; called from `AppConfig.ready`."""
    usual = usual_days if callable(usual_days) else lambda: usual_days
    _kinds[name] = Kind(name, words, usual, prune)


def kinds() -> list[Kind]:
    """Return every kind, by name."""
    return [_kinds[name] for name in sorted(_kinds)]


def days(name: str) -> int | None:
    """Return how long a kind is kept: as somebody chose, else as usual; None: for ever."""
    from runtime.models import Retention

    chosen = Retention.objects.filter(name=name).values_list("days", flat=True).first()
    return _kinds[name].usual_days() if chosen is None else chosen


def ensure_rows() -> None:
    """Create the row of every kind that has none."""
    from runtime.models import Retention

    Retention.objects.bulk_create([Retention(name=name) for name in sorted(_kinds)], ignore_conflicts=True)


def run() -> str:
    """Delete what is old enough, kind by kind; returns a line for the admin."""
    ensure_rows()
    return f"{sum(_run(kind) for kind in kinds()):,} removed"


def _run(kind: Kind) -> int:
    """Delete what is old enough of one kind; one that fails keeps no other from its turn."""
    from runtime.models import Retention

    kept = days(kind.name)
    if kept is None or jobs.stopping.is_set():
        return 0
    row = Retention.objects.filter(name=kind.name)
    try:
        count = kind.prune(kept)
    except Exception as err:
        log.exception("retention.failed", kind=kind.name)
        row.update(last_ran_at=db_now(), trouble=type(err).__name__)
        return 0
    row.update(last_ran_at=db_now(), last_removed=count, removed=F("removed") + count, trouble="")
    return count
