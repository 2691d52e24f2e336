"""What becomes of deliveries: settled, tried again, put before a person, sent again, cancelled."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models.functions import Greatest

from integrations import erasures, metrics, outbox, retries
from integrations.calls import CallLog
from integrations.erasures import erase as erase
from integrations.mapping import map_fields
from integrations.models import Connector, ConnectorState, Delivery
from integrations.providers import errors
from integrations.providers.base import Contact, Outcome
from integrations.providers.registry import provider_class
from integrations.resending import send_again as send_again
from integrations.resending import send_again_all as send_again_all
from runtime import turns
from runtime.clock import db_now
from runtime.scrubbing import scrub_text

log = structlog.get_logger(__name__)

State = Delivery.State
_KEPT = (State.WAITING, State.NEEDS_YOU)


def mapped(connector: Connector, contact: Contact) -> Contact:
    """Return the contact with the vendor's field names filled in. Raises: errors.Misconfigured."""
    mapping = connector.config.get("mapping") or provider_class(connector.provider).default_mapping
    return replace(contact, fields=map_fields(mapping, contact.values))


class Results:
    """Collects what became of deliveries, and writes it all in one transaction."""

    def __init__(
        self, connector: Connector, calls: CallLog | None = None, contacts: Mapping[uuid.UUID, Contact] | None = None
    ) -> None:
        self._connector = connector
        self._calls = calls
        # Who each delivery told the vendor of: if they were erased meanwhile, only this call still knows.
        self._contacts = contacts or {}
        self._policy = retries.Policy.of(connector.retry_policy)
        self._delivered: list[Delivery] = []
        self._values: dict[uuid.UUID, tuple[Delivery, dict[str, Any]]] = {}
        self._failure: errors.ProviderError | None = None
        self._pause = ""
        self._held: errors.Held | None = None

    def add(self, delivery: Delivery, outcome: Outcome) -> None:
        """Note a vendor's word on one delivery."""
        tries = delivery.tries + 1
        if outcome.kind == "delivered":
            delivery.external_id, delivery.tries = outcome.external_id or delivery.external_id, tries
            self._delivered.append(delivery)
            return
        told = {"reason": outcome.reason, "vendor_words": scrub_text(outcome.words)[:500], "field": outcome.field[:80]}
        step = retries.next_step(
            refused=outcome.kind == "rejected", tries=tries, policy=self._policy, retry_after=outcome.after
        )
        if isinstance(step, retries.AskPerson):
            self._put(delivery, State.NEEDS_YOU, tries=tries, **told)
        else:
            self._put(delivery, State.WAITING, tries=tries, due_at=db_now() + step.after, **told)

    def failed_whole(self, batch: Sequence[Delivery], error: errors.ProviderError) -> None:
        """Note an error that met every delivery of a request."""
        if isinstance(error, errors.Held):
            self._held = error
        else:
            self._failure = error
        if isinstance(error, errors.NotAuthorised):
            self._pause = "needs_reauth"
        elif isinstance(error, errors.EndpointGone):
            self._pause = "endpoint_gone"
        for delivery in batch:
            if self._held:
                self._put(delivery, State.WAITING, reason=delivery.reason, vendor_words=delivery.vendor_words)
            elif self._pause:
                # Costs no try: it isn't the lead's fault, and it goes on where it was once a person has mended it.
                self._put(delivery, State.WAITING, reason=error.code, vendor_words=scrub_text(error.words)[:500])
            elif isinstance(error, errors.RetryLater):
                self.add(delivery, Outcome.retry(error.code, error.words, error.after))
            else:
                self.add(delivery, Outcome.rejected(error.code, error.words, getattr(error, "field", "")))

    def skip(self, delivery: Delivery, reason: str) -> None:
        """Note that a subject doesn't qualify."""
        self._put(delivery, State.SKIPPED, reason=reason)

    def ask_person(self, delivery: Delivery, reason: str) -> None:
        """Note that only a person can help; nothing was sent."""
        self._put(delivery, State.NEEDS_YOU, reason=reason)

    def cancel(self, delivery: Delivery, reason: str) -> None:
        """Note that there is nothing to deliver any more."""
        self._put(delivery, State.CANCELLED, reason=reason)

    def save(self) -> bool:
        """Write everything; False where this connector has to stop for now."""
        with turns.writing(), transaction.atomic():
            if self._calls:
                self._calls.save()
            call_id = self._calls.rows[-1].pk if self._calls and self._calls.rows else None
            self._save_delivered(call_id)
            for delivery, values in self._values.values():
                if not _settle(delivery, values if call_id is None else {**values, "call_id": call_id}):
                    self._overtaken(delivery)
            _supersede_older([*self._delivered, *(delivery for delivery, _ in self._values.values())])
            self._save_connector()
        self._count()
        return not self._pause and not self._held

    def _count(self) -> None:
        states = Counter(str(values["state"]) for _, values in self._values.values())
        states[str(State.DELIVERED)] += len(self._delivered)
        for state, number in states.items():
            metrics.SETTLED.labels(self._connector.name, state).inc(number)

    def _save_delivered(self, call_id: uuid.UUID | None) -> None:
        if self._delivered:
            for delivery in outbox.settle_delivered(self._delivered, call_id):
                self._overtaken(delivery)

    def _put(self, delivery: Delivery, state: State, **values: Any) -> None:
        cleared = {"reason": "", "vendor_words": "", "field": ""}
        ended: dict[str, Any] = {} if state == State.WAITING else {"settled_at": db_now()}
        if state not in _KEPT:
            ended = outbox.closing(state)
        all_values = {"state": state, "revision": delivery.revision, **cleared, **ended, **values}
        self._values[delivery.pk] = (delivery, all_values)

    def _save_connector(self) -> None:
        status = ConnectorState.objects.filter(pk=self._connector.pk)
        now = db_now()
        if self._held:
            until = now + timedelta(seconds=self._held.after)
            status.update(held_until=until, held_because=self._held.code)
        if self._pause:
            status.filter(paused_at=None).update(paused_at=now, pause_reason=self._pause)
            log.warning("connector.paused", connector=str(self._connector.pk), reason=self._pause)
        if self._failure:
            said = scrub_text(self._failure.words or self._failure.code)[:300]
            status.update(last_failure_at=now, last_failure=said)
        elif self._calls and self._calls.rows:
            status.update(last_success_at=now, held_until=None, held_because="")

    def _overtaken(self, delivery: Delivery) -> None:
        """Somebody took a delivery over while we were calling, and our call may have come last, with an older state.

        One more delivery makes the current state the vendor's last word.
        """
        log.warning("delivery.lease_lost", delivery=str(delivery.pk))
        said_since = Delivery.objects.filter(
            connector=delivery.connector_id, subject_kind=delivery.subject_kind, subject_id=delivery.subject_id
        )
        newest = said_since.exclude(state=State.CANCELLED).order_by("-created_at").first() or delivery
        if newest.operation == delivery.operation == outbox.ERASE:
            # Whichever came last, the vendor has forgotten.
            return
        ids = outbox.put([outbox.Wanted(newest.connector_id, newest.subject_id, newest.operation, newest.subject_kind)])
        if newest.operation == outbox.ERASE and delivery.pk in self._contacts:
            erasures.seal_again(ids, self._contacts[delivery.pk])


def _settle(delivery: Delivery, values: dict[str, Any]) -> bool:
    if values["state"] in _KEPT:
        return give_back(delivery, **values)
    return Delivery.objects.settle(delivery, **values)


def give_back(delivery: Delivery, state: State = State.WAITING, **values: Any) -> bool:
    """Let a claimed delivery wait again, for its time or a person; False where somebody has claimed it since.

    Where a newer one waits already, that one takes over its tries and time; one that an erasure came after is given up.
    """
    if Delivery.objects.filter(pk=delivery.pk).erased_since().exists():
        return Delivery.objects.settle(delivery, **{**values, **outbox.closing(State.CANCELLED, "erased")})
    try:
        with transaction.atomic():
            return Delivery.objects.settle(delivery, **{**values, "state": state})
    except IntegrityError:
        _same(delivery).filter(state=State.WAITING).update(
            tries=Greatest("tries", values.get("tries", delivery.tries)),
            due_at=Greatest("due_at", values.get("due_at", delivery.due_at)),
        )
        return Delivery.objects.settle(delivery, **{**values, **outbox.closing(State.SUPERSEDED)})


def put_back(batch: Iterable[Delivery]) -> None:
    """Let deliveries wait again that were claimed and never called; it costs them nothing."""
    for delivery in batch:
        give_back(delivery)


def recover_lapsed(connector: Connector) -> None:
    """Let deliveries wait again whose sender vanished; the call may have had its effect, so it counts as a try."""
    policy = retries.Policy.of(connector.retry_policy)
    for delivery in Delivery.objects.filter(connector=connector).lapsed(db_now()):
        tries = delivery.tries + 1
        told: dict[str, Any] = {"tries": tries, "reason": "sender_vanished"}
        if isinstance(retries.next_step(refused=False, tries=tries, policy=policy), retries.AskPerson):
            give_back(delivery, State.NEEDS_YOU, settled_at=db_now(), **told)
        else:
            give_back(delivery, due_at=db_now(), **told)


def _supersede_older(batch: Sequence[Delivery]) -> None:
    """Close older deliveries of the same subjects that waited for a person: the newest word is the one that counts."""
    if not batch:
        return
    Delivery.objects.filter(
        connector=batch[0].connector_id,
        operation=batch[0].operation,
        subject_id__in=[delivery.subject_id for delivery in batch],
        state__in=[State.NEEDS_YOU, State.SKIPPED],
        created_at__lt=max(delivery.created_at for delivery in batch),
    ).exclude(pk__in=[delivery.pk for delivery in batch]).update(**outbox.closing(State.SUPERSEDED))


def _same(delivery: Delivery) -> Any:
    return Delivery.objects.filter(
        connector=delivery.connector_id,
        subject_kind=delivery.subject_kind,
        subject_id=delivery.subject_id,
        operation=delivery.operation,
    )


def cancel(*, deliveries: Iterable[Delivery]) -> int:
    """Give up deliveries that wait for their time or for a person; returns how many."""
    open_states = [State.WAITING, State.NEEDS_YOU, State.SKIPPED]
    ids = [delivery.pk for delivery in deliveries]
    open_ones = Delivery.objects.filter(pk__in=ids, state__in=open_states)
    return open_ones.update(**outbox.closing(State.CANCELLED, "cancelled_by_person"))
