"""Existing leads: each one a connector wants and doesn't have arrives once, live ones first."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations import backfill, drain
from integrations.backfill import Scope, backfill_cancel, backfill_start
from integrations.models import ConnectorState, Delivery
from integrations.services import connector_pause, connector_reconsider
from leads.capture import lead_capture
from leads.models import Lead
from leads.services import ConsentGiven, LeadData
from runtime.clock import db_now
from tests.factories import ClientFactory, ConnectorFactory, DeliveryFactory, LeadFactory, rule

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]


@pytest.fixture
def crm(sandbox):
    return ConnectorFactory(base_url=f"{sandbox.url}/hubspot", name="CRM")


def run_through(connector, at_most: int = 1000) -> list[Delivery]:
    while backfill.put_next(connector.pk, at_most):
        pass
    return list(Delivery.objects.filter(connector=connector, state="waiting"))


def status_of(connector) -> ConnectorState:
    return ConnectorState.objects.get(pk=connector.pk)


def arrived(sandbox) -> list[str]:
    return sorted(contact["properties"]["email"] for contact in sandbox.contacts())


def test_every_existing_lead_arrives(sandbox, crm):
    leads = [LeadFactory() for _ in range(7)]
    assert backfill_start(connector=crm) == 7
    drain.drain(crm.pk)
    assert arrived(sandbox) == sorted(lead.email for lead in leads)
    status = status_of(crm)
    assert (status.backfill_scope, status.backfill_seen, status.backfill_put) == ("", 7, 7)
    assert status.backfill_ended_at


def test_a_worker_finds_it_without_being_told(crm):
    LeadFactory()
    assert str(crm.pk) not in drain._due(db_now(), 10)
    backfill_start(connector=crm)
    assert str(crm.pk) in drain._due(db_now(), 10)


def test_a_paused_connector_is_sent_nothing(sandbox, crm):
    LeadFactory()
    backfill_start(connector=crm)
    connector_pause(connector=crm)
    drain.drain(crm.pk)
    assert arrived(sandbox) == []
    assert status_of(crm).backfill_scope == Scope.ALL


def test_what_it_has_as_it_is_now_is_not_sent_again(crm):
    told = LeadFactory(revision=3)
    stale = LeadFactory(revision=3)
    DeliveryFactory(connector=crm, subject_id=told.pk, state="delivered", revision=3)
    DeliveryFactory(connector=crm, subject_id=stale.pk, state="delivered", revision=2)
    backfill_start(connector=crm)
    assert [row.subject_id for row in run_through(crm)] == [stale.pk]


@pytest.mark.parametrize("state", ["waiting", "sending", "confirming"])
def test_what_is_on_its_way_is_left_alone(crm, state: str):
    DeliveryFactory(connector=crm, state=state)
    backfill_start(connector=crm)
    run_through(crm)
    assert Delivery.objects.get().state == state


def test_what_another_connector_has_does_not_count(crm):
    DeliveryFactory(state="delivered", revision=9, subject_id=LeadFactory().pk)
    backfill_start(connector=crm)
    assert len(run_through(crm)) == Lead.objects.count()


def test_the_filter_decides_as_it_stands_now(crm):
    web, other = LeadFactory(source={"channel": "web"}), LeadFactory(source={"channel": "phone"})
    backfill_start(connector=crm)
    crm.lead_filter = [rule("channel", "web")]
    crm.save()
    assert [row.subject_id for row in run_through(crm)] == [web.pk]
    assert other.pk


def test_consent_that_was_withdrawn_keeps_a_lead_back(crm):
    client = ClientFactory()
    crm.lead_filter = [rule("consent.email_marketing")]
    crm.is_active = False
    crm.save()
    for email, words in (("a@example.com", [True]), ("b@example.com", [True, False]), ("c@example.com", [])):
        lead_capture(client=client, data=LeadData(email=email))
        for granted in words:
            consent = [ConsentGiven("email_marketing", granted)]
            lead_capture(client=client, data=LeadData(email=email, consent=consent))
    backfill_start(connector=crm)
    assert [row.subject_id for row in run_through(crm)] == [Lead.objects.get(email="a@example.com").pk]


@pytest.mark.parametrize("reason", ["cancelled_by_person", "erased"])
def test_what_was_given_up_stays_so_until_the_lead_comes_again(crm, reason: str):
    lead = LeadFactory()
    DeliveryFactory(connector=crm, subject_id=lead.pk, state="cancelled", reason=reason, settled_at=db_now())
    backfill_start(connector=crm)
    assert run_through(crm) == []
    Lead.objects.update(updated_at=db_now(), revision=2)
    backfill_start(connector=crm)
    assert len(run_through(crm)) == 1


def test_it_goes_on_where_a_worker_stopped(crm):
    for _ in range(6):
        LeadFactory()
    backfill_start(connector=crm)
    backfill.put_next(crm.pk, 4)
    assert (status_of(crm).backfill_seen, Delivery.objects.count()) == (4, 4)
    run_through(crm, 4)
    assert (status_of(crm).backfill_seen, Delivery.objects.count()) == (6, 6)


def test_a_live_lead_waits_behind_one_go_at_most(crm):
    for _ in range(30):
        LeadFactory()
    backfill_start(connector=crm)
    backfill.put_next(crm.pk, 5)
    live = lead_capture(client=ClientFactory(), data=LeadData(email="live@example.com")).lead
    claimed = Delivery.objects.claim_batch(crm.pk, 6)
    assert claimed[-1].subject_id == live.pk


def test_two_drainers_do_not_put_the_same_leads_in_twice(crm, monkeypatch):
    for _ in range(4):
        LeadFactory()
    backfill_start(connector=crm)
    real = backfill._all

    def overtaken(state, at_most):
        step = real(state, at_most)
        monkeypatch.setattr(backfill, "_all", real)
        backfill.put_next(crm.pk, at_most)
        return step

    monkeypatch.setattr(backfill, "_all", overtaken)
    backfill.put_next(crm.pk, 4)
    status = status_of(crm)
    assert (status.backfill_seen, status.backfill_put, Delivery.objects.count()) == (4, 4, 4)


def test_cancelled_it_puts_no_more_in(crm):
    for _ in range(5):
        LeadFactory()
    backfill_start(connector=crm)
    backfill.put_next(crm.pk, 2)
    assert backfill_cancel(connector=crm)
    assert not backfill_cancel(connector=crm)
    assert len(run_through(crm)) == 2


def test_going_through_costs_the_same_however_many_there_were(crm):
    for _ in range(3):
        DeliveryFactory(connector=crm, state="delivered", revision=1)
    backfill_start(connector=crm)
    with CaptureQueriesContext(connection) as captured:
        backfill.put_next(crm.pk, 100)
    statements = [
        query for query in captured.captured_queries if query["sql"].split()[0] in {"SELECT", "UPDATE", "INSERT"}
    ]
    assert len(statements) <= 6


class TestLeftOut:
    """Leads that the filter left out, when it changes."""

    @pytest.fixture
    def picky(self, crm):
        crm.lead_filter = [rule("channel", "web")]
        crm.save()
        return crm

    def capture(self, email: str, channel: str) -> Lead:
        data = LeadData(email=email, source={"channel": channel})
        return lead_capture(client=ClientFactory(), data=data).lead

    def test_those_that_qualify_now_are_put_in_and_no_others(self, picky):
        phone, fax = self.capture("a@example.com", "phone"), self.capture("b@example.com", "fax")
        unheard = LeadFactory(source={"channel": "phone"})
        picky.lead_filter = [rule("channel", "web", "phone")]
        picky.save()
        assert connector_reconsider(connector=picky) == 2
        assert [row.subject_id for row in run_through(picky)] == [phone.pk]
        kept = Delivery.objects.get(state="skipped")
        assert (kept.subject_id, kept.reason) == (fax.pk, "filtered")
        assert not Delivery.objects.filter(subject_id=unheard.pk).exists()

    def test_the_skip_gives_way_to_what_is_sent(self, picky, sandbox):
        lead = self.capture("a@example.com", "phone")
        picky.lead_filter = []
        picky.save()
        connector_reconsider(connector=picky)
        drain.drain(picky.pk)
        assert arrived(sandbox) == ["a@example.com"]
        rows = Delivery.objects.for_subject("lead", lead.pk)
        assert [row.state for row in rows] == ["superseded", "delivered"]

    def test_what_was_skipped_for_another_reason_stays(self, picky):
        DeliveryFactory(connector=picky, state="skipped", reason="no_identifier")
        assert connector_reconsider(connector=picky) == 0
        assert not status_of(picky).backfill_scope

    def test_more_than_one_page_of_them_is_gone_through(self, picky, monkeypatch):
        monkeypatch.setattr(backfill, "_PAGE", 2)
        for number in range(5):
            self.capture(f"{number}@example.com", "phone" if number % 2 else "web")
        Delivery.objects.filter(state="waiting").update(state="skipped", reason="filtered")
        picky.lead_filter = [rule("channel", "phone")]
        picky.save()
        connector_reconsider(connector=picky)
        assert len(run_through(picky)) == 2

    def test_it_does_not_narrow_one_that_goes_through_all(self, picky):
        self.capture("a@example.com", "phone")
        backfill_start(connector=picky)
        connector_reconsider(connector=picky)
        assert status_of(picky).backfill_scope == Scope.ALL
