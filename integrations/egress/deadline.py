"""How long a request may take, however slowly the other side goes about it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpcore2

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
TOTAL_SECONDS = 30.0

_ends_at: ContextVar[float] = ContextVar("egress_ends_at")


@contextmanager
def until(moment: float) -> Iterator[None]:
    """Let what this thread asks for end at a moment of the monotonic clock."""
    token = _ends_at.set(moment)
    try:
        yield
    finally:
        _ends_at.reset(token)


def left(timeout: float | None = None, *, error: type[Exception] = httpcore2.ReadTimeout) -> float:
    """Return the seconds that the request of this thread may still take, at most `timeout`; raise `error` at none."""
    seconds = _ends_at.get() - time.monotonic()
    if seconds <= 0:
        raise error("The total time has passed.")
    return seconds if timeout is None else min(seconds, timeout)
