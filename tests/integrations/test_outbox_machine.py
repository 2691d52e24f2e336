"""The outbox under any sequence of captures, claims, settlements, crashes, lapses, sendings-again and erasures.

A model beside it knows what the vendor was told; the invariants are those of the promise "accepted means delivered".
"""

from datetime import timedelta

import pytest
from django.db.models import Count
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from integrations import deliveries
from integrations.models import Connector, ConnectorState, Delivery
from integrations.providers import errors
from integrations.providers.base import Outcome
from leads.capture import lead_capture
from leads.models import Lead
from leads.services import LeadData
from runtime import clock, jobs
from tests.factories import ClientFactory, ConnectorFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

_PEOPLE = ["anna@example.com", "ben@example.com", "carla@example.com"]
State = Delivery.State


class Outbox(RuleBasedStateMachine):
    """One connector, three people, and whatever may happen."""

    @initialize()
    def begin(self):
        Connector.objects.all().delete()
        Lead.objects.all().delete()
        clock.offset = timedelta(0)
        self.client = ClientFactory()
        self.connector = ConnectorFactory(retry_policy={"trouble": [10, 10, 10], "refusal": [10]})
        ConnectorState.objects.get_or_create(connector=self.connector)
        # Batches that somebody holds; after a lapse the holder may still come back with an answer.
        self.held: list[list[Delivery]] = []
        # What the vendor knows: lead -> the revision it was told last.
        self.vendor: dict[object, int] = {}
        # Leads that nothing is promised of (given up by a person), and among them those that were erased.
        self.erased: set[object] = set()
        self.forgotten: set[object] = set()

    def teardown(self):
        """In the end the vendor is well: everything that still waits arrives, in the state it has now."""
        if hasattr(self, "connector"):
            self.send_again()
            for _ in range(20):
                clock.offset += timedelta(days=2)
                self.claim(3)
                while self.held:
                    self.arrive(self.held.pop())
            states = dict(Delivery.objects.order_by().values_list("state").annotate(Count("pk")))
            assert not set(states) & {State.WAITING, State.SENDING, State.NEEDS_YOU}, states
            assert not self.forgotten & self.vendor.keys()
            for lead in Lead.objects.exclude(pk__in=self.erased):
                assert self.vendor.get(lead.pk) == lead.revision, (self.vendor, lead.revision)
        clock.offset = timedelta(0)

    def arrive(self, batch):
        results = deliveries.Results(self.connector)
        for delivery in batch:
            results.add(delivery, self.outcome(delivery, "delivered"))
        results.save()

    @rule(email=st.sampled_from(_PEOPLE))
    def capture(self, email):
        lead = lead_capture(client=self.client, data=LeadData(email=email, message="hello")).lead
        self.erased.discard(lead.pk)
        self.forgotten.discard(lead.pk)

    @rule(limit=st.integers(1, 3))
    def claim(self, limit):
        deliveries.recover_lapsed(self.connector)
        batch = Delivery.objects.claim_batch(self.connector.pk, limit)
        revisions = dict(Lead.objects.values_list("pk", "revision"))
        for delivery in batch:
            delivery.revision = revisions[delivery.subject_id]
        if batch:
            self.held.append(batch)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), kind=st.sampled_from(["delivered", "retry", "rejected", "unknown", "no_key", "held"]))
    def answer(self, data, kind):
        """The vendor answers one of the batches that are held, perhaps long after its lease."""
        batch = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        results = deliveries.Results(self.connector)
        if kind == "no_key":
            results.failed_whole(batch, errors.NotAuthorised())
        elif kind == "held":
            results.failed_whole(batch, errors.Held("quota", after=1))
        else:
            for delivery in batch:
                results.add(delivery, self.outcome(delivery, kind))
        results.save()
        ConnectorState.objects.filter(pk=self.connector.pk).update(paused_at=None, pause_reason="")

    def outcome(self, delivery, kind):
        if kind in ("delivered", "unknown"):
            if delivery.operation == "erase":
                self.vendor.pop(delivery.subject_id, None)
            else:
                self.vendor[delivery.subject_id] = delivery.revision
        return {
            "delivered": Outcome.delivered("1"),
            "unknown": Outcome.unknown(),
            "retry": Outcome.retry("retry_later"),
            "rejected": Outcome.rejected("refused"),
        }[kind]

    @precondition(lambda self: self.held)
    @rule()
    def crash(self):
        """Whoever held it dies and never answers."""
        self.held.pop()

    @rule(seconds=st.sampled_from([1, 15, jobs.LEASE_SECONDS + 1]))
    def time_passes(self, seconds):
        clock.offset += timedelta(seconds=seconds)

    @rule()
    def send_again(self):
        deliveries.send_again(deliveries=list(Delivery.objects.filter(state__in=[State.NEEDS_YOU, State.DELIVERED])))

    @rule()
    def cancel_what_needs_a_person(self):
        for delivery in Delivery.objects.filter(state=State.NEEDS_YOU, operation="upsert"):
            self.erased.add(delivery.subject_id)
            deliveries.cancel(deliveries=[delivery])

    @rule(email=st.sampled_from(_PEOPLE))
    def erase(self, email):
        lead = Lead.objects.filter(email=email).first()
        if lead is not None:
            deliveries.erase(subject_kind="lead", subject_id=lead.pk, identifiers={"email": lead.email})
            self.erased.add(lead.pk)
            self.forgotten.add(lead.pk)

    @invariant()
    def at_most_one_waits_per_operation(self):
        waiting = list(Delivery.objects.filter(state=State.WAITING).values_list("subject_id", "operation"))
        assert len(waiting) == len(set(waiting))

    @invariant()
    def at_most_one_call_per_subject(self):
        sending = list(Delivery.objects.filter(state=State.SENDING).values_list("subject_id", flat=True))
        assert len(sending) == len(set(sending))

    @invariant()
    def nobody_is_lost(self):
        """A lead's current state is at the vendor, or on its way, or in sight of a person."""
        for lead in Lead.objects.exclude(pk__in=self.erased):
            rows = Delivery.objects.filter(subject_id=lead.pk, operation="upsert")
            on_its_way = rows.filter(state__in=[State.WAITING, State.SENDING, State.NEEDS_YOU]).exists()
            told = rows.filter(state=State.DELIVERED, revision__gte=lead.revision).exists()
            assert on_its_way or told, list(rows.values("state", "revision", "tries"))

    @invariant()
    def nothing_waits_without_a_time(self):
        assert not Delivery.objects.filter(state=State.WAITING, lease_until__isnull=False).exists()
        assert not Delivery.objects.filter(state=State.SENDING, lease_until=None).exists()


def test_no_sequence_of_events_loses_a_lead():
    run_state_machine_as_test(
        Outbox,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
