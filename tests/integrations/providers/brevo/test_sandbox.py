"""Brevo against the sandbox, over real HTTP, alone and by the drainer."""

from dataclasses import replace

import pytest

from integrations.drain import drain
from integrations.models import Delivery
from integrations.providers import errors
from integrations.providers.base import Contact
from leads.models import Consent
from runtime.clock import db_now
from tests.factories import DeliveryFactory, LeadFactory
from tests.integrations.providers.brevo.test_contacts import ANNA, SET_UP, UNSURE
from tests.integrations.providers.sandboxed import Faults, connector_to, provider_of
from tests.sandbox import BREVO_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector(sandbox):
    row = connector_to(sandbox, "brevo", BREVO_KEY, SET_UP)
    row.operations = ["upsert", "subscribe"]
    row.save()
    return row


@pytest.fixture
def brevo(connector):
    return provider_of(connector)


def contact(**fields):
    return Contact("1", {"email": "anna@example.com"}, fields)


def contacts(sandbox):
    return sandbox.rows("brevo", "contacts")


def test_a_contact_is_created_then_updated(sandbox, brevo):
    [first] = brevo.upsert([contact(firstname="Anna")])
    [second] = brevo.upsert([contact(firstname="Anne")])
    [row] = contacts(sandbox)
    assert first.external_id == second.external_id == str(row["id"])
    assert row["attributes"] == {"FIRSTNAME": "Anne"}


def test_an_attribute_that_is_not_there_names_itself(brevo):
    [outcome] = brevo.upsert([contact(firstname="Anna", nosuch="x")])
    assert (outcome.reason, outcome.field) == ("unknown_field", "NOSUCH")


def test_the_fields_are_those_of_the_account(brevo):
    fields = {field.name: field for field in brevo.fields()}
    assert fields["SALUTATION"].options == ("1", "2")
    assert fields["DOUBLE_OPT-IN"].is_read_only
    assert brevo.check().words == "Connected to Brevo; it has 9 contact attributes."


def test_who_unsubscribed_there_is_asked_again_and_not_put_on_the_list(sandbox, brevo):
    brevo.subscribe([ANNA])
    assert contacts(sandbox)[0]["listIds"] == [2]
    brevo.unsubscribe([ANNA])
    assert contacts(sandbox)[0]["emailBlacklisted"] is True
    [outcome] = brevo.subscribe([ANNA])
    [row] = contacts(sandbox)
    assert outcome.kind == "delivered"
    assert (row["emailBlacklisted"], row["awaits"]) == (True, [2])


def test_a_consent_that_is_not_sure_leads_to_a_mail_alone(sandbox, brevo):
    brevo.subscribe([UNSURE])
    [row] = contacts(sandbox)
    assert (row["listIds"], row["awaits"]) == ([], [2])


def test_a_person_is_forgotten(sandbox, brevo):
    brevo.upsert([contact()])
    assert brevo.erase(contact()).kind == brevo.erase(contact()).kind == "delivered"
    assert contacts(sandbox) == []


class TestFaults(Faults):
    vendor = "brevo"

    @pytest.fixture
    def provider(self, brevo):
        return brevo

    def ask(self, provider):
        return provider.upsert([contact(firstname="Anna")])


def test_a_contact_that_is_refused_says_so(sandbox, brevo):
    sandbox.fault(vendor="brevo", partial={"emails": ["anna@example.com"]})
    with pytest.raises(errors.Refused) as caught:
        brevo.upsert([contact()])
    assert caught.value.code == "refused"


@pytest.mark.django_db(transaction=True)
@pytest.mark.db
def test_the_consent_in_force_decides(sandbox, connector):
    said = {"agreed": True, "withdrew": False, "silent": None}
    leads = {name: LeadFactory(email=f"{name}@example.com") for name in said}
    for name, granted in said.items():
        DeliveryFactory(connector=connector, subject_id=leads[name].pk, operation="subscribe")
        if granted is not None:
            Consent.objects.create(lead=leads[name], purpose="email_marketing", granted=granted, at=db_now())
    drain(connector.pk)
    found = {row.subject_id: (row.state, row.reason) for row in Delivery.objects.all()}
    assert found == {
        leads["agreed"].pk: ("delivered", ""),
        leads["withdrew"].pk: ("delivered", ""),
        leads["silent"].pk: ("skipped", "no_consent"),
    }
    [row] = contacts(sandbox)
    assert (row["email"], row["listIds"]) == ("agreed@example.com", [2])


IMPORTING = {**SET_UP, "import_list_id": 7}
OTHERS = [Contact(f"other-{n}", {"email": f"other{n}@example.com"}) for n in range(48)]


def emails(*names):
    return [f"{name}@example.com" for name in names]


@pytest.mark.django_db(transaction=True)
@pytest.mark.db
def test_many_leads_go_by_one_import_and_none_is_delivered_unseen(sandbox, later):
    row = connector_to(sandbox, "brevo", BREVO_KEY, IMPORTING)
    sandbox.fault(vendor="brevo", partial={"emails": emails("refused")})
    others = [f"other{n}" for n in range(48)]
    names = ("anna", "refused", *others)
    leads = {name: LeadFactory(email=f"{name}@example.com", first_name=name) for name in names}
    for lead in leads.values():
        DeliveryFactory(connector=row, subject_id=lead.pk)
    drain(row.pk)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"confirming"}
    assert [line["path"] for line in sandbox.requests()] == ["/brevo/v3/contacts/import"]
    for _ in range(2):
        later(seconds=31)
        drain(row.pk)
    found = {row.subject_id: (row.state, row.reason, bool(row.external_id)) for row in Delivery.objects.all()}
    assert found == {
        **{lead.pk: ("delivered", "", True) for lead in leads.values()},
        leads["refused"].pk: ("waiting", "unconfirmed", False),
    }
    later(seconds=60)
    drain(row.pk)
    # Alone it says why.
    alone = Delivery.objects.get(subject_id=leads["refused"].pk)
    assert (alone.state, alone.reason) == ("waiting", "refused")
    assert sorted(each["email"] for each in contacts(sandbox)) == sorted(emails("anna", *others))
    assert {tuple(each["listIds"]) for each in contacts(sandbox)} == {(7,)}


def test_who_was_dropped_from_an_import_in_part_is_named_alone(sandbox):
    brevo = provider_of(connector_to(sandbox, "brevo", BREVO_KEY, IMPORTING))
    good = Contact("1", {"email": "anna@example.com"}, {"firstname": "Anna"})
    bad = Contact("2", {"email": "ben@example.com"}, {"firstname": "Ben", "size": "many"})
    first, *_ = brevo.upsert([good, bad, *OTHERS])
    assert [each.kind for each in brevo.confirm(first.job, [good, bad])] == ["accepted", "accepted"]
    good_became, bad_became = brevo.confirm(first.job, [good, bad])
    assert (good_became.kind, bad_became.reason) == ("delivered", "unconfirmed")
    [named] = brevo.upsert([replace(bad, goes_alone=True)])
    assert (named.reason, named.field) == ("unknown_field", "SIZE")


def test_who_is_imported_again_and_was_left_as_they_were_has_arrived(sandbox):
    brevo = provider_of(connector_to(sandbox, "brevo", BREVO_KEY, IMPORTING))
    both = [Contact(name, {"email": f"{name}@example.com"}, {"firstname": name}) for name in ("anna", "ben")]
    for _ in range(2):
        job = brevo.upsert([*both, *OTHERS])[0].job
        brevo.confirm(job, both)
        assert [each.kind for each in brevo.confirm(job.partition(" ")[0] + " 2999-01-01T00:00:00.000Z", both)] == [
            "delivered",
            "delivered",
        ]
