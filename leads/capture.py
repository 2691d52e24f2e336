"""Grouped commits: captures that arrive together share one transaction, and with it one wait for the disk."""

import threading
from collections import deque
from collections.abc import Sequence

import structlog
from django.db import IntegrityError, connection

from gateway.models import Client
from leads.services import Capture, LeadData, Remember, RememberAll, Submission, group_capture
from runtime import turns

log = structlog.get_logger(__name__)

_MOST_IN_GROUP = 64
_MOST_WAITING = 512
_TRIES = 3


class TooManyWaiting(Exception):
    """More captures wait than can be written soon; the caller should come back in a second."""


class _Entry:
    """A submission that waits for its group, and the thread that brought it."""

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.capture: Capture | None = None
        self.error: BaseException | None = None
        # Taken from the start: `wait` takes it again, which works once somebody has let it go.
        self._asleep = threading.Lock()
        self._asleep.acquire()

    @property
    def is_done(self) -> bool:
        return self.capture is not None or self.error is not None

    def wait(self) -> None:
        """Sleep until this is written, or it is this thread's turn to write."""
        self._asleep.acquire()

    def wake(self) -> None:
        """End the sleep, or keep it from beginning."""
        self._asleep.release()


class GroupedCommits:
    """Whoever gets the turn writes everything that waits, for all; alone, a capture commits at once.

    There is no thread of its own: a request writes its group in its own thread, wakes those whose work it did, and
    passes the turn to the first of those who came meanwhile. (A lock that all of them wait for would be handed through
    the whole group, one thread after the other, before the next group begins.)
    """

    def __init__(self) -> None:
        self._waiting: deque[_Entry] = deque()
        self._has_writer = False
        self._queue = threading.Lock()

    def capture(self, submission: Submission) -> Capture:
        """Write one submission, with whatever else waits. Raises: TooManyWaiting, what `remember` raises."""
        if connection.in_atomic_block:
            return group_capture([submission])[0]
        entry = _Entry(submission)
        if not self._queue_up(entry):
            entry.wait()
        if not entry.is_done:
            self._write_until(entry)
        if entry.error is not None:
            raise entry.error
        assert entry.capture is not None  # noqa: S101 (for the type checker: is_done)
        return entry.capture

    def _queue_up(self, entry: _Entry) -> bool:
        """Say whether it is this entry's thread that writes now. Raises: TooManyWaiting."""
        with self._queue:
            if len(self._waiting) >= _MOST_WAITING:
                raise TooManyWaiting
            self._waiting.append(entry)
            has_turn, self._has_writer = not self._has_writer, True
            return has_turn

    def _write_until(self, mine: _Entry) -> None:
        """Write groups until this thread's own entry is among them, then pass the turn on."""
        try:
            while not mine.is_done:
                group = [self._waiting.popleft() for _ in range(min(_MOST_IN_GROUP, len(self._waiting)))]
                self._write(group)
                for entry in group:
                    if entry is not mine:
                        entry.wake()
        finally:
            with self._queue:
                self._has_writer = bool(self._waiting)
                next_writer = self._waiting[0] if self._waiting else None
            if next_writer is not None:
                next_writer.wake()

    def _write(self, group: Sequence[_Entry]) -> None:
        try:
            with turns.writing():
                captures = group_capture([entry.submission for entry in group])
        except BaseException as err:  # noqa: BLE001 (whoever it concerns gets it below; nobody may wait for ever)
            log.info("capture.group_redone", captures=len(group), error=type(err).__name__)
            # The look that comes before the transaction leaves a connection that has ended as it is.
            connection.close_if_unusable_or_obsolete()
            for entry in group:
                _write_alone(entry)
            return
        for entry, capture in zip(group, captures, strict=True):
            entry.capture = capture


def _write_alone(entry: _Entry) -> None:
    """Write one submission; where another process wrote the same person in this moment, look again and find them."""
    for tries_left in reversed(range(_TRIES)):
        try:
            with turns.writing():
                [entry.capture] = group_capture([entry.submission])
        except IntegrityError as err:
            entry.error = err if not tries_left else None
        except BaseException as err:  # noqa: BLE001 (raised again in the thread it belongs to)
            entry.error = err
        if entry.is_done:
            return


_commits = GroupedCommits()


def lead_capture(
    *, client: Client, data: LeadData, is_trusted: bool = True, remember: Remember | None = None
) -> Capture:
    """Capture one lead; what it does is said at `leads.services.group_capture`."""
    return _commits.capture(Submission(client, data, is_trusted, remember))


def leads_capture(submissions: Sequence[Submission], remember: RememberAll | None = None) -> list[Capture]:
    """Capture many leads in one transaction of their own: all of them or none. Raises: what `remember` raises."""
    for tries_left in reversed(range(_TRIES)):
        try:
            with turns.writing():
                return group_capture(submissions, remember)
        except IntegrityError:
            if not tries_left:
                raise
    raise AssertionError("unreachable")
