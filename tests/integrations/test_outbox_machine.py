"""The outbox under any sequence of captures, claims, answers, crashes, lapses, questions, sendings-again and erasures.

A model beside it knows what the vendor was told; the invariants are those of the promise "accepted means delivered".
"""

from collections import Counter
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
from integrations.packing import Packer
from integrations.parcels import Parcel
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
    """One connector, three people, and whatever may happen; the vendor writes over what it has, some of it later."""

    provider = "importing"
    batch_size = 3

    @initialize()
    def begin(self):
        Connector.objects.all().delete()
        Lead.objects.all().delete()
        clock.offset = timedelta(0)
        self.client = ClientFactory()
        policy = {"trouble": [10, 10, 10], "refusal": [10]}
        self.connector = ConnectorFactory(provider=self.provider, credential=None, retry_policy=policy)
        ConnectorState.objects.get_or_create(connector=self.connector)
        # Parcels that somebody holds; after a lapse the holder may still come back with an answer.
        self.held: list[Parcel] = []
        # What the vendor has: address -> lead and revision it was told last; what it works on, by its number.
        self.vendor: dict[str, tuple[object, int]] = {}
        self.works_on: dict[str, tuple[str, tuple[object, int]]] = {}
        # Leads that nothing is promised of (given up by a person); addresses that were erased and not seen since.
        self.given_up: set[object] = set()
        self.forgotten: set[str] = set()

    def teardown(self):
        """In the end the vendor is well: everything that still waits arrives, in the state it has now."""
        if hasattr(self, "connector"):
            self.send_again()
            for _ in range(20):
                clock.offset += timedelta(days=2)
                self.ask("done")
                self.claim(3)
                while self.held:
                    self.tell(self.held.pop(), "delivered")
            states = dict(Delivery.objects.order_by().values_list("state").annotate(Count("pk")))
            open_states = {State.WAITING, State.SENDING, State.CONFIRMING, State.NEEDS_YOU}
            assert not set(states) & open_states, states
            assert not self.forgotten & self.vendor.keys()
            assert not Delivery.objects.exclude(sealed="").exists()
            for lead in Lead.objects.exclude(pk__in=self.given_up):
                assert self.vendor.get(lead.email) == (lead.pk, lead.revision), (self.vendor, lead.revision)
        clock.offset = timedelta(0)

    @rule(email=st.sampled_from(_PEOPLE))
    def capture(self, email):
        lead = lead_capture(client=self.client, data=LeadData(email=email, message="hello")).lead
        self.given_up.discard(lead.pk)
        self.forgotten.discard(email)

    @rule(limit=st.integers(1, 3))
    def claim(self, limit):
        deliveries.recover_lapsed(self.connector)
        batch = Delivery.objects.claim_batch(self.connector.pk, min(limit, self.batch_size))
        parcel = Packer(self.connector).pack(batch) if batch else None
        if parcel is not None:
            self.hold(parcel)

    def hold(self, parcel):
        self.held.append(parcel)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), kind=st.sampled_from(["delivered", "accepted", "retry", "rejected", "unknown"]))
    def answer(self, data, kind):
        """The vendor answers one of the parcels that are held, perhaps long after its lease."""
        self.tell(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))), kind)

    @precondition(lambda self: self.held)
    @rule(error=st.sampled_from([errors.NotAuthorised(), errors.Held("quota", after=1)]))
    def turned_away(self, error):
        if self.has_acted(self.held[-1]):
            # Whoever turns a request away has not done what it says.
            return
        parcel = self.held.pop()
        results = self.results_of(parcel)
        results.failed_whole(parcel.deliveries, error)
        results.save()
        ConnectorState.objects.filter(pk=self.connector.pk).update(paused_at=None, pause_reason="")

    def has_acted(self, parcel):
        return False

    def results_of(self, parcel):
        contacts = {row.pk: contact for row, contact in zip(parcel.deliveries, parcel.contacts, strict=True)}
        return deliveries.Results(self.connector, contacts=contacts)

    def tell(self, parcel, kind):
        results = self.results_of(parcel)
        for row, contact in zip(parcel.deliveries, parcel.contacts, strict=True):
            results.add(row, self.outcome(row, contact, kind))
        results.save()

    def outcome(self, row, contact, kind):
        if kind == "accepted" and row.operation == "upsert":
            number = str(len(self.works_on))
            self.works_on[number] = contact.email, (row.subject_id, row.revision)
            return Outcome.accepted("job", 30, item=number)
        if kind in ("delivered", "unknown", "accepted"):
            self.act(row, contact)
        return {
            "delivered": Outcome.delivered("1"),
            "accepted": Outcome.delivered("1"),
            "unknown": Outcome.unknown(),
            "retry": Outcome.retry("retry_later"),
            "rejected": Outcome.rejected("refused"),
        }[kind]

    def act(self, row, contact):
        if row.operation == "erase":
            self.vendor.pop(contact.email, None)
        else:
            self.vendor[contact.email] = row.subject_id, row.revision

    @rule(kind=st.sampled_from(["done", "working", "failed", "lost", "silent", "crash"]))
    def ask(self, kind):
        """Ask what became of what the vendor works on."""
        while kind != "crash" and (batch := Delivery.objects.claim_job(self.connector.pk)):
            results = deliveries.Results(self.connector)
            if kind == "silent":
                results.failed_whole(batch, errors.OutcomeUnknown())
            for row in batch if kind != "silent" else []:
                results.add(row, self.became(row, kind))
            results.save()
        if kind == "crash":
            Delivery.objects.claim_job(self.connector.pk)

    def became(self, row, kind):
        if kind == "done":
            email, told = self.works_on[row.job_item]
            self.vendor[email] = told
        return {
            "done": Outcome.delivered("1"),
            "working": Outcome.accepted("job", 30),
            "failed": Outcome.rejected("refused"),
            "lost": Outcome.unknown(),
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
    def nothing_is_due(self):
        """A turn ends: what has to wait for another delivery is not looked at all the time."""
        Delivery.objects.filter(connector=self.connector).postpone_blocked(clock.db_now())

    @rule()
    def send_again(self):
        deliveries.send_again(deliveries=list(Delivery.objects.filter(state__in=[State.NEEDS_YOU, State.DELIVERED])))

    @rule()
    def cancel_what_needs_a_person(self):
        for delivery in Delivery.objects.filter(state=State.NEEDS_YOU, operation="upsert"):
            self.given_up.add(delivery.subject_id)
            deliveries.cancel(deliveries=[delivery])

    @rule(email=st.sampled_from(_PEOPLE))
    def erase(self, email):
        """Erase somebody, here at once and at the vendor when its turn comes."""
        lead = Lead.objects.filter(email=email).first()
        if lead is not None:
            deliveries.erase(subject_kind="lead", subject_id=lead.pk, identifiers={"email": lead.email})
            lead.delete()
            self.forgotten.add(email)

    @invariant()
    def at_most_one_waits_per_operation(self):
        waiting = list(Delivery.objects.filter(state=State.WAITING).values_list("subject_id", "operation"))
        assert len(waiting) == len(set(waiting))

    @invariant()
    def at_most_one_is_under_way_per_subject(self):
        under_way = Delivery.objects.filter(state__in=[State.SENDING, State.CONFIRMING])
        subjects = list(under_way.values_list("subject_id", flat=True))
        assert len(subjects) == len(set(subjects))

    @invariant()
    def nobody_is_lost(self):
        """A lead's current state is at the vendor, or on its way, or in sight of a person."""
        open_states = [State.WAITING, State.SENDING, State.CONFIRMING, State.NEEDS_YOU]
        for lead in Lead.objects.exclude(pk__in=self.given_up):
            rows = Delivery.objects.filter(subject_id=lead.pk, operation="upsert")
            told = rows.filter(state=State.DELIVERED, revision__gte=lead.revision).exists()
            assert rows.filter(state__in=open_states).exists() or told, list(rows.values("state", "revision", "tries"))

    @invariant()
    def nothing_waits_without_a_time(self):
        leased = Delivery.objects.filter(state__in=[State.WAITING, State.CONFIRMING], lease_until__isnull=False)
        assert not leased.exists()
        assert not Delivery.objects.filter(state=State.SENDING, lease_until=None).exists()
        assert not Delivery.objects.filter(state=State.CONFIRMING, job="").exists()

    @invariant()
    def an_address_is_kept_for_no_longer_than_its_erasure(self):
        sealed = Delivery.objects.exclude(sealed="")
        assert not sealed.exclude(operation="erase", state__in=[State.WAITING, State.SENDING, State.NEEDS_YOU]).exists()
        assert not Delivery.objects.filter(operation="erase", state=State.WAITING, sealed="").exists()


class Creating(Outbox):
    """The same with a vendor that makes a new record whenever it is told, and can be searched by our id.

    It acts when the request is sent, as every call ends before its lease does; whether the answer arrives is another
    matter.
    """

    provider = "searching"
    batch_size = 1

    @initialize()
    def begin(self):
        super().begin()
        self.made: Counter[object] = Counter()
        self.acted: dict[int, bool] = {}
        self.is_well = True

    def teardown(self):
        self.is_well = True
        super().teardown()

    def hold(self, parcel):
        self.held.append(parcel)
        [row], [contact] = parcel.deliveries, parcel.contacts
        self.acted[id(parcel)] = self.is_well
        if not self.is_well:
            return
        if row.operation == "upsert" and not (contact.may_exist and self.made[row.subject_id]):
            # Without our asking it makes one more; a state that was told already needs none.
            self.made[row.subject_id] += not contact.external_id
        self.act(row, contact)

    def has_acted(self, parcel):
        return self.acted.get(id(parcel), False)

    @rule(is_well=st.booleans())
    def mood(self, is_well):
        """Whether the vendor does what it is told from now on."""
        self.is_well = is_well

    def outcome(self, row, contact, kind):
        return Outcome.delivered("1")

    def tell(self, parcel, kind):
        acted = self.acted.pop(id(parcel), False)
        results = self.results_of(parcel)
        [row] = parcel.deliveries
        if acted:
            answer = Outcome.unknown() if kind in ("unknown", "retry") else Outcome.delivered("1")
        else:
            answer = Outcome.rejected("refused") if kind == "rejected" else Outcome.unknown()
        results.add(row, answer)
        results.save()

    @invariant()
    def nobody_is_there_twice(self):
        assert all(number <= 1 for number in getattr(self, "made", Counter()).values()), self.made


@pytest.mark.parametrize("machine", [Outbox, Creating])
def test_no_sequence_of_events_loses_a_lead(vendor, machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
