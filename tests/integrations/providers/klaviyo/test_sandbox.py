"""Klaviyo against the sandbox, over real HTTP, alone and by the drainer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from integrations.drain import drain
from integrations.models import Delivery
from integrations.providers import errors
from integrations.providers.base import Contact, Statement
from runtime.clock import db_now
from tests.factories import DeliveryFactory, LeadFactory
from tests.integrations.providers.klaviyo.test_profiles import ANNA, LIST, UNSURE
from tests.integrations.providers.sandboxed import Faults, connector_to, provider_of
from tests.sandbox import KLAVIYO_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector(sandbox):
    return connector_to(sandbox, "klaviyo", KLAVIYO_KEY, LIST)


@pytest.fixture
def provider(connector):
    return provider_of(connector)


def contact(name="anna", **fields):
    return Contact(f"id-{name}", {"email": f"{name}@example.com"}, fields)


def profiles(sandbox):
    return sandbox.rows("klaviyo", "profiles")


class TestFaults(Faults):
    vendor = "klaviyo"

    def ask(self, provider):
        return provider.upsert([contact()])


def test_a_profile_is_created_then_updated(sandbox, provider):
    [first] = provider.upsert([contact(first_name="Anna", Seats=3)])
    [second] = provider.upsert([contact(first_name="Anne")])
    [row] = profiles(sandbox)
    assert first.external_id == second.external_id == row["id"]
    assert (row["first_name"], row["properties"], row["consent"]) == ("Anne", {"Seats": 3}, "NEVER_SUBSCRIBED")


def test_a_profile_that_is_refused_says_so(provider):
    with pytest.raises(errors.Refused) as caught:
        provider.upsert([contact(phone_number="12")])
    assert (caught.value.code, caught.value.field) == ("invalid_phone", "phone_number")


def test_a_consent_that_is_not_sure_leads_to_a_mail_alone(sandbox, provider):
    provider.subscribe([UNSURE])
    [row] = profiles(sandbox)
    assert (row["lists"], row["awaits"]) == ([], ["Y6nRLr"])


def test_a_list_with_single_opt_in_takes_who_is_sure(sandbox, connector):
    connector.config = {"list_id": "Xk9Sng"}
    [outcome] = provider_of(connector).subscribe([UNSURE])
    assert outcome.reason == "needs_double_opt_in"
    provider_of(connector).subscribe([ANNA])
    assert (profiles(sandbox)[0]["lists"], profiles(sandbox)[0]["consent"]) == (["Xk9Sng"], "SUBSCRIBED")


def test_who_left_comes_back_by_a_mail_and_only_after_agreeing_anew(sandbox, provider):
    provider.unsubscribe([ANNA])
    assert profiles(sandbox)[0]["consent"] == "UNSUBSCRIBED"
    [outcome] = provider.subscribe([ANNA])
    assert outcome.reason == "unsubscribed_there"
    provider.subscribe([replace(ANNA, statement=Statement(True, db_now() + timedelta(minutes=1)))])
    [row] = profiles(sandbox)
    assert (row["consent"], row["lists"], row["awaits"]) == ("UNSUBSCRIBED", [], ["Y6nRLr"])


def test_a_person_is_forgotten(sandbox, provider):
    provider.upsert([contact()])
    assert provider.erase(contact()).kind == provider.erase(contact()).kind == "delivered"
    assert profiles(sandbox) == []


def test_the_connection_names_the_list_and_fields_know_properties(provider):
    provider.upsert([contact(Seats=3)])
    assert "Seats" in [field.name for field in provider.fields()]
    assert provider.check().words == "Connected to the Klaviyo list “Newsletter”."


@pytest.mark.django_db(transaction=True)
@pytest.mark.db
def test_several_leads_go_as_one_job_that_tells_later_who_arrived(sandbox, connector, later):
    leads = {name: LeadFactory(email=f"{name}@example.com", phone="") for name in ("anna", "ben", "cleo")}
    for lead in leads.values():
        DeliveryFactory(connector=connector, subject_id=lead.pk)
    sandbox.fault(vendor="klaviyo", partial={"emails": ["ben@example.com"]})
    drain(connector.pk)
    assert {row.state for row in Delivery.objects.all()} == {"confirming"}
    for _ in range(3):
        later(seconds=11)
        drain(connector.pk)
    found = {row.subject_id: (row.state, row.reason) for row in Delivery.objects.all()}
    assert found[leads["anna"].pk] == found[leads["cleo"].pk] == ("delivered", "")
    assert found[leads["ben"].pk] == ("waiting", "invalid_email")
    posted = [line for line in sandbox.requests() if line["method"] == "POST"]
    assert [line["path"] for line in posted] == ["/klaviyo/api/profile-bulk-import-jobs"]
