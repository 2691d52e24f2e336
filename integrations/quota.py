"""A vendor's limits on requests, shared by every process that calls it: drainers and look-ups draw on the same."""

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.core.cache import cache
from django.utils import timezone

from integrations.providers.base import Limits

# Windows of the vendor don't begin when ours do; a little less than allowed keeps their edges from adding up.
_MARGIN = 0.93
_SLOTS_PER_WINDOW = 20
# One slot in so many is left to look-ups, where a connector serves them; so is that part of a day's budget.
_LOOKUPS_SLOT = 5
_HOUR, _DAY = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Window:
    """So many requests in so many seconds."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of a day's requests, and when there are new ones (seconds since 1970)."""

    remaining: int
    total: int
    renews_at: float


class Quota:
    """Paces requests evenly over a window, in short slots that are counted atomically in the shared cache.

    What the vendor says in its answers corrects it (`correct`); a window that a person set is kept to.
    """

    def __init__(
        self,
        connector_id: uuid.UUID,
        window: Window | None,
        *,
        daily: int | None = None,
        is_fixed: bool = False,
        leaves_lookups_share: bool = False,
    ) -> None:
        self._name = f"quota:{connector_id}"
        self._window = window
        self._daily = daily
        self._is_fixed = is_fixed
        self._leaves_lookups_share = leaves_lookups_share

    @property
    def window(self) -> Window | None:
        """The window that is kept to: the vendor's own word where it gave one."""
        return self._window if self._is_fixed else cache.get(f"{self._name}:window") or self._window

    def take(self) -> float:
        """Take the right to one request; returns 0, or the seconds to wait before asking again."""
        now = time.time()
        # In one question: this stands before every request to a vendor.
        told = cache.get_many([f"{self._name}:closed", f"{self._name}:ours", f"{self._name}:window"])
        closed_until = float(told.get(f"{self._name}:closed") or 0)
        if self._leaves_lookups_share:
            closed_until = max(closed_until, float(told.get(f"{self._name}:ours") or 0))
        if closed_until > now:
            return closed_until - now
        window = self._window if self._is_fixed else told.get(f"{self._name}:window") or self._window
        wait = self._take_slot(window, now) if window else 0.0
        if not wait and self._daily:
            _count(self._today, _DAY)
        return wait

    def _take_slot(self, window: Window, now: float) -> float:
        per_slot, seconds = _slots(window)
        slot = int(now / seconds)
        is_ours = not (self._leaves_lookups_share and slot % _LOOKUPS_SLOT == 0)
        # The counter is there for as long as `left` may look back at it.
        if is_ours and _count(f"{self._name}:{slot}", window.seconds + seconds * 2 + 1) <= per_slot:
            return 0.0
        # Never nothing: the clock may not move within a rounding error.
        return max(0.001, (slot + 1) * seconds - now)

    def rest(self) -> float:
        """Return how many seconds it takes until the day's budget renews; 0 while something is left of it."""
        budget = self.budget()
        if budget is None:
            return 0.0
        kept = budget.total // _LOOKUPS_SLOT if self._leaves_lookups_share else 0
        return 0.0 if budget.remaining > kept else max(1.0, budget.renews_at - time.time())

    def budget(self) -> Budget | None:
        """Return what is left of the day's budget: as the vendor said last, else as we have counted."""
        told: Budget | None = cache.get(f"{self._name}:day")
        if told is not None or not self._daily:
            return told
        used = int(cache.get(self._today) or 0)
        return Budget(max(0, self._daily - used), self._daily, _midnight())

    @property
    def _today(self) -> str:
        return f"{self._name}:day:{timezone.localtime(_now()).date()}"

    def left(self) -> int:
        """Return how many requests of the window that ends now were not used; 0 while the vendor wants none."""
        window = self.window
        if window is None or float(cache.get(f"{self._name}:closed") or 0) > time.time():
            return 0
        per_slot, seconds = _slots(window)
        slot = int(time.time() / seconds)
        names = [f"{self._name}:{slot - back}" for back in range(round(window.seconds / seconds))]
        # Who came too late in a slot was counted too, and sent away.
        used = sum(min(int(count), per_slot) for count in cache.get_many(names).values())
        return max(0, window.requests - used)

    def close(self, seconds: float) -> None:
        """Let nobody call for a while: the vendor said that we are over its limit."""
        cache.set(f"{self._name}:closed", time.time() + seconds, timeout=seconds)

    def correct(self, limits: Limits) -> None:
        """Keep to what the vendor has just said of its limits; others may use the same account."""
        if limits.requests and limits.seconds and limits.seconds <= _DAY:
            told = Window(limits.requests, limits.seconds)
            if told != self.window and not self._is_fixed:
                cache.set(f"{self._name}:window", told, timeout=_DAY)
        if limits.remaining is not None:
            self._correct_window(limits, limits.remaining)
        if limits.daily_remaining is not None:
            self._correct_day(limits, limits.daily_remaining)

    def _correct_window(self, limits: Limits, remaining: int) -> None:
        window = self.window
        pause = limits.resets_in
        if pause is None:
            pause = window.seconds / _SLOTS_PER_WINDOW if window else 0.0
        if remaining <= 0 and pause:
            self.close(min(pause, _DAY))
        elif self._leaves_lookups_share and window and remaining * _LOOKUPS_SLOT <= window.requests and pause:
            cache.set(f"{self._name}:ours", time.time() + pause, timeout=pause)

    def _correct_day(self, limits: Limits, remaining: int) -> None:
        renews_at = _midnight() if limits.daily_resets_in is None else time.time() + min(limits.daily_resets_in, _DAY)
        if limits.daily_resets_in is None and remaining <= 0 and timezone.localtime(_now()).hour < 12:
            # The vendor's midnight isn't ours: it may come within hours.
            renews_at = min(renews_at, time.time() + _HOUR)
        budget = Budget(remaining, limits.daily or max(self._daily or 0, remaining), renews_at)
        cache.set(f"{self._name}:day", budget, timeout=max(1.0, renews_at - time.time()))


def _slots(window: Window) -> tuple[int, float]:
    """Return how many requests go into one slot of a window, and how many seconds it lasts."""
    per_slot = max(1, window.requests // _SLOTS_PER_WINDOW)
    return per_slot, window.seconds * per_slot / window.requests / _MARGIN


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def _midnight() -> float:
    """Return when the next day begins in the installation's time zone, in seconds since 1970."""
    tomorrow = timezone.localtime(_now()).date() + timedelta(days=1)
    return timezone.make_aware(datetime.combine(tomorrow, datetime.min.time())).timestamp()


def _count(key: str, timeout: float) -> int:
    cache.add(key, 0, timeout=max(1, round(timeout)))
    try:
        return int(cache.incr(key))
    except ValueError:
        # It expired in between: the slot is over anyway.
        return 1
