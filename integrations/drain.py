"""The drainer: sends what waits at one connector, one drainer per connector at a time."""

import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import F, Max, Q, QuerySet

from integrations import deliveries, outbox, subjects
from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.models import Connector, ConnectorState, Delivery
from integrations.providers import errors
from integrations.providers.base import Contact, ContactSink, Outcome, Provider
from integrations.providers.registry import provider_class
from runtime import jobs, wakeups
from runtime.clock import db_now

log = structlog.get_logger(__name__)

KIND = "connector"
_TURN_SECONDS = 20.0


class Lease:
    """The right to drain one connector; others can tell from the row that someone does."""

    def __init__(self, connector_id: uuid.UUID) -> None:
        self.connector_id = connector_id
        self.fence = 0

    def take(self) -> bool:
        """Take the lease; False where another drainer has it."""
        ConnectorState.objects.bulk_create([ConnectorState(pk=self.connector_id)], ignore_conflicts=True)
        now = db_now()
        free = ConnectorState.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=self.connector_id)
        if not free.update(lease_until=now + timedelta(seconds=jobs.LEASE_SECONDS), fence=F("fence") + 1):
            return False
        self.fence = ConnectorState.objects.values_list("fence", flat=True).get(pk=self.connector_id)
        return True

    def renew(self) -> bool:
        """Keep the lease for another call; False where it is lost."""
        return bool(self._mine().update(lease_until=db_now() + timedelta(seconds=jobs.LEASE_SECONDS)))

    def release(self) -> None:
        """Let others drain."""
        self._mine().update(lease_until=None)

    def _mine(self) -> QuerySet[ConnectorState]:
        return ConnectorState.objects.filter(pk=self.connector_id, fence=self.fence)


def drain(connector_id: uuid.UUID) -> None:
    """Send what is due at one connector until nothing is, for one turn at the most.

    A capture commits and then looks at the lease; here the lease is released and then the outbox is looked at once
    more: whoever comes second sees the other.
    """
    lease = Lease(connector_id)
    turn_ends = time.monotonic() + _TURN_SECONDS
    while lease.take():
        try:
            _send_due(lease, turn_ends)
        finally:
            lease.release()
        if jobs.stopping.is_set() or time.monotonic() > turn_ends:
            wakeups.wake(KIND, str(connector_id))
            return
        if not working().filter(pk=connector_id).exists() or not _has_due(connector_id):
            return


def _send_due(lease: Lease, turn_ends: float) -> None:
    connector = working().select_related("credential").filter(pk=lease.connector_id).first()
    if connector is None:
        return
    deliveries.recover_lapsed(connector)
    size = provider_class(connector.provider).batch_size
    while time.monotonic() < turn_ends and not jobs.stopping.is_set() and lease.renew():
        batch = Delivery.objects.claim_batch(connector.pk, size)
        if not batch:
            return
        if not _send(connector, batch):
            return


def _send(connector: Connector, batch: Sequence[Delivery]) -> bool:
    """Send one batch and write down what became of it; False where the connector can't go on."""
    calls = CallLog(connector)
    loaded = subjects.load(batch[0].subject_kind, _told(connector, batch))
    provider_type = provider_class(connector.provider)
    sendable, results = [], deliveries.Results(connector, batch, calls)
    for delivery in batch:
        subject = loaded.get(delivery.subject_id)
        if subject is None:
            results.cancel(delivery, "subject_gone")
        elif not any(subject.contact.values.get(name) for name in provider_type.identifiers):
            results.skip(delivery, "no_identifier")
        else:
            delivery.revision = subject.revision
            sendable.append((delivery, subject.contact))
    if sendable:
        _call(connector, calls, sendable, results)
    return results.save()


def _call(
    connector: Connector,
    calls: CallLog,
    sendable: Sequence[tuple[Delivery, Contact]],
    results: deliveries.Results,
) -> None:
    operation = sendable[0][0].operation
    try:
        provider = open_provider(connector, calls)
        outcomes = _operate(provider, operation, [deliveries.mapped(connector, c) for _, c in sendable])
    except errors.ProviderError as err:
        results.failed_whole([delivery for delivery, _ in sendable], err)
        return
    for (delivery, _), outcome in zip(sendable, outcomes, strict=True):
        results.add(delivery, outcome)


def _operate(provider: Provider, operation: str, contacts: Sequence[Contact]) -> list[Outcome]:
    if operation == "upsert" and isinstance(provider, ContactSink):
        return provider.upsert(contacts)
    raise errors.Unsupported(f"{provider.name} has no operation {operation!r}.")


def _told(connector: Connector, batch: Sequence[Delivery]) -> dict[uuid.UUID, int]:
    """Return, for each subject, the newest revision this connector has been told."""
    ids = [delivery.subject_id for delivery in batch]
    known = (
        Delivery.objects.filter(connector=connector, subject_id__in=ids, operation=batch[0].operation)
        .filter(state=Delivery.State.DELIVERED)
        .values_list("subject_id")
        .annotate(Max("revision"))
    )
    return dict.fromkeys(ids, 0) | dict(known)


def working() -> QuerySet[Connector]:
    """Return the connectors that may send: switched on and not paused."""
    return Connector.objects.filter(is_active=True, status__paused_at=None)


def _has_due(connector_id: uuid.UUID) -> bool:
    return Delivery.objects.filter(connector=connector_id).ready(db_now()).exists()


def _due(now: datetime, limit: int) -> Sequence[str]:
    open_here = Delivery.objects.filter(outbox.due_work(now)).values("connector")
    free = Q(status__lease_until=None) | Q(status__lease_until__lt=now)
    return [str(pk) for pk in working().filter(free, pk__in=open_here).values_list("pk", flat=True)[:limit]]


def _next_due_at() -> datetime | None:
    return Delivery.objects.filter(connector__in=working()).next_due_at()


WORK = jobs.Kind(KIND, _due, _next_due_at, lambda id: drain(uuid.UUID(id)))
