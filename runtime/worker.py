"""The worker process: a clock that finds due work, and the threads that do it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, close_old_connections, connection
from dramatiq import Worker

from runtime import heap, jobs, long_work, periodic, wakeups
from runtime.clock import db_now
from runtime.doorbell import Doorbell

log = structlog.get_logger(__name__)

SEEN_KEY = "worker_seen"
# A lost hint costs no more than this.
_LONGEST_SLEEP_SECONDS = 1.0
_SEEN_EVERY_SECONDS = 5.0
_REST = 4.0
_DUE_AT_ONCE = 500
# Due work is not announced again within this time: whoever was told may still be on the way to its lease.
_ANNOUNCED_SECONDS = 1.0
# How often an idle thread turns round; a message wakes it.
_TURN_MS = 1000
# How long a file that is being written may take to note how far it is.
_FILE_PATIENCE_SECONDS = 3.0


class Clock(threading.Thread):
    """Announces work when it becomes due, whoever made it due and whether or not a hint arrived."""

    def __init__(self, threads: int) -> None:
        super().__init__(name="clock", daemon=True)
        self._stopped = threading.Event()
        self._announced: dict[tuple[str, str], float] = {}
        self._seen_at = 0.0
        # Only used while the broker isn't reached: work goes on without it.
        self._without_broker = ThreadPoolExecutor(threads, thread_name_prefix="no-broker")

    def stop(self) -> None:
        """Announce nothing more."""
        self._stopped.set()
        self._without_broker.shutdown(wait=False, cancel_futures=True)

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                close_old_connections()
                started = time.monotonic()
                seconds = self._announce_due()
                self._say_alive()
                # Where rows become due all the time, looking may take a fifth of one core at the most.
                self._stopped.wait(max(seconds, _REST * (time.monotonic() - started)))
            except DatabaseError as err:
                log.warning("clock.database_unavailable", error=type(err).__name__)
                connection.close()
                self._stopped.wait(_LONGEST_SLEEP_SECONDS)
            except Exception:
                # Whatever one kind of work trips over: without a clock nothing would be found any more.
                log.exception("clock.failed")
                self._stopped.wait(_LONGEST_SLEEP_SECONDS)

    def _announce_due(self) -> float:
        """Announce what is due; returns the seconds to the next look."""
        ticks = time.monotonic()
        self._announced = {key: at for key, at in self._announced.items() if ticks - at < _ANNOUNCED_SECONDS}
        seconds = _LONGEST_SLEEP_SECONDS
        for kind in jobs.kinds():
            now = db_now()
            look = kind.look(now, _DUE_AT_ONCE)
            for id in look.due:
                self._announce(kind.name, id, ticks)
            if look.next_at is not None:
                seconds = min(seconds, (look.next_at - now).total_seconds())
        return seconds

    def _announce(self, kind: str, id: str, ticks: float) -> None:
        if (kind, id) in self._announced:
            return
        self._announced[kind, id] = ticks
        hints = wakeups.current()
        if not hints.is_reached:
            self._without_broker.submit(_run_without_broker, kind, id)
        # Also then: it shows when the broker is back.
        hints.announce(kind, id)

    def _say_alive(self) -> None:
        if time.monotonic() - self._seen_at < _SEEN_EVERY_SECONDS:
            return
        self._seen_at = time.monotonic()
        try:
            cache.set(SEEN_KEY, time.time(), timeout=60)
        except Exception as err:  # noqa: BLE001 (every cache client fails in its own way; work doesn't depend on it)
            log.warning("clock.cache_unavailable", error=type(err).__name__)


def _run_without_broker(kind: str, id: str) -> None:
    wakeups.run(kind, id)
    close_old_connections()


def _listen(hints: wakeups.Wakeups, doorbell: Doorbell) -> None:
    """Hand on, for ever, what other processes ring for."""
    while True:
        for kind, id in doorbell.heard():
            hints.send(kind, id)
        time.sleep(wakeups.REST_SECONDS)


def _start_listening(hints: wakeups.Wakeups) -> None:
    if hints.doorbell is None:
        return
    try:
        hints.doorbell.listen()
    except OSError as err:
        # A file system without named pipes: the worker finds out by looking, within a second.
        log.warning("worker.no_doorbell", error=str(err))
        return
    threading.Thread(target=_listen, args=(hints, hints.doorbell), name="doorbell", daemon=True).start()


def work(threads: int, stopped: threading.Event, patience: timedelta = timedelta(seconds=8)) -> None:
    """Do due work with `threads` threads until `stopped` is set; then finish what is in hand within `patience`."""
    heap.keep_one()
    # Here, where it ends the program in words, and not in the clock's thread.
    jobs.kinds()
    periodic.ensure_rows()
    heap.keep_loaded()
    hints = wakeups.current()
    broker = hints.actor.broker
    # No message is ever sent for later (the database has the schedule): nobody has to look for some.
    broker.delay_queues.clear()
    worker = Worker(broker, worker_threads=threads, worker_timeout=_TURN_MS, queues={hints.queue})
    clock = Clock(threads)
    worker.start()
    _start_listening(hints)
    clock.start()
    log.info("worker.started", threads=threads, broker="external" if settings.BROKER_URL else "embedded")
    stopped.wait()
    jobs.stopping.set()
    clock.stop()
    stops_at = time.monotonic() + patience.total_seconds()
    long_work.stop(_FILE_PATIENCE_SECONDS)
    worker.stop(timeout=max(0, int((stops_at - time.monotonic()) * 1000)))
    log.info("worker.stopped")
