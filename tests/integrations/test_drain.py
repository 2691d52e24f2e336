"""The way from the outbox to a vendor, over real HTTP to the sandbox CRM."""

import threading
import time

import pytest
from django.db import connection

from integrations import deliveries, syncs
from integrations.drain import drain
from integrations.leases import Lease
from integrations.models import Call, Connector, ConnectorState, Delivery
from integrations.providers.base import Outcome
from integrations.quota import Quota
from leads.capture import lead_capture
from leads.services import LeadData
from leads.standing import deliveries_of
from runtime import jobs
from runtime.clock import db_now
from tests.factories import ClientFactory, ConnectorFactory, MappingVersionFactory
from tests.integrations.servers import answer, serve

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]


@pytest.fixture
def crm(sandbox):
    return ConnectorFactory(base_url=f"{sandbox.url}/hubspot", name="CRM")


@pytest.fixture
def client_row():
    return ClientFactory()


def capture(client_row, email="anna@example.com", **values):
    return lead_capture(client=client_row, data=LeadData(email=email, **values)).lead


def erase(lead):
    return deliveries.erase(subject_kind="lead", subject_id=lead.pk, identifiers={"email": lead.email})


def names_of(sandbox):
    return sorted(contact["properties"]["email"] for contact in sandbox.contacts())


def test_a_captured_lead_arrives_and_its_external_id_comes_back(sandbox, crm, client_row):
    lead = capture(client_row, first_name="Anna")
    drain(crm.pk)
    [delivery] = deliveries_of(lead.pk)
    [contact] = sandbox.contacts()
    assert delivery.state == "delivered"
    assert delivery.external_id == str(contact["id"])
    assert contact["properties"]["firstname"] == "Anna"
    assert "anna@example.com" not in Call.objects.get().request_body


def test_an_id_that_is_too_long_keeps_nothing_from_being_settled(crm, client_row, monkeypatch):
    """PostgreSQL refuses what doesn't fit its column, and with it everybody's outcome."""
    upsert = "integrations.providers.hubspot.provider.HubSpot.upsert"
    monkeypatch.setattr(upsert, lambda self, contacts: [Outcome.delivered("9" * 200) for _ in contacts])
    leads = [capture(client_row, f"lead{n}@example.com") for n in range(2)]
    drain(crm.pk)
    assert {(row.state, len(row.external_id)) for lead in leads for row in deliveries_of(lead.pk)} == {
        ("delivered", 120)
    }


def test_waiting_leads_go_in_one_batch(sandbox, crm, client_row):
    for n in range(30):
        capture(client_row, f"lead{n}@example.com")
    drain(crm.pk)
    assert len(sandbox.contacts()) == 30
    assert Call.objects.count() == 1


def test_every_enquiry_since_the_last_delivery_arrives(sandbox, crm, client_row):
    capture(client_row, message="first question")
    drain(crm.pk)
    capture(client_row, message="second question")
    capture(client_row, message="third question")
    drain(crm.pk)
    [contact] = sandbox.contacts()
    message = contact["properties"]["message"]
    assert "second question" in message
    assert "third question" in message
    assert "first question" not in message


def test_a_vendor_in_trouble_is_tried_again_not_before_it_asked(sandbox, crm, client_row, later):
    lead = capture(client_row)
    sandbox.fault(vendor="hubspot", status=503, retry_after="120", count=1)
    drain(crm.pk)
    [delivery] = deliveries_of(lead.pk)
    assert (delivery.state, delivery.tries) == ("waiting", 1)
    later(seconds=100)
    drain(crm.pk)
    assert sandbox.contacts() == []
    later(seconds=100)
    drain(crm.pk)
    assert names_of(sandbox) == ["anna@example.com"]


def test_a_refused_lead_waits_for_a_person_and_can_be_sent_again(sandbox, crm, client_row, later):
    version = MappingVersionFactory(connector=crm, rows=[{"field": "no_such_field", "source": "company"}])
    lead = capture(client_row, company="Acme")
    for _ in range(4):
        drain(crm.pk)
        later(hours=10)
    [delivery] = deliveries_of(lead.pk)
    assert (delivery.state, delivery.field) == ("needs_you", "no_such_field")
    version.delete()
    assert deliveries.send_again(deliveries=[delivery]) == 1
    drain(crm.pk)
    assert names_of(sandbox) == ["anna@example.com"]


def test_a_wrong_key_pauses_the_connector_and_costs_no_try(sandbox, crm, client_row):
    lead = capture(client_row)
    sandbox.fault(vendor="hubspot", status=401, count=10)
    drain(crm.pk)
    [delivery] = deliveries_of(lead.pk)
    assert (delivery.state, delivery.tries) == ("waiting", 0)
    assert ConnectorState.objects.get(pk=crm.pk).pause_reason == "needs_reauth"
    sandbox.reset()
    drain(crm.pk)
    assert sandbox.contacts() == [], "a paused connector sends nothing"
    ConnectorState.objects.filter(pk=crm.pk).update(paused_at=None, pause_reason="")
    drain(crm.pk)
    assert names_of(sandbox) == ["anna@example.com"]


def test_a_lead_without_an_address_is_skipped_until_one_is_known(sandbox, crm, client_row):
    lead = lead_capture(client=client_row, data=LeadData(reference="42")).lead
    drain(crm.pk)
    [delivery] = deliveries_of(lead.pk)
    assert (delivery.state, delivery.reason) == ("skipped", "no_identifier")
    lead_capture(client=client_row, data=LeadData(reference="42", email="anna@example.com"))
    drain(crm.pk)
    assert [row.state for row in deliveries_of(lead.pk)] == ["delivered"]


def test_what_a_vanished_sender_held_is_sent_when_its_lease_ran_out(sandbox, crm, client_row, later):
    capture(client_row)
    assert len(Delivery.objects.claim_batch(crm.pk, 10)) == 1
    drain(crm.pk)
    assert sandbox.contacts() == [], "somebody holds it"
    later(seconds=jobs.LEASE_SECONDS + 1)
    drain(crm.pk)
    assert names_of(sandbox) == ["anna@example.com"]


def test_one_drainer_at_a_time(crm, client_row, sandbox):
    capture(client_row)
    other = Lease(crm.pk)
    assert other.take()
    drain(crm.pk)
    assert sandbox.contacts() == []
    other.release()
    drain(crm.pk)
    assert names_of(sandbox) == ["anna@example.com"]


def test_after_a_drainer_was_killed_others_go_on_within_seconds_but_not_with_what_it_held(
    sandbox, crm, client_row, later
):
    """Guards: the drainer's lease is short, the deliveries' own is not. Red with one lease for both."""
    held = capture(client_row)
    killed = Lease(crm.pk)
    assert killed.take()
    assert len(Delivery.objects.claim_batch(crm.pk, 10)) == 1
    capture(client_row, message="again")
    capture(client_row, "ben@example.com")
    later(seconds=7)
    drain(crm.pk)
    assert names_of(sandbox) == ["ben@example.com"]
    assert not killed.keep(), "it would have to stop"
    later(seconds=jobs.LEASE_SECONDS)
    drain(crm.pk)
    drain(crm.pk)
    assert names_of(sandbox) == ["anna@example.com", "ben@example.com"]
    assert {row.state for row in deliveries_of(held.pk)} == {"delivered"}


def test_a_drainer_that_lives_keeps_its_lease(crm, later):
    lease = Lease(crm.pk)
    assert lease.take()
    for _ in range(5):
        later(seconds=4)
        assert lease.keep()
        assert not Lease(crm.pk).take()


def test_a_delivery_that_must_wait_again_yields_to_a_newer_one(sandbox, crm, client_row):
    lead = capture(client_row)
    [claimed] = Delivery.objects.claim_batch(crm.pk, 10)
    capture(client_row, first_name="Anna")
    deliveries.give_back(claimed, tries=3, reason="retry_later")
    states = dict(Delivery.objects.filter(subject_id=lead.pk).values_list("state", "tries"))
    assert states == {"superseded": 3, "waiting": 3}
    waiting = Delivery.objects.filter(state="waiting")
    assert set(waiting.values_list("reason", flat=True)) == {"retry_later"}, "what waits says why"


def test_a_partial_refusal_delivers_the_rest(sandbox, crm, client_row):
    bad, good = capture(client_row, "bad@example.com"), capture(client_row, "good@example.com")
    sandbox.fault(vendor="hubspot", partial={"emails": ["bad@example.com"]}, count=1)
    drain(crm.pk)
    assert [row.state for row in deliveries_of(good.pk)] == ["delivered"]
    [refused] = deliveries_of(bad.pk)
    assert (refused.state, refused.tries) == ("waiting", 1)


def test_cancelled_deliveries_are_not_sent(sandbox, crm, client_row):
    lead = capture(client_row)
    assert deliveries.cancel(deliveries=deliveries_of(lead.pk)) == 1
    drain(crm.pk)
    assert sandbox.contacts() == []


def test_a_batch_refused_whole_is_halved_until_the_bad_one_stands_alone(sandbox, crm, client_row):
    leads = [capture(client_row, f"lead{n}@example.com") for n in range(8)]
    sandbox.fault(vendor="hubspot", batch_conflict=True)
    drain(crm.pk)
    assert len(sandbox.contacts()) == 8
    assert {row.tries for lead in leads for row in deliveries_of(lead.pk)} == {1}


def test_several_calls_are_on_the_wire_at_once(sandbox, crm, client_row, monkeypatch):
    monkeypatch.setattr("integrations.providers.hubspot.provider.HubSpot.batch_size", 1)
    for n in range(6):
        capture(client_row, f"lead{n}@example.com")
    crm.max_in_flight = 3
    crm.save()
    sandbox.fault(vendor="hubspot", hang=True)
    thread = threading.Thread(target=lambda: (drain(crm.pk), connection.close()))
    thread.start()
    wait_until(lambda: sandbox.ask("GET", "/_faults")["faults"][0]["taken"] == 3)
    sandbox.clear_faults()
    thread.join(60)
    assert len(sandbox.contacts()) == 6


def wait_until(condition, seconds=60):
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen"
        time.sleep(0.05)


def test_a_turn_calls_in_threads_that_earlier_turns_have_started(crm, client_row, monkeypatch):
    """A new thread opens the counters anew, and what it leaves of them stays until garbage is collected."""
    callers = []

    def upsert(provider, contacts):
        callers.append(threading.current_thread())
        return [Outcome.delivered("1") for _ in contacts]

    monkeypatch.setattr("integrations.providers.hubspot.provider.HubSpot.upsert", upsert)
    for n in range(5):
        capture(client_row, f"lead{n}@example.com")
        drain(crm.pk)
    assert len(callers) == 5
    assert len(set(callers)) < 5


def test_a_vendor_over_its_quota_is_left_alone_and_no_try_is_spent(sandbox, crm, client_row, monkeypatch):
    monkeypatch.setattr("integrations.parcels._PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("integrations.connections.PATIENCE_SECONDS", 0.0)
    Quota(crm.pk, None).close(120)
    lead = capture(client_row)
    drain(crm.pk)
    [delivery] = deliveries_of(lead.pk)
    state = ConnectorState.objects.get(pk=crm.pk)
    assert (delivery.state, delivery.tries, state.held_because) == ("waiting", 0, "quota")
    assert sandbox.requests() == []


def test_the_connectors_own_retry_table_is_kept_to(sandbox, crm, client_row, later):
    crm.retry_policy = {"trouble": [5, 5]}
    crm.save()
    lead = capture(client_row)
    sandbox.fault(vendor="hubspot", status=500)
    for _ in range(3):
        drain(crm.pk)
        later(seconds=7)
    [delivery] = deliveries_of(lead.pk)
    assert (delivery.state, delivery.tries) == ("needs_you", 3)


def test_who_lost_its_delivery_while_calling_has_the_current_state_sent_once_more(sandbox, crm, client_row, later):
    lead = capture(client_row)
    [stale] = Delivery.objects.claim_batch(crm.pk, 10)
    later(seconds=jobs.LEASE_SECONDS + 1)
    drain(crm.pk)
    results = deliveries.Results(crm)
    results.add(stale, Outcome.delivered("101"))
    results.save()
    assert sorted(Delivery.objects.filter(subject_id=lead.pk).values_list("state", flat=True)) == [
        "delivered",
        "waiting",
    ]


def test_an_erased_lead_is_forgotten_by_the_vendor_and_nothing_older_follows(sandbox, crm, client_row):
    lead = capture(client_row)
    drain(crm.pk)
    capture(client_row, message="still waiting")
    assert erase(lead).told == [crm]
    drain(crm.pk)
    assert sandbox.contacts() == []
    states = Delivery.objects.filter(subject_id=lead.pk).order_by("created_at").values_list("operation", "state")
    assert list(states) == [("upsert", "delivered"), ("upsert", "cancelled"), ("erase", "delivered")]


def test_a_used_up_day_holds_what_waits_and_says_until_when(sandbox, crm, client_row, settings):
    spent = answer(b'{"status":"error","policyName":"DAILY"}', "429 Too Many Requests")
    with serve(spent) as vendor:
        settings.EGRESS_ALLOW = [vendor.allow]
        crm.base_url = vendor.url
        crm.save()
        lead = capture(client_row)
        drain(crm.pk)
    [delivery] = deliveries_of(lead.pk)
    assert (delivery.state, delivery.tries) == ("waiting", 0)
    row = Connector.objects.select_related("status").get()
    assert row.status.held_because == "daily_quota"
    assert "CRM’s daily limit is used up; it goes on at" in syncs.standing(row, syncs.figures(row))
    assert "0 of " in syncs.quota_words(row, 1)


def test_what_to_send_next_is_found_without_reading_all_that_waits(crm):
    plan = Delivery.objects.ready(crm.pk, db_now()).order_by("due_at", "id")[:100].explain()
    # PostgreSQL chooses by figures, which a test has none of: `make bench` looks at its plans.
    if connection.vendor == "sqlite":
        backlog, _, erasures = plan.partition("LIST SUBQUERY 2")
        assert "delivery_queue (state=? AND connector_id=? AND due_at<?)" in backlog
        assert "delivery_erasing" in erasures
