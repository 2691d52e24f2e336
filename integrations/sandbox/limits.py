"""How many requests a vendor lets through."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """Whether a request was let through, and how many may follow it out of `requests` in `window_ms`."""

    is_allowed: bool
    left: int
    requests: int
    window_ms: int

    @property
    def seconds(self) -> int:
        """The window in whole seconds."""
        return -(-self.window_ms // 1000)


UNLIMITED = Passage(True, 0, 0, 0)


class Window:
    """A rolling window over the requests it has let through; those refused don't count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passed: deque[float] = deque()

    def take(self, requests: int, window_ms: int) -> Passage:
        """Let one more request pass, if there is room for it."""
        now = time.monotonic()
        with self._lock:
            while self._passed and self._passed[0] <= now - window_ms / 1000:
                self._passed.popleft()
            if len(self._passed) >= requests:
                return Passage(False, 0, requests, window_ms)
            self._passed.append(now)
            return Passage(True, requests - len(self._passed), requests, window_ms)

    def clear(self) -> None:
        """Begin anew."""
        with self._lock:
            self._passed.clear()
