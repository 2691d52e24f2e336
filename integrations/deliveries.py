"""What becomes of deliveries: settled, tried again, put before a person, sent again, cancelled."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models.functions import Greatest

from integrations import retries
from integrations.calls import CallLog
from integrations.mapping import map_fields
from integrations.models import Connector, ConnectorState, Delivery
from integrations.providers import errors
from integrations.providers.base import Contact, Outcome
from integrations.providers.registry import provider_class
from runtime import wakeups
from runtime.clock import db_now

log = structlog.get_logger(__name__)

State = Delivery.State
_RESENDABLE = (State.NEEDS_YOU, State.SKIPPED, State.CANCELLED, State.DELIVERED)


def mapped(connector: Connector, contact: Contact) -> Contact:
    """Return the contact with the vendor's field names filled in. Raises: errors.Misconfigured."""
    mapping = connector.config.get("mapping") or provider_class(connector.provider).default_mapping
    return replace(contact, fields=map_fields(mapping, contact.values))


class Results:
    """Collects what became of each delivery of a batch, and writes it all in one transaction."""

    def __init__(self, connector: Connector, batch: Sequence[Delivery], calls: CallLog) -> None:
        self._connector = connector
        self._batch = batch
        self._calls = calls
        self._values: dict[uuid.UUID, dict[str, Any]] = {}
        self._failure: errors.ProviderError | None = None
        self._pause = ""

    def add(self, delivery: Delivery, outcome: Outcome) -> None:
        """Note a vendor's word on one delivery."""
        if outcome.kind == "delivered":
            self._put(delivery, State.DELIVERED, external_id=outcome.external_id or delivery.external_id)
            return
        refused = outcome.kind == "rejected"
        step = retries.next_step(refused=refused, tries=delivery.tries + 1, retry_after=outcome.after)
        told = {"reason": outcome.reason, "vendor_words": outcome.words[:500], "field": outcome.field[:80]}
        if isinstance(step, retries.AskPerson):
            self._put(delivery, State.NEEDS_YOU, tries=delivery.tries + 1, **told)
        else:
            self._put(delivery, State.WAITING, tries=delivery.tries + 1, due_at=db_now() + step.after, **told)

    def failed_whole(self, batch: Sequence[Delivery], error: errors.ProviderError) -> None:
        """Note an error that met every delivery of a request."""
        self._failure = error
        if isinstance(error, errors.NotAuthorised):
            self._pause = "needs_reauth"
        elif isinstance(error, errors.EndpointGone):
            self._pause = "endpoint_gone"
        for delivery in batch:
            if self._pause:
                # Costs no try: it isn't the lead's fault, and it goes on where it was once a person has mended it.
                self._put(delivery, State.WAITING, reason=error.code, vendor_words=error.words)
            elif isinstance(error, errors.RetryLater):
                self.add(delivery, Outcome.retry(error.code, error.words, error.after))
            else:
                field = getattr(error, "field", "")
                self.add(delivery, Outcome.rejected(error.code, error.words, field))

    def skip(self, delivery: Delivery, reason: str) -> None:
        """Note that a subject doesn't qualify."""
        self._put(delivery, State.SKIPPED, reason=reason)

    def cancel(self, delivery: Delivery, reason: str) -> None:
        """Note that there is nothing to deliver any more."""
        self._put(delivery, State.CANCELLED, reason=reason)

    def save(self) -> bool:
        """Write everything; False where this connector has to stop."""
        with transaction.atomic():
            self._calls.save()
            for delivery in self._batch:
                _settle(delivery, self._values[delivery.pk], self._calls.rows[-1].pk if self._calls.rows else None)
            _supersede_older(self._connector, self._batch)
            self._save_connector()
        return not self._pause

    def _put(self, delivery: Delivery, state: State, **values: Any) -> None:
        cleared = {"reason": "", "vendor_words": "", "field": ""}
        ended = {} if state == State.WAITING else {"settled_at": db_now()}
        self._values[delivery.pk] = {"state": state, "revision": delivery.revision, **cleared, **ended, **values}

    def _save_connector(self) -> None:
        status = ConnectorState.objects.filter(pk=self._connector.pk)
        now = db_now()
        if self._pause:
            status.filter(paused_at=None).update(paused_at=now, pause_reason=self._pause)
            log.warning("connector.paused", connector=str(self._connector.pk), reason=self._pause)
        if self._failure:
            status.update(last_failure_at=now, last_failure=(self._failure.words or self._failure.code)[:300])
        elif self._calls.rows:
            status.update(last_success_at=now)


def _settle(delivery: Delivery, values: dict[str, Any], call_id: uuid.UUID | None) -> None:
    if call_id is not None:
        values["call_id"] = call_id
    if values["state"] == State.WAITING:
        back_to_waiting(delivery, **values)
    elif not Delivery.objects.settle(delivery, **values):
        log.warning("delivery.lease_lost", delivery=str(delivery.pk))


def back_to_waiting(delivery: Delivery, **values: Any) -> None:
    """Let a claimed delivery wait again; where a newer one waits already, that one takes over its tries and time."""
    try:
        with transaction.atomic():
            Delivery.objects.settle(delivery, **{**values, "state": State.WAITING})
    except IntegrityError:
        _same(delivery).filter(state=State.WAITING).update(
            tries=Greatest("tries", values.get("tries", delivery.tries)),
            due_at=Greatest("due_at", values.get("due_at", delivery.due_at)),
        )
        Delivery.objects.settle(delivery, **{**values, "state": State.SUPERSEDED, "settled_at": db_now()})


def recover_lapsed(connector: Connector) -> None:
    """Let deliveries wait again whose sender vanished; the call may have had its effect, so it counts as a try."""
    for delivery in Delivery.objects.filter(connector=connector).lapsed(db_now()):
        tries = delivery.tries + 1
        told = {"tries": tries, "reason": "sender_vanished"}
        if isinstance(retries.next_step(refused=False, tries=tries), retries.AskPerson):
            Delivery.objects.settle(delivery, state=State.NEEDS_YOU, settled_at=db_now(), **told)
        else:
            back_to_waiting(delivery, due_at=db_now(), **told)


def _supersede_older(connector: Connector, batch: Sequence[Delivery]) -> None:
    """Close older deliveries of the same subjects that waited for a person: the newest word is the one that counts."""
    Delivery.objects.filter(
        connector=connector,
        operation=batch[0].operation,
        subject_id__in=[delivery.subject_id for delivery in batch],
        state__in=[State.NEEDS_YOU, State.SKIPPED],
        created_at__lt=max(delivery.created_at for delivery in batch),
    ).exclude(pk__in=[delivery.pk for delivery in batch]).update(state=State.SUPERSEDED)


def _same(delivery: Delivery) -> Any:
    return Delivery.objects.filter(
        connector=delivery.connector_id,
        subject_kind=delivery.subject_kind,
        subject_id=delivery.subject_id,
        operation=delivery.operation,
    )


def send_again(*, deliveries: Iterable[Delivery]) -> int:
    """Let settled deliveries wait for sending once more, now; returns how many.

    What waits already is made due now; what is being sent is left alone.
    """
    count = 0
    for delivery in deliveries:
        with transaction.atomic():
            waits = _same(delivery).filter(state=State.WAITING).update(due_at=db_now(), tries=0)
            if not waits:
                fresh = {"state": State.WAITING, "due_at": db_now(), "tries": 0, "settled_at": None}
                rows = Delivery.objects.filter(pk=delivery.pk, state__in=_RESENDABLE)
                waits = rows.update(**fresh) if delivery.state != State.DELIVERED else _send_copy(delivery)
            count += bool(waits)
            wakeups.wake("connector", str(delivery.connector_id))
    return count


def _send_copy(delivery: Delivery) -> int:
    """Put in a new delivery beside a delivered one, which stays as the record of what was told."""
    from integrations import outbox

    want = outbox.Wanted(delivery.connector_id, delivery.subject_id, delivery.operation, delivery.subject_kind)
    return len(outbox.put([want]))


def cancel(*, deliveries: Iterable[Delivery]) -> int:
    """Give up deliveries that wait for their time or for a person; returns how many."""
    open_states = [State.WAITING, State.NEEDS_YOU, State.SKIPPED]
    ids = [delivery.pk for delivery in deliveries]
    return Delivery.objects.filter(pk__in=ids, state__in=open_states).update(
        state=State.CANCELLED, reason="cancelled_by_person", settled_at=db_now()
    )
