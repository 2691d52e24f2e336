"""Asks vendors that don't tell by themselves what has changed: each in its own time, on from where it was left.

A connector whose vendor tells by webhook is asked until its first message has arrived: an address that is made here is
not entered there yet. After that it is asked once an hour while nothing is heard: vendors switch webhooks off that
could not be delivered a few times, and don't say so.
"""

import time
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet

from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.models import Connector, ConnectorState
from integrations.providers import errors
from integrations.providers.base import Changes, ChangeSource
from integrations.providers.registry import class_of, is_able
from integrations.services import NEEDS_REAUTH, connector_note, connector_pause
from runtime import jobs
from runtime.clock import db_now
from runtime.jobs import Look
from runtime.scrubbing import scrub_text
from webhooks import sources
from webhooks.told import events_keep

log = structlog.get_logger(__name__)

KIND = "changes"
_TURN_SECONDS = 20.0
_REQUEST_SECONDS = 30.0
_LEASE = timedelta(seconds=90)
"""Longer than a turn and the request it may end with."""

SILENCE = timedelta(hours=1)
"""Who tells by itself is asked after so long without a word, and so often from then on."""

_LONGEST_PAUSE = timedelta(minutes=15)
# How far a vendor's clock may be behind ours.
_CLOCKS = timedelta(minutes=5)
_LONGEST_CURSOR = 500


def look(now: datetime, limit: int) -> Look:
    """Return which connectors are to be asked now, or when the next one is."""
    rows = _asked().select_related("event_source").annotate(ask_due_at=F("status__ask_due_at"))
    times = {row.pk: due_at(row.ask_due_at, _heard_at(row)) for row in rows if seconds_between(row)}
    due = [str(pk) for pk, at in times.items() if at is None or at <= now]
    if due:
        return Look(due[:limit])
    return Look(next_at=min((at for at in times.values() if at is not None), default=None))


def run(id: str) -> None:
    """Ask one connector's vendor, if nobody else does."""
    connector = _asked().filter(pk=id).select_related("credential", "event_source").first()
    if connector is None or not seconds_between(connector):
        return
    state, _ = ConnectorState.objects.get_or_create(connector=connector)
    now, heard_at = db_now(), _heard_at(connector)
    if (at := due_at(state.ask_due_at, heard_at)) is not None and at > now:
        return
    lease = now + _LEASE
    is_due = Q(ask_due_at=None) | Q(ask_due_at__lte=now)
    if ConnectorState.objects.filter(is_due, pk=state.pk).update(ask_due_at=lease, **_place(connector, state)):
        _Turn(connector, lease).take()


def _place(connector: Connector, state: ConnectorState) -> dict[str, str]:
    """Return where to go on from if it has told by itself since it was asked last: what it told isn't asked for."""
    heard_at, provider = _heard_at(connector), class_of(connector)
    if heard_at is None or (state.asked_at and state.asked_at >= heard_at) or not issubclass(provider, ChangeSource):
        return {}
    return {"ask_cursor": provider.cursor_at(heard_at - _CLOCKS)}


def seconds_between(connector: Connector) -> float:
    """Return how long after one question a connector's vendor is asked the next; 0 where it can't be asked."""
    if not is_able(connector, ChangeSource):
        return 0.0
    provider = class_of(connector)
    return provider.poll_seconds if issubclass(provider, ChangeSource) else 0.0


def due_at(ask_due_at: datetime | None, heard_at: datetime | None) -> datetime | None:
    """Return when a vendor that told by itself last at `heard_at` is asked; None = as soon as possible."""
    if heard_at is None:
        return ask_due_at
    return max(heard_at + SILENCE, ask_due_at or heard_at)


def _heard_at(connector: Connector) -> datetime | None:
    source = getattr(connector, "event_source", None)
    return source.heard_at if source else None


def _asked() -> QuerySet[Connector]:
    """Return the connectors whose vendors are asked; one that rests or is switched off is not."""
    working = Connector.objects.filter(is_active=True, status__paused_at=None)
    return working.filter(Q(event_source=None) | Q(event_source__is_active=True))


class _Turn:
    """One go at a vendor: page after page until nothing is left, or somebody else's turn has come.

    The time at which the lease ends is its fence: what is written asks for it.
    """

    def __init__(self, connector: Connector, lease: datetime) -> None:
        self._connector = connector
        self._every = seconds_between(connector)
        self._mine = ConnectorState.objects.filter(pk=connector.pk, ask_due_at=lease)
        self._calls = CallLog(connector)
        self._ends_at = time.monotonic() + _TURN_SECONDS

    def take(self) -> None:
        """Ask, keep what was told, and say when to ask next."""
        try:
            is_all = self._ask()
        except errors.Held as held:
            # Its limit is used up or it is in trouble: nothing was sent, and what people wait for comes first.
            self._hold(held.after)
        except errors.ProviderError as err:
            self._fail(err)
        else:
            rest = SILENCE if _heard_at(self._connector) else timedelta(seconds=self._every)
            self._end(rest if is_all else timedelta(0))

    def _ask(self) -> bool:
        """Return whether nothing is left to be told. Raises: errors.ProviderError."""
        provider = open_provider(self._connector, self._calls, may_call=self._may_call)
        assert isinstance(provider, ChangeSource)  # noqa: S101 (for the type checker: `run` asked for it)
        cursor = self._mine.values_list("ask_cursor", flat=True).first()
        while cursor is not None:
            told = _checked(provider.since(cursor))
            # Who says neither but stands still would be asked all the time.
            if not self._keep(told) or told.is_all or told.cursor == cursor:
                return True
            cursor = told.cursor
            if time.monotonic() >= self._ends_at or jobs.stopping.is_set():
                return False
        return True

    def _may_call(self) -> bool:
        return time.monotonic() < self._ends_at + _REQUEST_SECONDS

    def _keep(self, told: Changes) -> bool:
        """Store what was told together with the place to go on from; False where the lease is lost."""
        with transaction.atomic():
            # First, so that it holds the row: what another turn tells meanwhile can't get in between.
            is_mine = bool(self._mine.update(ask_cursor=told.cursor))
            if is_mine:
                source = sources.source_for(self._connector)
                events_keep(source=source, events=told.events, counts_again=False)
        return is_mine

    def _hold(self, seconds: float) -> None:
        with transaction.atomic():
            self._calls.save()
            self._mine.update(ask_due_at=db_now() + timedelta(seconds=seconds))

    def _fail(self, err: errors.ProviderError) -> None:
        log.warning("changes.failed", connector=str(self._connector.pk), code=err.code, status=err.status)
        if isinstance(err, errors.Refused) and err.code == "stale_cursor":
            # What happened in between isn't told any more; the next answer says where to go on from.
            self._mine.update(ask_cursor="")
        failures = (self._mine.values_list("ask_failures", flat=True).first() or 0) + 1
        pause = min(_LONGEST_PAUSE, timedelta(seconds=self._every * 2 ** min(failures, 10)))
        asked_to_wait = timedelta(seconds=getattr(err, "after", None) or 0.0)
        self._end(max(pause, asked_to_wait), failure=err, failures=failures)

    def _end(self, pause: timedelta, *, failure: errors.ProviderError | None = None, failures: int = 0) -> None:
        now = db_now()
        said = scrub_text(failure.words or failure.code)[:300] if failure else ""
        with transaction.atomic():
            self._calls.save()
            connector_note(connector=self._connector, failure=failure)
            if isinstance(failure, errors.NotAuthorised):
                connector_pause(connector=self._connector, reason=NEEDS_REAUTH)
            self._mine.update(ask_due_at=now + pause, asked_at=now, ask_failures=failures, ask_trouble=said)


def _checked(told: Changes) -> Changes:
    """Return what was told, if it says where to go on from. Raises: RetryLater."""
    if not 0 < len(told.cursor) <= _LONGEST_CURSOR:
        raise errors.RetryLater("The answer did not say where to go on from.", code="garbled_reply")
    return told


WORK = jobs.Kind(KIND, look, run)
