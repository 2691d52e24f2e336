"""Leaves a vendor alone that is down: work is held, and one call at a time tries whether it is back."""

import time
import uuid

from django.core.cache import cache

FAILURES_IN_A_ROW = 5
SAMPLE = 20
SHARE = 0.5
PROBE_SECONDS = 30.0
_REMEMBERED_SECONDS = 86_400


class Breaker:
    """Opens after five failures in a row or when half of twenty calls failed; shared through the cache."""

    def __init__(self, connector_id: uuid.UUID) -> None:
        self._name = f"breaker:{connector_id}"

    @property
    def is_open(self) -> bool:
        """Say whether calls are held."""
        return bool(cache.get(f"{self._name}:open"))

    def wait(self) -> float:
        """Return 0 where a call may go (of those that come while it is open, one every 30 s), else the seconds left."""
        if not self.is_open:
            return 0.0
        now = time.time()
        # Of all that come at this moment, in whatever process, `add` succeeds for one.
        if cache.add(f"{self._name}:probe", now + PROBE_SECONDS, timeout=PROBE_SECONDS):
            return 0.0
        return max(0.05, float(cache.get(f"{self._name}:probe") or now) - now)

    def note(self, is_well: bool) -> None:
        """Count how a call went; a good one closes the breaker."""
        if is_well:
            self._note_well()
        else:
            self._note_failure()

    def reset(self) -> None:
        """Forget everything: a person says that the vendor is well."""
        cache.delete_many([f"{self._name}:{part}" for part in ("open", "probe", "row", "calls", "failures")])

    def _note_well(self) -> None:
        if self.is_open:
            self.reset()
            return
        cache.delete(f"{self._name}:row")
        self._count("calls")

    def _note_failure(self) -> None:
        calls, failures, row = self._count("calls"), self._count("failures"), self._count("row")
        if row >= FAILURES_IN_A_ROW or (calls >= SAMPLE and failures >= calls * SHARE):
            self._open()
        elif calls >= SAMPLE:
            # Each twenty are looked at by themselves: a long good time must not hide that it is over.
            cache.delete_many([f"{self._name}:calls", f"{self._name}:failures"])

    def _open(self) -> None:
        # Before it opens: who found it open and no probe noted would try at once.
        cache.set(f"{self._name}:probe", time.time() + PROBE_SECONDS, timeout=PROBE_SECONDS)
        cache.set(f"{self._name}:open", 1, timeout=_REMEMBERED_SECONDS)
        cache.delete_many([f"{self._name}:calls", f"{self._name}:failures"])

    def _count(self, part: str) -> int:
        key = f"{self._name}:{part}"
        cache.add(key, 0, timeout=_REMEMBERED_SECONDS)
        try:
            return int(cache.incr(key))
        except ValueError:
            return 1
