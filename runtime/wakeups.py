"""Hints that work is due; losing one costs a second, never work.

A request never talks to the broker: `wake` puts the hint into a bounded set in this process, and a thread sends it on.
Without an external broker the hint is a ring at the worker's doorbell, which never waits.
"""

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import dramatiq
import structlog
from django.conf import settings
from django.db import transaction

from runtime import jobs
from runtime.doorbell import Doorbell

log = structlog.get_logger(__name__)

# Below the lease (60 s): an actor that is cut off can't still be working when another takes over.
TIME_LIMIT_MS = 55_000
_MOST_PENDING = 10_000
# Hints that come faster than this are collected: a worker that was told a moment ago is looking anyway. One about
# something else waits as long, too.
REST_SECONDS = 0.02
# A broker that takes longer than this over one hint may stand still until its connection breaks.
_PATIENCE_SECONDS = 1.0
_making = threading.Lock()


class _UnderWay:
    """What this process is doing: a hint for something under way has it looked at once more afterwards."""

    def __init__(self) -> None:
        self._is_wanted_again: dict[tuple[str, str], bool] = {}
        self._lock = threading.Lock()

    def begin(self, key: tuple[str, str]) -> bool:
        """Say that work begins; False where it is under way already."""
        with self._lock:
            # Not dropped: what it is about may have been committed after the last look of who is at work.
            is_free = key not in self._is_wanted_again
            self._is_wanted_again[key] = not is_free
            return is_free

    def end(self, key: tuple[str, str]) -> bool:
        """Say that work has ended; True where a hint came meanwhile."""
        with self._lock:
            return self._is_wanted_again.pop(key)


_under_way = _UnderWay()


def run(kind: str, id: str) -> None:
    """Do what is due for one row or connector; an error is logged, the row's lease brings it back."""
    key = (kind, id)
    if not _under_way.begin(key):
        return
    try:
        jobs.run(kind, id)
    except Exception:
        log.exception("job.failed", kind=kind, id=id)
    finally:
        if _under_way.end(key) and not jobs.stopping.is_set():
            current().announce(kind, id)


class Wakeups:
    """Sends hints to a broker from a thread of its own, or rings at the doorbell of the worker on this machine."""

    def __init__(self, broker: dramatiq.Broker, doorbell: Doorbell | None = None) -> None:
        self.doorbell = doorbell
        self.queue = f"wake-{settings.INSTALLATION}"
        self.lost = 0
        # No retries by the broker: the middleware for them isn't even loaded (config.broker).
        self.actor: dramatiq.Actor[Any, Any] = dramatiq.actor(
            run, broker=broker, actor_name="wake", queue_name=self.queue, time_limit=TIME_LIMIT_MS
        )
        # A set: a thousand leads for one connector are one hint.
        self._pending: set[tuple[str, str]] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._has_arrived = True
        self._sending_since = float("inf")

    @property
    def is_reached(self) -> bool:
        """Whether the broker took the last hint and isn't taking long over another."""
        return self._has_arrived and time.monotonic() - self._sending_since < _PATIENCE_SECONDS

    def put(self, kind: str, id: str) -> None:
        """Have a hint sent soon; dropped where too many wait already. Never waits."""
        if self.doorbell is not None:
            self.doorbell.ring(kind, id)
        else:
            self._put(kind, id)

    def announce(self, kind: str, id: str) -> None:
        """Have a hint sent by a worker, whose own process the embedded broker is in. Never waits."""
        if self.doorbell is not None:
            self.send(kind, id)
        else:
            self._put(kind, id)

    def _put(self, kind: str, id: str) -> None:
        with self._changed:
            if len(self._pending) >= _MOST_PENDING:
                self.lost += 1
                return
            self._pending.add((kind, id))
            if self._thread is None:
                self._thread = threading.Thread(target=self._flush, name="wakeups", daemon=True)
                self._thread.start()
            self._changed.notify()

    def send(self, kind: str, id: str) -> bool:
        """Send a hint now; False where the broker can't be reached."""
        try:
            self.actor.send(kind, id)
        except Exception as err:  # noqa: BLE001 (a broker may fail in its client's own ways; a hint may be lost)
            self.lost += 1
            log.warning("wakeup.lost", kind=kind, error=type(err).__name__)
            return False
        return True

    def _flush(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending)
                hints, self._pending = self._pending, set()
            for kind, id in hints:
                self._sending_since = time.monotonic()
                self._has_arrived = self.send(kind, id)
                self._sending_since = float("inf")
            time.sleep(REST_SECONDS)


_make: Callable[[], Wakeups] | None = None


def use(make: Callable[[], Wakeups]) -> None:
    """Say how hints go in this process, once, when Django starts; a broker's client is loaded by the first."""
    global _make
    _make = cache(make)


def current() -> Wakeups:
    """Return the way hints go in this process."""
    if _make is None:
        raise RuntimeError("Django has not been set up: no broker was chosen.")
    with _making:
        return _make()


def wake(kind: str, id: str) -> None:
    """Tell the workers, once the caller's transaction has committed, that `id` of `kind` has work."""
    # A worker that came before the commit would find nothing, and the hint would be spent.
    transaction.on_commit(lambda: current().put(kind, id))
