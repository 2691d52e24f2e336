"""Erasing at the vendors: also when the person is already gone here, and nothing of them stays in clear."""

import pytest

from integrations import deliveries, packing, resending, subjects
from integrations.drain import drain
from integrations.explanations import explain
from integrations.models import Call, Delivery
from integrations.providers.base import Outcome
from leads.capture import lead_capture
from leads.services import LeadData
from runtime import jobs, secrets
from tests.factories import ClientFactory, ConnectorFactory, rule

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

ANNA = "anna@example.com"


@pytest.fixture
def crm(sandbox):
    return ConnectorFactory(base_url=f"{sandbox.url}/hubspot", name="CRM")


@pytest.fixture
def client_row():
    return ClientFactory()


def capture(client_row, email=ANNA, **values):
    return lead_capture(client=client_row, data=LeadData(email=email, **values)).lead


def erase(lead):
    """Do as an erasure does: ask for it, and delete the person here in the same moment."""
    asked = deliveries.erase(subject_kind="lead", subject_id=lead.pk, identifiers={"email": lead.email})
    lead.delete()
    return asked


def of(operation):
    return Delivery.objects.get(operation=operation)


def test_a_vendor_forgets_somebody_who_is_gone_here(sandbox, crm, client_row):
    lead = capture(client_row)
    drain(crm.pk)
    assert erase(lead).told == [crm]
    drain(crm.pk)
    assert sandbox.contacts() == []
    assert explain(of("erase")) == "CRM has forgotten the person."


def test_the_address_is_sealed_while_it_waits_and_gone_afterwards(sandbox, crm, client_row):
    lead = capture(client_row)
    drain(crm.pk)
    erase(lead)
    row = of("erase")
    assert ANNA not in str(row.__dict__)
    assert secrets.unseal(row.sealed)["email"] == ANNA
    drain(crm.pk)
    assert of("erase").sealed == ""
    assert not any("anna" in f"{call.url} {call.request_body} {call.response_body}" for call in Call.objects.all())


def test_an_erasure_that_fails_is_tried_again_with_what_was_sealed(sandbox, crm, client_row, later):
    lead = capture(client_row)
    drain(crm.pk)
    erase(lead)
    sandbox.fault(vendor="hubspot", status=503, count=1)
    drain(crm.pk)
    assert (of("erase").state, of("erase").tries) == ("waiting", 1)
    later(minutes=1)
    drain(crm.pk)
    assert sandbox.contacts() == []


def test_a_cancelled_erasure_keeps_no_address_and_is_not_sent_again(sandbox, crm, client_row):
    lead = capture(client_row)
    drain(crm.pk)
    erase(lead)
    deliveries.cancel(deliveries=[of("erase")])
    assert of("erase").sealed == ""
    assert "by hand" in explain(of("erase"))
    assert resending.send_again_all(Delivery.objects.all()) == 0


def test_who_was_never_told_is_not_told_of_an_address_to_forget(sandbox, crm, client_row):
    ConnectorFactory(name="Leaves all out", lead_filter=[rule("channel", "phone")], base_url=f"{sandbox.url}/hubspot")
    lead = capture(client_row)
    assert erase(lead).told == []
    assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled"}
    drain(crm.pk)
    assert sandbox.requests() == []


def test_a_vendor_that_can_not_be_told_is_named_for_a_person(client_row):
    shop = ConnectorFactory(provider="woocommerce", operations=["upsert"])
    lead = capture(client_row)
    Delivery.objects.update(state="delivered")
    asked = erase(lead)
    assert (asked.told, asked.by_hand) == ([], [shop])


def test_what_can_not_be_unsealed_asks_for_the_key(sandbox, crm, client_row, settings):
    lead = capture(client_row)
    drain(crm.pk)
    erase(lead)
    kept = settings.ENCRYPTION_KEYS
    crm.credential = None
    crm.save()
    settings.ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDI="]
    drain(crm.pk)
    row = of("erase")
    assert (row.state, row.reason) == ("needs_you", "sealed_with_lost_key")
    settings.ENCRYPTION_KEYS = kept
    assert resending.send_again(deliveries=[row]) == 1
    assert secrets.unseal(of("erase").sealed)["email"] == ANNA


def test_a_call_that_was_overtaken_by_the_erasure_is_erased_once_more(sandbox, crm, client_row, later):
    """The lead is gone, the erasure has ended: only the late call still knows who it told the vendor of."""
    lead = capture(client_row)
    [late] = Delivery.objects.claim_batch(crm.pk, 10)
    contact = packing.mapped(crm, subjects.load("lead", {lead.pk: 0})[lead.pk].contact)
    later(seconds=jobs.LEASE_SECONDS + 1)
    deliveries.recover_lapsed(crm)
    erase(lead)
    drain(crm.pk)
    assert of("erase").state == "delivered"
    results = deliveries.Results(crm, contacts={late.pk: contact})
    results.add(late, Outcome.delivered("101"))
    results.save()
    waiting = Delivery.objects.get(state="waiting")
    assert (waiting.operation, secrets.unseal(waiting.sealed)["email"]) == ("erase", ANNA)


def test_what_would_wait_for_a_person_is_given_up_once_they_were_erased(crm, client_row):
    lead = capture(client_row)
    crm.retry_policy = {"refusal": []}
    [row] = Delivery.objects.claim_batch(crm.pk, 10)
    erase(lead)
    results = deliveries.Results(crm)
    for _ in range(4):
        row.tries += 1
    results.add(row, Outcome.rejected("refused"))
    results.save()
    assert (of("upsert").state, of("upsert").reason) == ("cancelled", "erased")
