"""Asking a vendor what was changed since a time without missing anything: pass by pass, page by page. Pure.

Times of change are cut to seconds; what is changed while a pass goes on, or is written late, may lie before what was
read already. So a pass goes by ids, and begins a little before the newest change that was there when the one before it
began. What is told twice by that has the same `dedupe_id`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from integrations.providers.base import Changes, VendorEvent
from integrations.providers.errors import Misconfigured, Refused
from integrations.providers.values import moment

OVERLAP = timedelta(minutes=2)
_SECOND = timedelta(seconds=1)
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pass:
    """How far we have come: it tells nothing from before `floor`, asks for what was changed `since`, knows the `newest`
    change from when it began, and the `place` inside it.
    """

    floor: datetime
    since: datetime
    newest: datetime
    place: str = ""

    def __str__(self) -> str:
        times = (at.isoformat() for at in (self.floor, self.since, self.newest))
        return " ".join([*times, self.place]).rstrip()


Newest = Callable[[], datetime | None]
Page = Callable[[datetime, str], tuple[Sequence[VendorEvent], str]]
"""(since, place) → the events of what was changed from then on, after this place, and the next place; empty at the end.

The first place is empty.
"""


def changes(cursor: str, newest: Newest, page: Page) -> Changes:
    """Return what `ChangeSource.since` does, one page of it; `newest` says when anything was changed last.

    Raises: Refused (code `stale_cursor`) where it isn't a cursor of ours, and what the two raise.
    """
    going_on = _read(cursor) if cursor else None
    if going_on is not None and going_on.place:
        return _step(going_on, page)
    last = newest() or _BEGINNING
    if going_on is None:
        floor = last + _SECOND
        return Changes([], str(Pass(floor, floor, last)), is_all=True)
    # Also where the newest is the same: more may have been changed in that second.
    since = max(going_on.floor, going_on.newest - OVERLAP)
    return _step(Pass(going_on.floor, since, last), page)


def cursor_at(at: datetime) -> str:
    """Return what `ChangeSource.cursor_at` does."""
    return str(Pass(at, at, at))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of records that tell of changes, as `changes` asks for them."""

    newest: Newest
    page: Page


def changes_of(cursor: str, kinds: Sequence[Kind]) -> Changes:
    """Do the same for several kinds of records whose times are of one clock, one kind after another.

    A kind is left out that the vendor refuses, as the app for it may be missing there, or the right to read it; and in
    a pass since whose beginning nothing of it was changed. Raises: as `changes`; the refusal where all are refused.
    """
    times: dict[int, datetime | None] = {}

    def newest() -> datetime | None:
        for number, kind in enumerate(kinds):
            try:
                times[number] = kind.newest()
            except (Misconfigured, Refused):
                if number + 1 == len(kinds) and not times:
                    raise
        return max(filter(None, times.values()), default=None)

    def page(since: datetime, place: str) -> tuple[Sequence[VendorEvent], str]:
        # What is left of this pass, and how far the first of it is.
        left, _, after = place.partition(":")
        numbers = [int(word) for word in left.split(",") if word.isdecimal() and int(word) < len(kinds)]
        if not place:
            numbers = [number for number, at in times.items() if at and at >= since]
        if not numbers:
            return [], ""
        try:
            told, following = kinds[numbers[0]].page(since, after)
        except (Misconfigured, Refused):
            # When it was changed last may be read, and what, or of which records, may not.
            if len(times or kinds) == 1:
                raise
            told, following = [], ""
        numbers = numbers if following else numbers[1:]
        return told, f"{','.join(map(str, numbers))}:{following}" if numbers else ""

    return changes(cursor, newest, page)


def _step(now: Pass, page: Page) -> Changes:
    told, following = page(now.since, now.place)
    return Changes(told, str(replace(now, place=following)), is_all=not following)


def _read(cursor: str) -> Pass:
    times, place = cursor.split(" ")[:3], " ".join(cursor.split(" ")[3:])
    read = [at for at in map(moment, times) if at is not None]
    if len(read) != 3:
        raise Refused("This is no place to go on from.", code="stale_cursor")
    floor, since, newest = read
    return Pass(floor, since, newest, place)
