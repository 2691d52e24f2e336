"""Counters that many requests a second count on: a process that counts fast takes several numbers at once.

For keys that are only counted, never deleted: what `add` has once seen is taken to be there still. No number is given
out twice, over all processes, so a limit is never exceeded; what a process has taken and then has no use for is lost to
the others until the counter ends: sixteen at most, and never more than a sixteenth of what was counted.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from runtime.cache import FileCache, RedisCache

_MOST_COUNTERS = 10_000
_MOST_AT_ONCE = 16
_SHARE = 16
# Numbers that last longer than this are too many.
_AHEAD_SECONDS = 0.02


class _Counter:
    """One counter, and the numbers of it that this process has taken and not given out yet."""

    def __init__(self, timeout: Any) -> None:
        self.timeout = timeout
        self._lock = threading.Lock()
        self._next, self._last, self._size, self._taken_at = 1, 0, 1, 0.0
        self._is_asked = False

    def number(self, take: Callable[[int], int]) -> int:
        """Return the next number; `take(size)` takes some from the shared counter and returns the last of them."""
        with self._lock:
            if self._next <= self._last:
                self._next += 1
                return self._next - 1
            # Others that come while one thread asks take a number each: nobody waits for somebody else's answer.
            is_ahead, self._is_asked = not self._is_asked, True
            size = self._soon_used() if is_ahead else 1
        if not is_ahead:
            return take(1)
        try:
            last = take(size)
            with self._lock:
                self._next, self._last = last - size + 2, last
                self._size, self._taken_at = size, time.monotonic()
            return last - size + 1
        finally:
            self._is_asked = False

    def _soon_used(self) -> int:
        was_fast = time.monotonic() - self._taken_at < _AHEAD_SECONDS
        size = self._size * 2 if was_fast else self._size // 2
        return max(1, min(size, _MOST_AT_ONCE, self._last // _SHARE))


# Django makes a cache for each thread; what a process knows of a counter is one thing.
_counters: dict[tuple[str, str], _Counter] = {}


_adding = threading.Lock()


def _forget_the_oldest() -> None:
    """Make room; a counter lasts a minute, so what came first is what nobody counts on any more."""
    with _adding:
        while len(_counters) >= _MOST_COUNTERS:
            del _counters[next(iter(_counters))]


class _Ahead(BaseCache):
    """A cache backend whose counters are known to this process."""

    _where: str

    def add(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        name = (self._where, self.make_key(key, version))
        if name in _counters:
            return False
        _forget_the_oldest()
        is_new: bool = super().add(key, value, timeout, version)
        with _adding:
            # Of threads that found none at the same time, the first has made it.
            _counters.setdefault(name, _Counter(timeout))
        return is_new

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        counter = _counters.get((self._where, self.make_key(key, version)))
        if counter is None or delta != 1:
            return super().incr(key, delta, version)
        timeout = counter.timeout
        return counter.number(lambda size: self._take(key, size, timeout, version))

    def _take(self, key: str, size: int, timeout: Any, version: int | None) -> int:
        try:
            return super().incr(key, size, version)
        except ValueError:
            # The server has lost it.
            is_new = super().add(key, size, timeout, version)
            return size if is_new else super().incr(key, size, version)


class FileCounters(_Ahead, FileCache):
    """Counters in a file."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(location, params)
        self._where = location


class RedisCounters(_Ahead, RedisCache):
    """Counters on a Redis server."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._where = server
