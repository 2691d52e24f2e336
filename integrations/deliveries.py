"""What becomes of deliveries: settled, tried again, put before a person, sent again, cancelled."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction

from integrations import erasures, metrics, outbox, retries, subjects
from integrations.calls import CallLog
from integrations.erasures import erase as erase
from integrations.models import Connector, ConnectorState, Delivery
from integrations.providers import errors
from integrations.providers.base import Confirmer, Contact, Kind, Outcome
from integrations.providers.registry import class_of
from integrations.resending import send_again as send_again
from integrations.resending import send_again_all as send_again_all
from integrations.settling import UNANSWERED_WAIT, arrives_twice, give_back, may_harm_twice, supersede_older
from integrations.settling import put_back as put_back
from integrations.settling import recover_lapsed as recover_lapsed
from runtime import turns
from runtime.clock import db_now
from runtime.scrubbing import scrub_text

log = structlog.get_logger(__name__)

State = Delivery.State
_KEPT = (State.WAITING, State.NEEDS_YOU)
_NOTHING_SAID = {"reason": "", "vendor_words": "", "field": ""}

# Seconds to the next question about what a vendor works on: how soon, how late, and after it could not be asked.
_SOONEST_CHECK, _LATEST_CHECK = 1.0, 3600.0
_AGAIN_SECONDS = 60.0
_LONGEST_ID = Delivery._meta.get_field("external_id").max_length


class Results:
    """Collects what became of deliveries, and writes it all in one transaction."""

    def __init__(
        self, connector: Connector, calls: CallLog | None = None, contacts: Mapping[uuid.UUID, Contact] | None = None
    ) -> None:
        self._connector = connector
        self._provider = class_of(connector)
        self._calls = calls
        # Who each delivery told the vendor of: if they were erased meanwhile, only this call still knows.
        self._contacts = contacts or {}
        self._policy = retries.Policy.of(connector.retry_policy)
        self._now = db_now()
        self._delivered: list[Delivery] = []
        self._accepted: dict[tuple[str, float], list[Delivery]] = defaultdict(list)
        self._values: dict[uuid.UUID, tuple[Delivery, dict[str, Any]]] = {}
        self._done: dict[uuid.UUID, Mapping[str, Any]] = {}
        self._failure: errors.ProviderError | None = None
        self._pause = ""
        self._held: errors.Held | None = None

    def add(self, delivery: Delivery, outcome: Outcome) -> None:
        """Note a vendor's word on one delivery."""
        if outcome.kind == "unsent":
            self._put(delivery, State.WAITING, reason=delivery.reason, vendor_words=delivery.vendor_words)
            return
        if delivery.state == State.SENDING:
            delivery.tries += 1
        if outcome.kind == "delivered":
            # Whatever a vendor calls an id: one that doesn't fit would keep all that was settled with it from ending.
            delivery.external_id = str(outcome.external_id or delivery.external_id)[:_LONGEST_ID]
            self._delivered.append(delivery)
            if outcome.told is not None:
                self._done[delivery.pk] = outcome.told
        elif outcome.kind == "accepted" and issubclass(self._provider, Confirmer):
            self._accept(delivery, outcome, self._provider.confirm_within_seconds)
        else:
            self._add_failure(delivery, Outcome.unknown() if outcome.kind == "accepted" else outcome)

    def _accept(self, delivery: Delivery, outcome: Outcome, longest: float) -> None:
        """Note that the vendor works on it; one that it has worked on for too long is put before a person."""
        if delivery.state != State.CONFIRMING:
            delivery.accepted_at = self._now
            delivery.job_item = (outcome.item or str(delivery.subject_id))[:120]
        if self._now - (delivery.accepted_at or self._now) > timedelta(seconds=longest):
            told = {"reason": "not_confirmed", "vendor_words": scrub_text(outcome.words)[:500]}
            self._put(delivery, State.NEEDS_YOU, unanswered_at=self._unanswered_at(delivery), **told)
        else:
            after = min(max(outcome.after or 0.0, _SOONEST_CHECK), _LATEST_CHECK)
            self._accepted[outcome.job[:200], after].append(delivery)

    def _add_failure(self, delivery: Delivery, outcome: Outcome) -> None:
        told = {"reason": outcome.reason, "vendor_words": scrub_text(outcome.words)[:500], "field": outcome.field[:80]}
        # An API may never answer in words that we understand, and each try makes another contact there.
        seldom = outcome.kind == "rejected" or (outcome.kind == "unknown" and arrives_twice(self._connector))
        step = retries.next_step(refused=seldom, tries=delivery.tries, policy=self._policy, retry_after=outcome.after)
        unanswered_at, wait = delivery.unanswered_at, timedelta(0)
        if outcome.kind == "unknown" and self._unanswered_at(delivery):
            unanswered_at, wait = self._unanswered_at(delivery), UNANSWERED_WAIT
        if isinstance(step, retries.AskPerson):
            self._put(delivery, State.NEEDS_YOU, unanswered_at=unanswered_at, **told)
        else:
            due_at = self._now + max(step.after, wait)
            self._put(delivery, State.WAITING, unanswered_at=unanswered_at, due_at=due_at, **told)

    def _unanswered_at(self, delivery: Delivery) -> datetime | None:
        """Return now, where it matters that a try may have had its effect without our knowing."""
        return self._now if may_harm_twice(self._connector, delivery.operation) else None

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
            if delivery.state == State.CONFIRMING:
                self._ask_again(delivery, error)
            elif self._held:
                self._put(delivery, State.WAITING, reason=delivery.reason, vendor_words=delivery.vendor_words)
            elif self._pause:
                # Costs no try: it isn't the lead's fault, and it goes on where it was once a person has mended it.
                self._put(delivery, State.WAITING, reason=error.code, vendor_words=scrub_text(error.words)[:500])
            elif isinstance(error, errors.RetryLater):
                kind: Kind = "unknown" if _may_have_acted(error) else "retry"
                self.add(delivery, Outcome(kind, reason=error.code, words=error.words, after=error.after))
            else:
                self.add(delivery, Outcome.rejected(error.code, error.words, getattr(error, "field", "")))

    def _ask_again(self, delivery: Delivery, error: errors.ProviderError) -> None:
        """Note that the vendor could not be asked about what it has accepted: that says nothing about the lead."""
        after = getattr(error, "after", None) or _AGAIN_SECONDS
        self.add(delivery, Outcome("accepted", job=delivery.job, after=after, words=error.words))

    def skip(self, delivery: Delivery, reason: str, **told: str) -> None:
        """Note that a subject doesn't qualify; `told` is what the delivery says of it besides."""
        self._put(delivery, State.SKIPPED, reason=reason, **told)

    def ask_person(self, delivery: Delivery, reason: str, words: str = "") -> None:
        """Note that only a person can help; nothing was sent."""
        self._put(delivery, State.NEEDS_YOU, reason=reason, vendor_words=words)

    def cancel(self, delivery: Delivery, reason: str) -> None:
        """Note that there is nothing to deliver any more."""
        self._put(delivery, State.CANCELLED, reason=reason)

    def postpone(self, delivery: Delivery, until: datetime) -> None:
        """Let a delivery wait for a time, at no cost."""
        self._put(delivery, State.WAITING, due_at=until, reason=delivery.reason, vendor_words=delivery.vendor_words)

    def save(self) -> bool:
        """Write everything; False where this connector has to stop for now."""
        if not (self._calls or self._delivered or self._accepted or self._values):
            return True
        with turns.writing(), transaction.atomic():
            if self._calls:
                self._calls.save()
            call_id = self._calls.rows[-1].pk if self._calls and self._calls.rows else None
            called = {} if call_id is None else {"call_id": call_id}
            # Also where somebody has taken it over meanwhile: it is done, and must not be done once more.
            for delivery in self._delivered:
                if delivery.pk in self._done:
                    subjects.note_done(delivery.subject_kind, delivery.subject_id, self._done[delivery.pk])
            overtaken = [*self._save_delivered(called), *self._save_accepted(called)]
            for delivery, values in self._values.values():
                if not _settle(delivery, {**values, **called}):
                    overtaken.append(delivery)
            for delivery in overtaken:
                self._overtaken(delivery)
            self._make_way()
            self._save_connector()
        self._count()
        return not self._pause and not self._held

    def _count(self) -> None:
        states = Counter(str(values["state"]) for _, values in self._values.values())
        states[str(State.DELIVERED)] += len(self._delivered)
        states[str(State.CONFIRMING)] += sum(map(len, self._accepted.values()))
        for state, number in states.items():
            metrics.SETTLED.labels(self._connector.name, state).inc(number)

    def _save_delivered(self, called: dict[str, Any]) -> list[Delivery]:
        ended = {**outbox.closing(State.DELIVERED), **_NOTHING_SAID, "lease_until": None}
        return outbox.settle_many(self._delivered, ("external_id", "revision", "tries"), **ended, **called)

    def _save_accepted(self, called: dict[str, Any]) -> list[Delivery]:
        overtaken: list[Delivery] = []
        own = ("revision", "tries", "job_item", "accepted_at")
        for (job, after), batch in self._accepted.items():
            due_at = self._now + timedelta(seconds=after)
            same = {"state": State.CONFIRMING, "job": job, "due_at": due_at, "lease_until": None}
            overtaken += outbox.settle_many(batch, own, **same, **_NOTHING_SAID, **called)
        return overtaken

    def _put(self, delivery: Delivery, state: State, **values: Any) -> None:
        cleared = {**_NOTHING_SAID, "job": "", "accepted_at": None}
        ended: dict[str, Any] = {} if state == State.WAITING else {"settled_at": self._now}
        if state not in _KEPT:
            ended = outbox.closing(state)
        own = {"revision": delivery.revision, "tries": delivery.tries}
        self._values[delivery.pk] = (delivery, {"state": state, **own, **cleared, **ended, **values})

    def _make_way(self) -> None:
        """Close what waited for a person and is overtaken by this; let go what had to wait for it."""
        accepted = [delivery for batch in self._accepted.values() for delivery in batch]
        settled = [*self._delivered, *(delivery for delivery, _ in self._values.values())]
        supersede_older([*accepted, *settled])
        ended = [row.subject_id for row in settled if row.state == State.CONFIRMING or row.operation == outbox.ERASE]
        if ended:
            Delivery.objects.filter(connector=self._connector).release(ended)
        erased = [row for row in self._delivered if row.operation == outbox.ERASE and row.pk in self._contacts]
        if erased:
            found = {row.subject_id: self._contacts[row.pk] for row in erased}
            erasures.tell_anew(self._connector, found, erased[0].subject_kind)

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
        wanted = outbox.Wanted(newest.connector_id, newest.subject_id, newest.operation, newest.subject_kind)
        ids = outbox.put_and_name([wanted])
        if newest.operation == outbox.ERASE and delivery.pk in self._contacts:
            erasures.seal_again(ids, self._contacts[delivery.pk])


def _may_have_acted(error: errors.RetryLater) -> bool:
    """Tell whether a request that failed so may have had its effect: it was sent, and not turned away."""
    if isinstance(error, errors.OutcomeUnknown):
        return True
    return error.status is not None and (error.status >= 500 or error.status < 400 or error.status == 408)


def _settle(delivery: Delivery, values: dict[str, Any]) -> bool:
    if values["state"] in _KEPT:
        return give_back(delivery, **values)
    return Delivery.objects.settle(delivery, **values)


def cancel(*, deliveries: Iterable[Delivery]) -> int:
    """Give up deliveries that wait for their time or for a person; returns how many."""
    open_states = [State.WAITING, State.NEEDS_YOU, State.SKIPPED]
    ids = [delivery.pk for delivery in deliveries]
    open_ones = Delivery.objects.filter(pk__in=ids, state__in=open_states)
    return open_ones.update(**outbox.closing(State.CANCELLED, "cancelled_by_person"))
