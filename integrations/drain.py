"""The drainer: sends what waits at one connector, one drainer per connector at a time.

Only the requests themselves run in threads; everything that touches the database happens in the drainer's own.
"""

import time
import uuid
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime

import structlog
from django.db.models import Exists, Min, OuterRef, Q, QuerySet, Subquery

from integrations import backfill, deliveries
from integrations.calls import CallLog
from integrations.connections import in_flight_of, open_provider
from integrations.leases import Lease
from integrations.models import Connector, ConnectorState, Delivery
from integrations.packing import Packer
from integrations.parcels import CALL_SECONDS, Inquiry, Parcel
from integrations.providers import errors
from integrations.providers.base import Confirmer, Outcome
from integrations.providers.registry import class_of
from runtime import jobs, wakeups
from runtime.clock import db_now

log = structlog.get_logger(__name__)

KIND = "connector"
_TURN_SECONDS = 20.0
_LOOK_SECONDS = 0.5
# How long calls under way are waited for when the worker has to stop.
_STOP_SECONDS = 5.0
# A batch refused as a whole with one of these holds a record that the vendor doesn't like; which one, halving finds.
_WHOLE_BATCH = {400, 409, 413, 422}
# For every turn: a new thread opens the counters anew, and what it leaves of them stays until garbage is collected.
# Turns count what they have under way; this is no limit.
_wire = ThreadPoolExecutor(1000, thread_name_prefix="vendor")


def drain(connector_id: uuid.UUID) -> None:
    """Send what is due at one connector until nothing is, for one turn at the most.

    A capture commits and then looks at the lease; here the lease is released and then the outbox is looked at once
    more: whoever comes second sees the other.
    """
    lease = Lease(connector_id)
    turn_ends = time.monotonic() + _TURN_SECONDS
    while lease.take():
        try:
            connector = working(db_now()).select_related("credential").filter(pk=connector_id).first()
            if connector is not None:
                deliveries.recover_lapsed(connector)
                Turn(connector, lease, turn_ends).run()
        finally:
            lease.release()
        if jobs.stopping.is_set() or time.monotonic() > turn_ends:
            wakeups.wake(KIND, str(connector_id))
            return
        if not working(db_now()).filter(pk=connector_id).exists() or not _has_due(connector_id):
            _leave_blocked(connector_id)
            return


class Turn:
    """One drainer's turn: keeps up to `in_flight` requests on the wire, and the next parcel packed."""

    def __init__(self, connector: Connector, lease: Lease, ends_at: float) -> None:
        self._connector = connector
        self._lease = lease
        self._ends_at = ends_at
        self._provider_class = class_of(connector)
        self._asks = issubclass(self._provider_class, Confirmer)
        self._in_flight = in_flight_of(connector)
        self._backfill_at_most = self._in_flight * self._provider_class.batch_size
        self._packer = Packer(connector)
        self._packed: deque[Parcel | Inquiry] = deque()
        self._sent: dict[Future[list[Outcome]], tuple[Parcel | Inquiry, CallLog]] = {}
        self._may_go_on = True
        self._was_refused = False
        self._look_at = 0.0
        self._give_up_at = float("inf")

    def run(self) -> None:
        """Send until nothing is due, time is up, or the connector has to stop; ends with nothing on the wire."""
        while (self._start() or self._sent) and not self._is_overdue():
            done, _ = wait(self._sent, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                self._finish(future)
            self._keep_leases()
        for parcel in self._packed:
            parcel.put_back()
        # Nothing is under way but calls that were given up: what became of those, their lease's end will tell.

    def _keep_leases(self) -> None:
        """Keep what is under way: a provider may need several requests for it."""
        for parcel, _ in self._sent.values():
            parcel.keep()
        self._may_go_on = self._lease.keep() and self._may_go_on

    def _is_overdue(self) -> bool:
        """Say whether this process has to end before the calls under way do; others go on without them."""
        if not jobs.stopping.is_set():
            return False
        self._give_up_at = min(self._give_up_at, time.monotonic() + _STOP_SECONDS)
        return time.monotonic() > self._give_up_at

    def _start(self) -> bool:
        """Put parcels on the wire while there is room, then pack the next one; True where something was started."""
        started = False
        while len(self._sent) < self._in_flight and (parcel := self._next_parcel()):
            if self._sent and not parcel.is_full(self._provider_class.batch_size) and not self._was_refused:
                # More is on its way in: while a call is on the wire, a small parcel grows into a full one.
                self._packed.appendleft(parcel)
                break
            if not parcel.keep() or not self._lease.keep():
                log.warning("drain.lease_lost", connector=str(self._connector.pk))
                self._may_go_on = False
                break
            calls = CallLog(self._connector)
            self._sent[_wire.submit(self._call, parcel, calls)] = (parcel, calls)
            started = True
        if self._sent and not self._packed and (parcel := self._next_parcel()):
            self._packed.append(parcel)
        return started

    def _next_parcel(self) -> Parcel | Inquiry | None:
        if not self._may_go_on or jobs.stopping.is_set():
            return None
        if self._packed:
            return self._packed.popleft()
        while time.monotonic() < self._ends_at:
            if self._sent and time.monotonic() < self._look_at:
                return None
            # First: until this is known, nothing else is sent for those subjects.
            if self._asks and (accepted := Delivery.objects.claim_job(self._connector.pk)):
                return self._packer.inquiry(accepted)
            batch = Delivery.objects.claim_batch(self._connector.pk, self._provider_class.batch_size)
            # Nothing else is due: looking once more would only keep the call from the wire.
            self._look_at = time.monotonic() + (_LOOK_SECONDS if batch.is_all else 0.0)
            if batch and (parcel := self._packer.pack(batch)):
                if parcel.is_one_by_one:
                    self._packed.extend(parcel.parts(1))
                    return self._packed.popleft()
                return parcel
            # Comes last: only what nothing else needs is left to the leads that are sent after the fact.
            if not batch and not backfill.put_next(self._connector.pk, self._backfill_at_most):
                return None
        return None

    def _call(self, parcel: Parcel | Inquiry, calls: CallLog) -> list[Outcome]:
        """Do the operation; runs in a thread and touches no database."""
        provider = open_provider(self._connector, calls, total_seconds=CALL_SECONDS, may_call=parcel.may_call)
        return parcel.send(provider)

    def _finish(self, future: "Future[list[Outcome]]") -> None:
        """Write down what became of a parcel, or halve it."""
        parcel, calls = self._sent.pop(future)
        self._look_at = 0.0
        contacts = {delivery.pk: contact for delivery, contact in zip(parcel.deliveries, parcel.contacts, strict=False)}
        results = deliveries.Results(self._connector, calls, contacts)
        try:
            # A list before anything is noted: where outcomes don't pair up with what was sent, none of them counts.
            for delivery, outcome in list(zip(parcel.deliveries, future.result(), strict=True)):
                results.add(delivery, outcome)
        except errors.Refused as err:
            if err.status in _WHOLE_BATCH and len(parcel.deliveries) > 1 and isinstance(parcel, Parcel):
                self._was_refused = True
                self._packed.extendleft(parcel.halves())
            else:
                results.failed_whole(parcel.deliveries, err)
        except errors.ProviderError as err:
            results.failed_whole(parcel.deliveries, err)
        except Exception as err:
            # A provider that breaks on an answer must not leave its leads without a word; they may have arrived.
            log.exception("provider.failed", connector=str(self._connector.pk), provider=self._connector.provider)
            results.failed_whole(parcel.deliveries, errors.OutcomeUnknown(type(err).__name__, code="provider_failed"))
        self._may_go_on = results.save() and self._may_go_on


def working(now: datetime) -> QuerySet[Connector]:
    """Return the connectors that may send: switched on, not paused, not held."""
    free = Q(status__held_until=None) | Q(status__held_until__lte=now)
    return Connector.objects.filter(free, is_active=True, status__paused_at=None)


def _has_due(connector_id: uuid.UUID) -> bool:
    here, now = Delivery.objects.filter(connector=connector_id), db_now()
    return Delivery.objects.ready(connector_id, now).exists() or here.to_ask(now).exists()


def _leave_blocked(connector_id: uuid.UUID) -> None:
    """Let what is due and has to wait for another delivery not be found due all the time."""
    here, now = Delivery.objects.filter(connector=connector_id), db_now()
    if here.filter(state=Delivery.State.WAITING, due_at__lte=now).exists():
        here.postpone_blocked(now)


def _look(now: datetime, limit: int) -> jobs.Look:
    """Return the connectors that may send and have something to; or when one will."""
    next_at = _next_at(now)
    return jobs.Look(next_at=next_at) if next_at is None or next_at > now else jobs.Look(_due(now, limit))


def _due(now: datetime, limit: int) -> list[str]:
    here = Delivery.objects.filter(connector=OuterRef("pk"))
    is_due = Exists(here.filter(state=Delivery.State.WAITING, due_at__lte=now))
    has_lapsed = Exists(here.lapsed(now)) | Exists(here.to_ask(now))
    free = Q(status__lease_until=None) | Q(status__lease_until__lt=now)
    busy = working(now).filter(free).filter(is_due | has_lapsed | Q(status__backfill_scope__gt=""))
    return [str(pk) for pk in busy.values_list("pk", flat=True)[:limit]]


def _next_at(now: datetime) -> datetime | None:
    """Return when a connector that may send has work, or one that is held may go on; that may be in the past."""
    here = Delivery.objects.filter(connector=OuterRef("pk"))
    # The first of each connector: the first of all can't be read off an index, and a backlog is long.
    firsts = {
        state: Subquery(here.filter(state=state).order_by("due_at").values("due_at")[:1])
        for state in (Delivery.State.WAITING, Delivery.State.CONFIRMING)
    }
    found = working(now).annotate(**firsts).aggregate(*(Min(state) for state in firsts))
    sending = Delivery.objects.filter(state=Delivery.State.SENDING, connector__in=working(now))
    found |= sending.aggregate(lapse=Min("lease_until"))
    found |= ConnectorState.objects.filter(held_until__gt=now).aggregate(held=Min("held_until"))
    if ConnectorState.objects.exclude(backfill_scope="").exists():
        return now
    return min((at for at in found.values() if at is not None), default=None)


WORK = jobs.Kind(KIND, _look, lambda id: drain(uuid.UUID(id)))
