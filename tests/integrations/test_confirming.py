"""What a vendor accepts and works on in its own time: asked about, never sent twice, never forgotten."""

import pytest

from integrations import backfill, deliveries
from integrations import drain as drainer
from integrations.drain import drain
from integrations.explanations import explain
from integrations.models import Call, ConnectorState, Delivery
from integrations.providers import errors
from leads.capture import lead_capture
from leads.services import LeadData
from leads.standing import deliveries_of
from runtime import jobs
from runtime.clock import db_now
from runtime.ids import uuid7
from tests.factories import ClientFactory, ConnectorFactory
from tests.integrations.slow_vendor import Importing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

ANNA = "anna@example.com"


@pytest.fixture
def crm(vendor):
    return ConnectorFactory(provider="importing", base_url=vendor.url, credential=None, name="CRM")


@pytest.fixture
def client_row():
    return ClientFactory()


def capture(client_row, email=ANNA, **values):
    return lead_capture(client=client_row, data=LeadData(email=email, **values)).lead


def state_of(lead):
    [row] = deliveries_of(lead.pk)
    return row.state


def asked(vendor, what):
    return sum(line.startswith(what) for line in vendor.asked)


def test_what_is_accepted_is_confirming_until_the_vendor_is_done(vendor, crm, client_row, later):
    lead = capture(client_row)
    drain(crm.pk)
    [row] = deliveries_of(lead.pk)
    assert (row.state, row.job, row.tries, row.revision) == ("confirming", "job1", 1, 1)
    assert explain(row).startswith("CRM has accepted it and is still working on it")
    drain(crm.pk)
    assert asked(vendor, "GET") == 0, "not before its time"
    later(seconds=31)
    drain(crm.pk)
    assert state_of(lead) == "confirming"
    vendor.is_done = True
    later(seconds=31)
    drain(crm.pk)
    [row] = deliveries_of(lead.pk)
    assert (row.state, row.external_id, row.tries, row.revision) == ("delivered", "job1/0", 1, 1)
    assert vendor.count(ANNA) == 1
    assert asked(vendor, "POST") == 1


def test_a_batch_that_shares_a_job_is_asked_about_once(vendor, crm, client_row, later):
    leads = [capture(client_row, f"lead{n}@example.com") for n in range(20)]
    vendor.refused = {"lead7@example.com"}
    drain(crm.pk)
    vendor.is_done = True
    later(seconds=31)
    drain(crm.pk)
    assert asked(vendor, "GET /jobs") == 1
    assert [state_of(lead) for lead in leads if lead.email != "lead7@example.com"] == ["delivered"] * 19
    [refused] = deliveries_of(leads[7].pk)
    assert (refused.state, refused.reason, refused.tries) == ("waiting", "invalid_email", 1)


def test_a_newer_capture_waits_until_the_vendor_is_done_with_the_older(vendor, crm, client_row, later):
    lead = capture(client_row, attributes={"step": "1"})
    drain(crm.pk)
    capture(client_row, attributes={"step": "2"})
    drain(crm.pk)
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["confirming", "waiting"]
    assert asked(vendor, "POST") == 1
    vendor.is_done = True
    for _ in range(2):
        later(seconds=31)
        drain(crm.pk)
    assert [job[0]["step"] for job in vendor.jobs.values()] == ["1", "2"]
    assert state_of(lead) == "delivered"


def test_what_waits_behind_it_keeps_no_worker_busy_and_goes_as_soon_as_it_is_through(vendor, crm, client_row, later):
    capture(client_row)
    drain(crm.pk)
    capture(client_row, message="again")
    drain(crm.pk)
    look = drainer.WORK.look(db_now(), 10)
    assert look.due == ()
    assert look.next_at is not None
    assert (look.next_at - db_now()).total_seconds() > 5
    vendor.is_done = True
    later(seconds=31)
    drain(crm.pk)
    assert asked(vendor, "POST") == 2


def test_who_dies_while_asking_leaves_it_to_be_asked_again(vendor, crm, client_row, later):
    lead = capture(client_row)
    drain(crm.pk)
    later(seconds=31)
    assert len(Delivery.objects.claim_job(crm.pk)) == 1
    assert Delivery.objects.claim_job(crm.pk) == []
    vendor.is_done = True
    later(seconds=jobs.LEASE_SECONDS + 1)
    drain(crm.pk)
    assert state_of(lead) == "delivered"
    assert asked(vendor, "POST") == 1


def test_who_asked_too_long_ago_writes_nothing_over_a_newer_answer(vendor, crm, client_row, later):
    lead = capture(client_row)
    drain(crm.pk)
    later(seconds=31)
    late = Delivery.objects.claim_job(crm.pk)
    vendor.is_done = True
    later(seconds=jobs.LEASE_SECONDS + 1)
    drain(crm.pk)
    results = deliveries.Results(crm)
    results.failed_whole(late, errors.RetryLater("too late"))
    results.save()
    assert not Delivery.objects.filter(subject_id=lead.pk, state="confirming").exists()
    assert Delivery.objects.filter(subject_id=lead.pk, state="delivered").count() == 1


@pytest.mark.parametrize("status", [500, 403, 429])
def test_a_vendor_that_can_not_be_asked_says_nothing_about_the_lead(vendor, crm, client_row, later, status):
    lead = capture(client_row)
    drain(crm.pk)
    vendor.status_of_jobs = status
    later(seconds=31)
    drain(crm.pk)
    [row] = deliveries_of(lead.pk)
    assert (row.state, row.tries) == ("confirming", 1)
    assert row.due_at > db_now()
    vendor.status_of_jobs, vendor.is_done = 200, True
    later(seconds=120)
    drain(crm.pk)
    assert state_of(lead) == "delivered"


def test_a_wrong_key_pauses_and_the_job_is_asked_about_when_it_goes_on(vendor, crm, client_row, later):
    lead = capture(client_row)
    drain(crm.pk)
    vendor.status_of_jobs = 401
    later(seconds=31)
    drain(crm.pk)
    assert ConnectorState.objects.get().pause_reason == "needs_reauth"
    assert state_of(lead) == "confirming"
    vendor.status_of_jobs, vendor.is_done = 200, True
    ConnectorState.objects.update(paused_at=None, pause_reason="")
    later(seconds=120)
    drain(crm.pk)
    assert state_of(lead) == "delivered"


def test_a_job_the_vendor_has_forgotten_is_sent_again(vendor, crm, client_row, later):
    lead = capture(client_row)
    drain(crm.pk)
    vendor.forgets_jobs = True
    later(seconds=31)
    drain(crm.pk)
    assert state_of(lead) == "waiting"
    vendor.forgets_jobs, vendor.is_done = False, True
    for _ in range(2):
        later(seconds=120)
        drain(crm.pk)
    assert state_of(lead) == "delivered"
    assert vendor.count(ANNA) == 1


def test_one_that_takes_too_long_is_put_before_a_person_in_plain_words(vendor, crm, client_row, later):
    lead = capture(client_row)
    drain(crm.pk)
    later(hours=25)
    drain(crm.pk)
    [row] = deliveries_of(lead.pk)
    assert (row.state, row.reason) == ("needs_you", "not_confirmed")
    assert explain(row) == (
        "CRM accepted it and has not said since whether it worked. "
        "Look for the lead there; press “Send again” if it is missing."
    )
    assert deliveries.send_again(deliveries=[row]) == 1


def test_an_erasure_waits_until_the_vendor_is_done(vendor, crm, client_row, later):
    lead = capture(client_row)
    drain(crm.pk)
    deliveries.erase(subject_kind="lead", subject_id=lead.pk, identifiers={"email": lead.email})
    lead.delete()
    drain(crm.pk)
    assert asked(vendor, "POST /forget") == 0
    vendor.is_done = True
    later(seconds=31)
    drain(crm.pk)
    assert asked(vendor, "POST /forget") == 1
    assert vendor.records == []
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_it_is_neither_sent_again_by_hand_nor_by_a_backfill(vendor, crm, client_row):
    capture(client_row)
    drain(crm.pk)
    row = Delivery.objects.get()
    assert deliveries.send_again(deliveries=[row]) == 0
    assert deliveries.cancel(deliveries=[row]) == 0
    backfill.backfill_start(connector=crm)
    drain(crm.pk)
    assert asked(vendor, "POST") == 1


def test_thousands_of_one_job_are_settled_in_few_statements(vendor, crm, django_assert_max_num_queries):
    now = db_now()
    accepted = {"state": "confirming", "job": "job1", "job_item": "0", "accepted_at": now, "due_at": now}
    rows = [Delivery(connector=crm, subject_id=uuid7(), operation="upsert", **accepted) for _ in range(1500)]
    Delivery.objects.bulk_create(rows)
    vendor.jobs["job1"] = [{"email": ANNA, "ours": ""}]
    vendor.is_done = True
    with django_assert_max_num_queries(60):
        drain(crm.pk)
    assert Delivery.objects.filter(state="delivered").count() == 1500
    assert Call.objects.count() == 1


def test_what_a_job_does_not_tell_of_is_sent_again_alone(vendor, crm, client_row, later):
    leads = [capture(client_row, f"lead{n}@example.com") for n in range(3)]
    vendor.is_done = vendor.keeps_silent = True
    drain(crm.pk)
    later(seconds=31)
    drain(crm.pk)
    rows = Delivery.objects.all()
    assert {(row.state, row.reason, row.tries) for row in rows} == {("waiting", "unconfirmed", 1)}
    assert explain(rows[0]).startswith("CRM took it with others and did not tell what became of it")
    later(seconds=60)
    drain(crm.pk)
    assert [state_of(lead) for lead in leads] == ["delivered"] * 3
    assert (asked(vendor, "POST /imports"), asked(vendor, "POST /records")) == (1, 3)


def test_what_comes_after_one_that_failed_waits_at_no_cost(vendor, crm, client_row, later):
    leads = [capture(client_row, f"lead{n}@example.com") for n in range(3)]
    Delivery.objects.update(reason="unconfirmed")
    vendor.dials = ["", "500"]
    drain(crm.pk)
    rows = [deliveries_of(lead.pk)[0] for lead in leads]
    # What the vendor did and denied is sent once more; the one before it isn't.
    assert [(row.state, row.tries) for row in rows] == [("delivered", 1), ("delivered", 1), ("delivered", 1)]
    assert [vendor.count(lead.email) for lead in leads] == [1, 2, 1]


def test_the_question_is_about_leads_as_they_are_and_one_that_is_gone_has_an_id_alone(
    vendor, crm, client_row, later, monkeypatch
):
    seen = []
    ask = Importing.confirm
    monkeypatch.setattr(
        Importing, "confirm", lambda self, job, contacts: seen.extend(contacts) or ask(self, job, contacts)
    )
    stays, goes = capture(client_row), capture(client_row, "ben@example.com")
    drain(crm.pk)
    gone = str(goes.pk)
    goes.delete()
    vendor.is_done = True
    later(seconds=31)
    drain(crm.pk)
    assert {(contact.id, contact.email) for contact in seen} == {(str(stays.pk), ANNA), (gone, "")}
    assert {contact.job_item for contact in seen} == {"0", "1"}
