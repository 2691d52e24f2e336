"""Mailchimp against the sandbox, over real HTTP."""

from dataclasses import replace
from datetime import timedelta

import pytest

from integrations import credentials
from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.providers import errors
from integrations.providers.base import Contact, Statement
from runtime.clock import db_now
from tests.factories import ConnectorFactory, CredentialFactory
from tests.integrations.providers.mailchimp.test_members import ANNA, LIST, UNSURE
from tests.sandbox import MAILCHIMP_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailchimp(sandbox):
    credential = CredentialFactory.build(provider="mailchimp", host="127.0.0.1")
    credentials.seal(credential, {"api_key": MAILCHIMP_KEY})
    credential.save()
    connector = ConnectorFactory(
        provider="mailchimp", base_url=sandbox.mailchimp_url, credential=credential, config=LIST | {"tags": "chat"}
    )
    return open_provider(connector, CallLog(connector))


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


@pytest.mark.parametrize(
    ("dial", "error", "code"),
    [
        ({"status": 503, "retry_after": "7"}, errors.RetryLater, "retry_later"),
        ({"rate_limit": {"requests": 0, "window_ms": 3_000}}, errors.RetryLater, "rate_limited"),
        ({"status": 401}, errors.NotAuthorised, "not_authorised"),
        ({"reset": "before"}, errors.OutcomeUnknown, "no_answer"),
        ({"garbage": True}, errors.RetryLater, "garbled_reply"),
        ({"partial": {"emails": ["anna@example.com"]}}, errors.Refused, "refused"),
    ],
)
def test_faults_are_named_by_what_to_do_next(sandbox, mailchimp, dial, error, code):
    sandbox.fault(vendor="mailchimp", **dial)
    with pytest.raises(error) as caught:
        mailchimp.upsert([contact(fname="Anna")])
    assert (type(caught.value), caught.value.code) == (error, code)
