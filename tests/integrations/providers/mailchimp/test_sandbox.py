"""Mailchimp against the sandbox, over real HTTP."""

from dataclasses import replace
from datetime import timedelta

import pytest

from integrations.providers import errors
from integrations.providers.base import Contact, Statement
from runtime.clock import db_now
from tests.integrations.providers.mailchimp.test_members import ANNA, LIST, UNSURE
from tests.integrations.providers.sandboxed import Faults, connector_to, provider_of
from tests.sandbox import MAILCHIMP_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailchimp(sandbox):
    return provider_of(connector_to(sandbox, "mailchimp", MAILCHIMP_KEY, LIST | {"tags": "chat"}))


def contact(**fields):
    return Contact("1", {"email": "anna@example.com"}, fields)


def members(sandbox):
    return sandbox.rows("mailchimp", "members")


def test_a_member_is_created_without_marketing_then_updated(sandbox, mailchimp):
    [first] = mailchimp.upsert([contact(fname="Anna")])
    [second] = mailchimp.upsert([contact(fname="Anne")])
    [row] = members(sandbox)
    assert first.external_id == second.external_id == row["id"]
    assert (row["status"], row["merge_fields"]["FNAME"]) == ("transactional", "Anne")


def test_agreeing_subscribes_with_tags_and_an_upsert_leaves_that_alone(sandbox, mailchimp):
    mailchimp.subscribe([ANNA])
    mailchimp.upsert([contact(fname="Anna")])
    [row] = members(sandbox)
    assert (row["status"], [tag["name"] for tag in row["tags"]]) == ("subscribed", ["chat"])


def test_a_consent_that_is_not_sure_leads_to_a_mail_alone(sandbox, mailchimp):
    mailchimp.subscribe([UNSURE])
    assert members(sandbox)[0]["status"] == "pending"


def test_who_left_comes_back_by_a_mail_and_only_after_agreeing_anew(sandbox, mailchimp):
    mailchimp.subscribe([ANNA])
    mailchimp.unsubscribe([ANNA])
    assert members(sandbox)[0]["status"] == "unsubscribed"
    [outcome] = mailchimp.subscribe([ANNA])
    assert outcome.reason == "unsubscribed_there"
    mailchimp.subscribe([replace(ANNA, statement=Statement(True, db_now() + timedelta(minutes=1)))])
    assert members(sandbox)[0]["status"] == "pending"


def test_a_person_is_forgotten_and_can_not_be_brought_back(sandbox, mailchimp):
    mailchimp.upsert([contact()])
    assert mailchimp.erase(contact()).kind == mailchimp.erase(contact()).kind == "delivered"
    assert members(sandbox) == []
    with pytest.raises(errors.Refused, match="deleted for good"):
        mailchimp.upsert([contact()])


def test_the_fields_are_those_of_the_audience(mailchimp):
    fields = {field.name: field for field in mailchimp.fields()}
    assert fields["SIZE"].options == ("S", "M", "L")
    assert mailchimp.check().words == "Connected to the Mailchimp audience “Newsletter”."


class TestFaults(Faults):
    vendor = "mailchimp"

    @pytest.fixture
    def provider(self, mailchimp):
        return mailchimp

    def ask(self, provider):
        return provider.upsert([contact(fname="Anna")])


def test_a_contact_that_is_refused_says_so(sandbox, mailchimp):
    sandbox.fault(vendor="mailchimp", partial={"emails": ["anna@example.com"]})
    with pytest.raises(errors.Refused) as caught:
        mailchimp.upsert([contact()])
    assert caught.value.code == "refused"
