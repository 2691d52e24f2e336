"""Parts of a process's threads: what may wait for others must not take the threads that captures need."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from gateway.metrics import REFUSED_FOR_THREADS


class AllTaken(Exception):
    """As many threads as this kind of request may have are at work on it; nothing was done."""


class Share:
    """The most threads of this process that one kind of request may hold at the same time."""

    def __init__(self, kind: str, part: float) -> None:
        self._kind = kind
        self._free = threading.BoundedSemaphore(max(1, int(settings.WEB_THREADS * part)))

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold one thread for the duration. Raises: AllTaken, at once."""
        if not self._free.acquire(blocking=False):
            REFUSED_FOR_THREADS.labels(self._kind).inc()
            raise AllTaken
        try:
            yield
        finally:
            self._free.release()


QUERIES = Share("query", 1 / 2)
"""Questions and look-ups: they wait for back ends."""
