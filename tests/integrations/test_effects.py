"""An answer that never comes: what is sent again, looked for first, or sent under the same number."""

import uuid

import pytest

from integrations import deliveries, outbox, services, subjects, syncs
from integrations.drain import drain
from integrations.explanations import explain
from integrations.models import Connector, Delivery
from integrations.providers.base import Contact
from integrations.settling import UNANSWERED_WAIT
from leads.capture import lead_capture
from leads.services import LeadData
from leads.standing import deliveries_of
from runtime import jobs
from tests.factories import ClientFactory, ConnectorFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

ANNA = "anna@example.com"


@pytest.fixture
def connected(vendor):
    def connect(provider: str) -> Connector:
        row: Connector = ConnectorFactory(provider=provider, base_url=vendor.url, credential=None, name="CRM")
        return row

    return connect


@pytest.fixture
def client_row():
    return ClientFactory()


def capture(client_row, **values):
    return lead_capture(client=client_row, data=LeadData(email=ANNA, **values)).lead


def drain_for(crm, later, minutes=5):
    for _ in range(minutes * 2):
        drain(crm.pk)
        later(seconds=31)


@pytest.mark.parametrize("dial", ["lose", "500", "late"])
@pytest.mark.parametrize("provider", ["searching", "keyed"])
def test_a_lost_answer_has_one_effect(vendor, connected, client_row, later, provider, dial):
    crm, lead = connected(provider), capture(client_row)
    vendor.dials = [dial]
    drain(crm.pk)
    vendor.catch_up()
    drain_for(crm, later)
    assert vendor.count(ANNA) == 1
    [row] = deliveries_of(lead.pk)
    assert row.state == "delivered"


def test_where_nothing_arrived_it_is_made_once_it_was_looked_for(vendor, connected, client_row, later):
    crm = connected("searching")
    capture(client_row)
    vendor.dials = ["late"]
    drain_for(crm, later)
    assert vendor.asked == ["POST /records", "GET /records", "POST /records"]


def test_it_is_not_looked_for_before_the_vendor_has_had_its_time(vendor, connected, client_row, later):
    crm = connected("searching")
    lead = capture(client_row)
    vendor.dials = ["late"]
    drain(crm.pk)
    [row] = deliveries_of(lead.pk)
    assert explain(row).endswith("A minute later we look there first, so that it does not arrive twice.")
    later(seconds=UNANSWERED_WAIT.total_seconds() - 5)
    services.connector_send_now(connector=crm)
    deliveries.send_again(deliveries=[row])
    drain(crm.pk)
    assert len(vendor.asked) == 1, "not even by hand"
    vendor.catch_up()
    later(seconds=10)
    drain(crm.pk)
    assert vendor.count(ANNA) == 1


def test_a_vanished_sender_may_have_sent_it(vendor, connected, client_row, later):
    """The sender dies when the vendor has the request: whoever comes next looks first, a minute later."""
    crm, lead = connected("searching"), capture(client_row)
    [row] = Delivery.objects.claim_batch(crm.pk, 1)
    vendor.write({"ours": str(lead.pk), "email": ANNA})
    later(seconds=jobs.LEASE_SECONDS + 1)
    drain(crm.pk)
    assert vendor.asked == []
    later(seconds=61)
    drain(crm.pk)
    assert vendor.asked == ["GET /records"]
    row.refresh_from_db()
    assert (row.state, row.external_id) == ("delivered", "found")


def test_a_newer_capture_after_it_was_given_up_looks_first_too(vendor, connected, client_row, later):
    crm = connected("searching")
    crm.retry_policy = {"trouble": [10]}
    crm.save()
    capture(client_row)
    vendor.dials = ["500", "late", "late"]
    drain(crm.pk)
    vendor.records.clear()
    drain_for(crm, later, minutes=2)
    [row] = Delivery.objects.all()
    assert row.state == "needs_you"
    vendor.catch_up()
    capture(client_row, message="again")
    drain_for(crm, later, minutes=2)
    assert vendor.count(ANNA) == 1


def test_who_answered_is_not_searched(vendor, connected, client_row, later):
    crm = connected("searching")
    capture(client_row)
    vendor.dials = ["lose"]
    drain_for(crm, later, minutes=2)
    capture(client_row, message="again")
    drain(crm.pk)
    assert vendor.asked == ["POST /records", "GET /records", "POST /records"]


def test_the_key_is_the_same_for_every_try_of_a_state_and_another_for_the_next(vendor, connected, client_row, later):
    crm = connected("keyed")
    capture(client_row)
    vendor.dials = ["500", "500"]
    drain_for(crm, later)
    capture(client_row, message="again")
    drain(crm.pk)
    assert vendor.count(ANNA) == 2, "one of each state"


def test_a_vendor_that_can_not_tell_is_said_to_get_it_twice(vendor, connected, client_row, later):
    crm = connected("posting")
    lead = capture(client_row)
    vendor.dials = ["lose"]
    drain(crm.pk)
    [row] = deliveries_of(lead.pk)
    assert explain(row).endswith("It is tried again by itself, so it may arrive twice.")
    assert any("may arrive there twice" in sentence for sentence in syncs.retry_sentences(crm))
    drain_for(crm, later, minutes=7)
    [row] = deliveries_of(lead.pk)
    assert explain(row) == "CRM has it, perhaps twice: an earlier try was not answered."


def test_where_each_try_may_be_another_lead_a_person_is_asked_soon(vendor, connected, client_row, later):
    crm = connected("posting")
    lead = capture(client_row)
    vendor.dials = ["lose"] * 12
    for _ in range(6):
        drain(crm.pk)
        later(hours=8)
    [row] = deliveries_of(lead.pk)
    assert (row.state, len(vendor.asked)) == ("needs_you", 4)


def test_an_upsert_is_sent_again_without_ado(vendor, connected, client_row, later):
    crm = connected("importing")
    lead = capture(client_row)
    vendor.dials = ["lose"]
    drain(crm.pk)
    [row] = deliveries_of(lead.pk)
    assert (row.state, row.unanswered_at) == ("waiting", None)
    assert "twice" not in explain(row)
    later(seconds=13)
    drain(crm.pk)
    assert len(vendor.asked) == 2


@pytest.mark.parametrize(
    ("provider", "words"),
    [("importing", "writes over"), ("searching", "look there first"), ("keyed", "under the same number")],
)
def test_the_connectors_page_says_what_a_missing_answer_means(vendor, connected, provider, words):
    assert any(words in sentence for sentence in syncs.retry_sentences(connected(provider)))


@pytest.mark.parametrize("dial", ["lose", "500", "refuse"])
def test_what_becomes_of_one_confirmed_change_is_not_said_of_another(vendor, connected, monkeypatch, dial):
    """Also where the vendor takes many leads at once: a change that was done must not be done again."""
    crm, people = connected("doing"), {uuid.uuid4(): "anna@example.com", uuid.uuid4(): "ben@example.com"}

    def load(told):
        arguments = {pk: {"operation": "cancel", "arguments": {"email": people[pk]}} for pk in told}
        return {pk: subjects.Loaded(Contact(str(pk), values), 0) for pk, values in arguments.items()}

    monkeypatch.setitem(subjects._loaders, "wish", load)
    crm.max_in_flight = 1
    crm.save(update_fields=["max_in_flight"])
    outbox.put([outbox.Wanted(crm.pk, pk, outbox.CALL, "wish") for pk in people])
    vendor.dials = ["", dial]
    drain(crm.pk)
    done, other = Delivery.objects.filter(connector=crm).order_by("state")
    assert (done.state, other.state) == ("delivered", "waiting")
    assert vendor.count(people[done.subject_id]) == 1
