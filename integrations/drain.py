"""The drainer: sends what waits at one connector, one drainer per connector at a time.

Only the requests themselves run in threads; everything that touches the database happens in the drainer's own.
"""

import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, F, Max, Min, OuterRef, Q, QuerySet

from integrations import backfill, deliveries, erasures, outbox, subjects
from integrations.calls import CallLog
from integrations.connections import PATIENCE_SECONDS, in_flight_of, open_provider
from integrations.egress import TOTAL_SECONDS
from integrations.models import Connector, ConnectorState, Delivery
from integrations.providers import errors
from integrations.providers.base import Contact, ContactEraser, ContactSink, Outcome, Provider
from integrations.providers.registry import provider_class
from runtime import jobs, secrets, wakeups
from runtime.clock import db_now

log = structlog.get_logger(__name__)

KIND = "connector"
_TURN_SECONDS = 20.0
_LOOK_SECONDS = 0.5
# How long calls under way are waited for when the worker has to stop.
_STOP_SECONDS = 5.0
# A call must end before its lease does, also where tests shorten leases.
_CALL_SECONDS = min(TOTAL_SECONDS, jobs.LEASE_SECONDS / 2)
_PATIENCE_SECONDS = min(PATIENCE_SECONDS, jobs.LEASE_SECONDS / 12)
# A batch refused as a whole with one of these holds a record that the vendor doesn't like; which one, halving finds.
_WHOLE_BATCH = {400, 409, 413, 422}


class Lease:
    """The right to drain one connector; others can tell from the row that someone does."""

    def __init__(self, connector_id: uuid.UUID) -> None:
        self.connector_id = connector_id
        self.fence = 0
        self._until: datetime | None = None

    def take(self) -> bool:
        """Take the lease; False where another drainer has it."""
        if not self._take():
            ConnectorState.objects.bulk_create([ConnectorState(pk=self.connector_id)], ignore_conflicts=True)
            if not self._take():
                return False
        self.fence = ConnectorState.objects.values_list("fence", flat=True).get(pk=self.connector_id)
        return True

    def _take(self) -> bool:
        now = db_now()
        self._until = now + timedelta(seconds=jobs.LEASE_SECONDS)
        free = ConnectorState.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=self.connector_id)
        return bool(free.update(lease_until=self._until, fence=F("fence") + 1))

    def keep(self) -> bool:
        """Make sure that the lease outlives a call; False where it is lost."""
        now = db_now()
        if self._until is not None and _outlives_a_call(self._until, now):
            return True
        self._until = now + timedelta(seconds=jobs.LEASE_SECONDS)
        return bool(self._mine().update(lease_until=self._until))

    def release(self) -> None:
        """Let others drain."""
        self._mine().update(lease_until=None)

    def _mine(self) -> QuerySet[ConnectorState]:
        return ConnectorState.objects.filter(pk=self.connector_id, fence=self.fence)


def _outlives_a_call(until: datetime, now: datetime) -> bool:
    return until - now > timedelta(seconds=_CALL_SECONDS + _PATIENCE_SECONDS)


@dataclass
class Parcel:
    """Deliveries of one operation that go into one request, with what is to be said of each."""

    deliveries: list[Delivery]
    contacts: list[Contact]

    @property
    def operation(self) -> str:
        """The operation of all of them."""
        return self.deliveries[0].operation

    def add(self, delivery: Delivery, contact: Contact) -> None:
        """Put one more in."""
        self.deliveries.append(delivery)
        self.contacts.append(contact)

    def halves(self) -> "list[Parcel]":
        """Return two parcels with half of it each."""
        middle = len(self.deliveries) // 2
        return [
            Parcel(self.deliveries[:middle], self.contacts[:middle]),
            Parcel(self.deliveries[middle:], self.contacts[middle:]),
        ]

    def keep(self) -> bool:
        """Make sure that its lease outlives a call; False where somebody else has taken it over."""
        until = self.deliveries[0].lease_until
        now = db_now()
        if until is not None and _outlives_a_call(until, now):
            return True
        fresh = now + timedelta(seconds=jobs.LEASE_SECONDS)
        # Rows claimed together have the same end of lease, to the microsecond: whoever claimed since has another.
        ids = [delivery.pk for delivery in self.deliveries]
        mine = Delivery.objects.filter(pk__in=ids, state=Delivery.State.SENDING, lease_until=until)
        kept = mine.update(lease_until=fresh)
        for delivery in self.deliveries:
            delivery.lease_until = fresh
        return kept == len(self.deliveries)


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
            return


class Turn:
    """One drainer's turn: keeps up to `in_flight` requests on the wire, and the next parcel packed."""

    def __init__(self, connector: Connector, lease: Lease, ends_at: float) -> None:
        self._connector = connector
        self._lease = lease
        self._ends_at = ends_at
        self._provider_class = provider_class(connector.provider)
        self._in_flight = in_flight_of(connector)
        self._backfill_at_most = self._in_flight * self._provider_class.batch_size
        self._packed: deque[Parcel] = deque()
        self._sent: dict[Future[list[Outcome]], tuple[Parcel, CallLog]] = {}
        self._may_go_on = True
        self._was_refused = False
        self._give_up_at = float("inf")

    def run(self) -> None:
        """Send until nothing is due, time is up, or the connector has to stop; ends with nothing on the wire."""
        pool = ThreadPoolExecutor(self._in_flight, thread_name_prefix="vendor")
        while (self._start(pool) or self._sent) and not self._is_overdue():
            done, _ = wait(self._sent, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                self._finish(future)
        for parcel in self._packed:
            deliveries.put_back(parcel.deliveries)
        # Nothing is under way but calls that were given up: what became of those, their lease's end will tell.
        pool.shutdown(wait=False)

    def _is_overdue(self) -> bool:
        """Say whether this process has to end before the calls under way do; others go on without them."""
        if not jobs.stopping.is_set():
            return False
        self._give_up_at = min(self._give_up_at, time.monotonic() + _STOP_SECONDS)
        return time.monotonic() > self._give_up_at

    def _start(self, pool: ThreadPoolExecutor) -> bool:
        """Put parcels on the wire while there is room, then pack the next one; True where something was started."""
        started = False
        while len(self._sent) < self._in_flight and (parcel := self._next_parcel()):
            if self._sent and len(parcel.deliveries) < self._provider_class.batch_size and not self._was_refused:
                # More is on its way in: while a call is on the wire, a small parcel grows into a full one.
                self._packed.appendleft(parcel)
                break
            if not parcel.keep() or not self._lease.keep():
                log.warning("drain.lease_lost", connector=str(self._connector.pk))
                self._may_go_on = False
                break
            calls = CallLog(self._connector)
            self._sent[pool.submit(self._call, parcel, calls)] = (parcel, calls)
            started = True
        if self._sent and not self._packed and (parcel := self._next_parcel()):
            self._packed.append(parcel)
        return started

    def _next_parcel(self) -> Parcel | None:
        if not self._may_go_on:
            return None
        if self._packed:
            return self._packed.popleft()
        while time.monotonic() < self._ends_at and not jobs.stopping.is_set():
            batch = Delivery.objects.claim_batch(self._connector.pk, self._provider_class.batch_size)
            if batch and (parcel := self._pack(batch)):
                return parcel
            # Comes last: only what nothing else needs is left to the leads that are sent after the fact.
            if not batch and not backfill.put_next(self._connector.pk, self._backfill_at_most):
                return None
        return None

    def _pack(self, batch: Sequence[Delivery]) -> Parcel | None:
        """Load and map what each delivery is about; what can't be sent is settled here."""
        told = _told(self._connector, batch)
        parcel, results = Parcel([], []), deliveries.Results(self._connector)
        if batch[0].operation == outbox.ERASE:
            self._pack_erasures(batch, told, parcel, results)
        else:
            self._pack_leads(batch, told, parcel, results)
        results.save()
        return parcel if parcel.deliveries else None

    def _pack_leads(
        self, batch: Sequence[Delivery], told: "Mapping[uuid.UUID, Told]", parcel: Parcel, results: deliveries.Results
    ) -> None:
        revisions = {pk: known.revision for pk, known in told.items()}
        loaded = subjects.load(batch[0].subject_kind, revisions)
        unwanted = self._unwanted(batch)
        for delivery in batch:
            subject = loaded.get(delivery.subject_id)
            if subject is None:
                results.cancel(delivery, "subject_gone")
            elif delivery.subject_id in unwanted:
                results.skip(delivery, "filtered")
            elif not self._can_tell(subject.contact):
                results.skip(delivery, "no_identifier")
            else:
                delivery.revision = subject.revision
                known = replace(subject.contact, external_id=told[delivery.subject_id].external_id)
                try:
                    contact = deliveries.mapped(self._connector, known)
                except errors.Misconfigured as err:
                    results.add(delivery, Outcome.rejected(err.code, err.words))
                    continue
                parcel.add(delivery, contact)

    def _unwanted(self, batch: Sequence[Delivery]) -> set[uuid.UUID]:
        """Return who has withdrawn since what this connector asks for: a withdrawal counts up to the last moment."""
        lead_filter = self._connector.lead_filter
        if not lead_filter.get("purposes") or batch[0].subject_kind != "lead":
            return set()
        ids = [delivery.subject_id for delivery in batch]
        return {seen.id for seen in subjects.surveyor("lead").some(lead_filter, ids) if not seen.qualifies}

    def _pack_erasures(
        self, batch: Sequence[Delivery], told: "Mapping[uuid.UUID, Told]", parcel: Parcel, results: deliveries.Results
    ) -> None:
        for delivery in batch:
            try:
                sealed = erasures.contact_of(delivery)
            except secrets.WrongEncryptionKey:
                results.ask_person(delivery, "sealed_with_lost_key")
                continue
            contact = replace(sealed, external_id=told[delivery.subject_id].external_id)
            if contact.external_id or self._can_tell(contact):
                parcel.add(delivery, contact)
            else:
                results.ask_person(delivery, "no_identifier")

    def _can_tell(self, contact: Contact) -> bool:
        """Say whether the vendor can tell by this who somebody is."""
        return any(contact.values.get(name) for name in self._provider_class.identifiers)

    def _call(self, parcel: Parcel, calls: CallLog) -> list[Outcome]:
        """Do the operation; runs in a thread and touches no database."""
        provider = open_provider(self._connector, calls, total_seconds=_CALL_SECONDS)
        return _operate(provider, parcel)

    def _finish(self, future: "Future[list[Outcome]]") -> None:
        """Write down what became of a parcel, or halve it."""
        parcel, calls = self._sent.pop(future)
        contacts = {delivery.pk: contact for delivery, contact in zip(parcel.deliveries, parcel.contacts, strict=True)}
        results = deliveries.Results(self._connector, calls, contacts)
        try:
            for delivery, outcome in zip(parcel.deliveries, future.result(), strict=True):
                results.add(delivery, outcome)
        except errors.Refused as err:
            if err.status in _WHOLE_BATCH and len(parcel.deliveries) > 1:
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


def _operate(provider: Provider, parcel: Parcel) -> list[Outcome]:
    if parcel.operation == "upsert" and isinstance(provider, ContactSink):
        return provider.upsert(parcel.contacts)
    if parcel.operation == "erase" and isinstance(provider, ContactEraser):
        return [provider.erase(contact) for contact in parcel.contacts]
    raise errors.Unsupported(f"{provider.name} has no operation {parcel.operation!r}.")


@dataclass(frozen=True, slots=True)
class Told:
    """What a connector knows of a subject: the newest revision it was told, and how it calls it."""

    revision: int = 0
    external_id: str = ""


def _told(connector: Connector, batch: Sequence[Delivery]) -> dict[uuid.UUID, Told]:
    """Return what the connector knows of each subject of a batch of one operation."""
    ids = [delivery.subject_id for delivery in batch]
    told = Delivery.objects.filter(connector=connector, subject_id__in=ids, state=Delivery.State.DELIVERED)
    is_erasure = batch[0].operation == outbox.ERASE
    told = told.exclude(operation=outbox.ERASE) if is_erasure else told.filter(operation=batch[0].operation)
    found = dict.fromkeys(ids, Told())
    for subject_id, external_id, revision in told.values_list("subject_id", "external_id").annotate(Max("revision")):
        if revision >= found[subject_id].revision:
            found[subject_id] = Told(revision, external_id)
    return found


def working(now: datetime) -> QuerySet[Connector]:
    """Return the connectors that may send: switched on, not paused, not held."""
    free = Q(status__held_until=None) | Q(status__held_until__lte=now)
    return Connector.objects.filter(free, is_active=True, status__paused_at=None)


def _has_due(connector_id: uuid.UUID) -> bool:
    return Delivery.objects.filter(connector=connector_id).ready(db_now()).exists()


def _due(now: datetime, limit: int) -> Sequence[str]:
    here = Delivery.objects.filter(connector=OuterRef("pk"))
    is_due = Exists(here.filter(state=Delivery.State.WAITING, due_at__lte=now))
    has_lapsed = Exists(here.lapsed(now))
    free = Q(status__lease_until=None) | Q(status__lease_until__lt=now)
    busy = working(now).filter(free).filter(is_due | has_lapsed | Q(status__backfill_scope__gt=""))
    return [str(pk) for pk in busy.values_list("pk", flat=True)[:limit]]


def _next_due_at() -> datetime | None:
    """Return when a connector that may send has work, or one that is held may go on."""
    now = db_now()
    due = Delivery.objects.filter(connector__in=working(now)).next_due_at()
    held = ConnectorState.objects.filter(held_until__gt=now).aggregate(at=Min("held_until"))["at"]
    return min((at for at in (due, held) if at is not None), default=None)


WORK = jobs.Kind(KIND, _due, _next_due_at, lambda id: drain(uuid.UUID(id)))
