"""How many requests a vendor lets through."""

from __future__ import annotations

import threading
import time
from collections import deque


class Window:
    """A rolling window over the requests it has let through; those refused don't count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passed: deque[float] = deque()

    def take(self, requests: int, window_ms: int) -> tuple[bool, int]:
        """Whether one more request may pass, and how many may after it."""
        now = time.monotonic()
        with self._lock:
            while self._passed and self._passed[0] <= now - window_ms / 1000:
                self._passed.popleft()
            if len(self._passed) >= requests:
                return False, 0
            self._passed.append(now)
            return True, requests - len(self._passed)

    def clear(self) -> None:
        """Begin anew."""
        with self._lock:
            self._passed.clear()
