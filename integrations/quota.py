"""A vendor's limit on requests, shared by every process that calls it: drainers and look-ups draw on the same."""

import time
import uuid
from dataclasses import dataclass

from django.core.cache import cache

# Windows of the vendor don't begin when ours do; a little less than allowed keeps their edges from adding up.
_MARGIN = 0.95
_SLOTS_PER_WINDOW = 20
# One slot in so many is left to look-ups, where a connector serves them.
_LOOKUPS_SLOT = 5


@dataclass(frozen=True, slots=True)
class Window:
    """So many requests in so many seconds."""

    requests: int
    seconds: float


class Quota:
    """Paces requests evenly over a window, in short slots that are counted atomically in the shared cache."""

    def __init__(self, connector_id: uuid.UUID, window: Window | None, *, leaves_lookups_share: bool = False) -> None:
        self._name = f"quota:{connector_id}"
        self._window = window
        self._leaves_lookups_share = leaves_lookups_share

    def take(self) -> float:
        """Take the right to one request; returns 0, or the seconds to wait before asking again."""
        now = time.time()
        closed_until = float(cache.get(f"{self._name}:closed") or 0)
        if closed_until > now:
            return closed_until - now
        if self._window is None:
            return 0.0
        per_slot, seconds = _slots(self._window)
        slot = int(now / seconds)
        is_ours = not (self._leaves_lookups_share and slot % _LOOKUPS_SLOT == 0)
        if is_ours and _count(f"{self._name}:{slot}", self._window.seconds + seconds * 2 + 1) <= per_slot:
            return 0.0
        # Never nothing: the clock may not move within a rounding error.
        return max(0.001, (slot + 1) * seconds - now)

    def left(self) -> int:
        """Return how many requests of the window that ends now were not used; 0 while the vendor wants none."""
        if self._window is None or float(cache.get(f"{self._name}:closed") or 0) > time.time():
            return 0
        per_slot, seconds = _slots(self._window)
        slot = int(time.time() / seconds)
        names = [f"{self._name}:{slot - back}" for back in range(round(self._window.seconds / seconds))]
        # Who came too late in a slot was counted too, and sent away.
        used = sum(min(int(count), per_slot) for count in cache.get_many(names).values())
        return max(0, self._window.requests - used)

    def close(self, seconds: float) -> None:
        """Let nobody call for a while: the vendor said that we are over its limit."""
        cache.set(f"{self._name}:closed", time.time() + seconds, timeout=seconds)


def _slots(window: Window) -> tuple[int, float]:
    """Return how many requests go into one slot of a window, and how many seconds it lasts."""
    per_slot = max(1, window.requests // _SLOTS_PER_WINDOW)
    return per_slot, window.seconds * per_slot / window.requests / _MARGIN


def _count(key: str, timeout: float) -> int:
    cache.add(key, 0, timeout=max(1, round(timeout)))
    try:
        return int(cache.incr(key))
    except ValueError:
        # It expired in between: the slot is over anyway.
        return 1
