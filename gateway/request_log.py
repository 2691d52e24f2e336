"""The log of API calls, written in bulk behind the requests' backs."""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.util import Finalize
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection
from django.utils import timezone

from gateway import uses
from gateway.metrics import LOG_DROPPED
from gateway.models import Client, RequestLog
from runtime import turns
from runtime.scrubbing import scrub_body
from runtime.together import send
from runtime.writes import insert_values

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.4
BATCH = 500
CAPACITY = 10_000
LONGEST_BODY = 4096
BY_SESSION = "session"
"""What stands in a row instead of a key's prefix where a visitor's session called."""
# What is kept of a body until it is scrubbed; a secret cut in two lies far behind what is stored of it.
LONGEST_UNSCRUBBED = 4 * LONGEST_BODY
# What people wrote or were told in their own words, and fields that nobody but the caller knows.
_FREE_TEXT = frozenset({"answer", "attributes", "search", "wording"})


@dataclass(slots=True)
class Entry:
    """One call as the middleware saw it.

    Bodies (without one: the query) are there only for a known client, where it was refused or is being logged whole.
    """

    request_id: str
    method: str
    route: str
    status: int
    duration_ms: float
    address: str
    client_id: UUID | None = None
    key_id: UUID | None = None
    key_prefix: str = ""
    code: str = ""
    request_body: bytes = b""
    response_body: bytes = b""
    # Not the database's time: asking for that could fail, after the call itself succeeded.
    at: datetime = field(default_factory=timezone.now)

    def values(self) -> dict[str, Any]:
        """Return what to store, bodies scrubbed and cut; a model's object would cost more than writing it does."""
        return {
            "at": self.at,
            "request_id": self.request_id,
            "client_id": self.client_id,
            "key_prefix": self.key_prefix,
            "method": self.method[:8],
            "route": self.route[:120],
            "status": self.status,
            "code": self.code,
            "duration_ms": self.duration_ms,
            "address": self.address,
            "request_body": _shown(self.request_body),
            "response_body": _shown(self.response_body),
        }


def _shown(body: bytes) -> str:
    # Most calls keep none, and scrubbing nothing costs as much as writing the row.
    return scrub_body(body, LONGEST_BODY, _FREE_TEXT) if body else ""


class Writer:
    """Takes entries without ever waiting and writes them within half a second from a thread of its own."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.dropped = 0
        # A deque's ends need no lock of ours; so many threads as there are may be above the bound for a moment.
        self._waiting: deque[Entry] = deque()
        self._capacity = capacity
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def put(self, entry: Entry) -> None:
        """Take an entry; drop and count it where too many wait already."""
        if len(self._waiting) < self._capacity:
            self._waiting.append(entry)
        else:
            self.dropped += 1
            LOG_DROPPED.labels("full").inc()
        if self._thread is None:
            self._run_thread()

    def stop(self) -> None:
        """Write what waits and end the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run_thread(self) -> None:
        with self._start:
            if self._thread is None:
                # Started by the first call, so that a server that forks after loading has it in every child.
                self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
                self._thread.start()
                # Not atexit: that doesn't run in the processes a web server starts by multiprocessing.
                Finalize(None, self.stop, exitpriority=1)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(FLUSH_SECONDS)
            self._flush()
        self._flush()
        connection.close()

    def _flush(self) -> None:
        while batch := self._take():
            try:
                write(batch)
            except Exception:
                self.dropped += len(batch)
                LOG_DROPPED.labels("database").inc(len(batch))
                logger.exception("The request log could not be written; %s calls are missing in it.", len(batch))
                connection.close()

    def _take(self) -> list[Entry]:
        batch: list[Entry] = []
        while len(batch) < BATCH:
            try:
                batch.append(self._waiting.popleft())
            except IndexError:
                break
        return batch


writer = Writer()


def record(entry: Entry) -> None:
    """Have a call written: soon by the background thread, or at once where settings say "inline" (tests)."""
    if settings.REQUEST_LOG_WRITER != "inline":
        writer.put(entry)
        return
    try:
        write([entry])
    except Exception:
        logger.exception("The request log could not be written.")


def write(entries: Sequence[Entry]) -> None:
    """Insert the entries and note which keys were used, and from where."""
    rows = [entry.values() for entry in entries]
    try:
        with turns.writing():
            send(insert_values(RequestLog, rows))
    except IntegrityError:
        # A client was deleted while its calls waited.
        there = set(Client.objects.filter(pk__in={row["client_id"] for row in rows}).values_list("pk", flat=True))
        for row in rows:
            row["client_id"] = row["client_id"] if row["client_id"] in there else None
        send(insert_values(RequestLog, rows))
    uses.note((entry.key_id, entry.key_prefix, entry.address) for entry in entries if entry.key_id is not None)
