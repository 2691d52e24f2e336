"""Orders those who write to a SQLite file.

SQLite lets one write at a time and its waiters sleep and try again, the longest-waiting no sooner than the newest: of
four busy writers one starved. A lock on a file beside it queues them, across threads and processes.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.db import connection

try:
    import fcntl
except ImportError:  # not a Unix: writers do without the queue
    fcntl = None  # type: ignore[assignment]

_local = threading.local()


@contextmanager
def writing() -> Iterator[None]:
    """Wait for the turn to write, and hold it; on other databases, and inside a transaction, this does nothing."""
    path = str(connection.settings_dict["NAME"])
    if fcntl is None or connection.vendor != "sqlite" or connection.in_atomic_block or not Path(path).is_absolute():
        yield
        return
    queue = _queue(path)
    fcntl.flock(queue, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(queue, fcntl.LOCK_UN)


def _queue(path: str) -> IO[bytes]:
    """Return this thread's own handle of the lock file; locks are between handles."""
    handles: dict[str, IO[bytes]] = _local.__dict__.setdefault("handles", {})
    if path not in handles:
        handles[path] = Path(f"{path}.turn").open("ab")  # noqa: SIM115 (open as long as the thread)
    return handles[path]
