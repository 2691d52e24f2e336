"""Mailchimp's members: what is sent, what its answers mean, and who is subscribed how."""

from datetime import UTC, datetime

import pytest

from integrations.providers import errors
from integrations.providers.base import Contact, Statement
from integrations.providers.mailchimp.members import member_hash, merge_fields, vendor_fields
from integrations.providers.mailchimp.provider import Mailchimp
from tests.integrations.providers.vendors import Vendor, says

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ANNA = Contact("id-anna", {"email": "anna@example.com"}, {"fname": "Anna"}, statement=Statement(True, AT))
UNSURE = Contact("id-anna", {"email": "anna@example.com"}, statement=Statement(True, AT, is_confirmed=False))
LIST = {"list_id": "3f2a91bc07"}
HELD = {"id": member_hash("anna@example.com"), "status": "transactional", "merge_fields": {"FNAME": "", "LNAME": ""}}
NOT_THERE = says(404, {"title": "Resource Not Found", "status": 404, "detail": "x"})
COMPLIANCE = says(400, {"title": "Member In Compliance State", "status": 400, "detail": "anna@example.com"})


def held(status, last_changed="2026-11-20T00:00:00+00:00"):
    return says(200, HELD | {"status": status, "last_changed": last_changed})


def subscribed(contact, *answers, **config):
    vendor = Vendor("mailchimp", *answers, config=LIST | config)
    [outcome] = vendor.provider.subscribe([contact])
    asked = [(request.method, body) for request, body in zip(vendor.requests[1:], vendor.bodies(), strict=True)]
    return outcome, asked


def test_a_member_is_called_by_the_hash_of_the_small_letters():
    assert member_hash("Anna@Example.com") == member_hash("anna@example.com")
    vendor = Vendor("mailchimp", says(200, HELD), config=LIST)
    vendor.provider.upsert([ANNA])
    assert vendor.requests[0].url.path == f"/3.0/lists/3f2a91bc07/members/{member_hash('anna@example.com')}"


@pytest.mark.parametrize(
    ("key", "home"),
    [
        ("0123456789abcdef-us21", "https://us21.api.mailchimp.com"),
        ("0123456789abcdef-us6 ", "https://us6.api.mailchimp.com"),
        ("0123456789abcdef", ""),
        ("x-evil.example", ""),
        ("x-us21/../evil", ""),
    ],
)
def test_the_key_tells_the_data_centre(key, home):
    assert Mailchimp.home(key) == home


def test_the_status_of_a_known_member_is_left_alone():
    vendor = Vendor("mailchimp", says(200, HELD), config=LIST)
    [outcome] = vendor.provider.upsert([ANNA])
    assert outcome.kind == "delivered"
    assert vendor.bodies() == [
        {"email_address": "anna@example.com", "status_if_new": "transactional", "merge_fields": {"FNAME": "Anna"}}
    ]


def test_tags_are_in_capital_letters():
    contact = Contact("1", {}, {"fname": "Anna", "vip": True, "age": 3, "likes": ["a", "b"]})
    assert merge_fields(contact) == {"FNAME": "Anna", "VIP": "true", "AGE": 3, "LIKES": "a, b"}


def test_a_merge_field_that_was_dropped_without_a_word_is_no_delivery():
    contact = Contact("1", {"email": "anna@example.com"}, {"NOSUCH": "x"})
    [outcome] = Vendor("mailchimp", says(200, HELD), config=LIST).provider.upsert([contact])
    assert (outcome.kind, outcome.reason, outcome.field) == ("rejected", "unknown_field", "NOSUCH")


@pytest.mark.parametrize(
    ("contact", "before", "sent", "config"),
    [
        (ANNA, NOT_THERE, ("PUT", "subscribed"), {}),
        (UNSURE, NOT_THERE, ("PUT", "pending"), {}),
        (ANNA, NOT_THERE, ("PUT", "pending"), {"always_confirm": True}),
        (ANNA, held("transactional"), ("PATCH", "subscribed"), {}),
        (UNSURE, held("transactional"), ("PATCH", "pending"), {}),
        (ANNA, held("pending"), ("PATCH", "subscribed"), {}),
        (ANNA, held("unsubscribed"), ("PATCH", "pending"), {}),
    ],
)
def test_the_consent_decides_the_call(contact, before, sent, config):
    outcome, [(method, body)] = subscribed(contact, before, says(200, HELD), **config)
    assert outcome.kind == "delivered"
    assert (method, body.get("status") or body["status_if_new"]) == sent


@pytest.mark.parametrize(("contact", "status"), [(ANNA, "subscribed"), (UNSURE, "subscribed"), (UNSURE, "pending")])
def test_who_is_there_or_was_asked_is_not_asked_again(contact, status):
    outcome, asked = subscribed(contact, held(status))
    assert (outcome.kind, asked) == ("delivered", [])


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (held("unsubscribed", "2026-11-24T00:00:00+00:00"), "unsubscribed_there"),
        (held("unsubscribed", "once"), "unsubscribed_there"),
        (held("cleaned"), "refused"),
    ],
)
def test_who_left_after_agreeing_is_not_asked_back(before, reason):
    outcome, asked = subscribed(ANNA, before)
    assert (outcome.kind, outcome.reason, asked) == ("rejected", reason, [])


def test_who_is_in_compliance_state_is_asked_by_mail_once():
    outcome, asked = subscribed(ANNA, NOT_THERE, COMPLIANCE, says(200, HELD))
    assert (outcome.kind, asked[1][1]["status_if_new"]) == ("delivered", "pending")
    with pytest.raises(errors.Refused) as caught:
        subscribed(ANNA, NOT_THERE, COMPLIANCE, COMPLIANCE)
    assert caught.value.code == "unsubscribed_there"
    assert "anna" not in caught.value.words


def test_tags_are_added_to_who_agreed():
    outcome, asked = subscribed(ANNA, NOT_THERE, says(200, HELD), says(204), tags="chat, vip")
    assert outcome.kind == "delivered"
    assert asked[1] == (
        "POST",
        {"tags": [{"name": "chat", "status": "active"}, {"name": "vip", "status": "active"}]},
    )


@pytest.mark.parametrize(
    ("problem", "code", "field"),
    [
        (
            {"title": "Invalid Resource", "detail": "a@b looks fake or invalid, please enter a real email"},
            "invalid_email",
            "email",
        ),
        (
            {"title": "Invalid Resource", "detail": "x", "errors": [{"field": "merge_fields.AGE", "message": "anna"}]},
            "refused",
            "AGE",
        ),
        ({"title": "Forgotten Email Not Subscribed", "detail": "anna@example.com"}, "unsubscribed_there", ""),
        ({"title": "anna@example.com", "detail": "anna@example.com"}, "refused", ""),
    ],
)
def test_refusals_are_named_and_quote_nobody(problem, code, field):
    with pytest.raises(errors.Refused) as caught:
        Vendor("mailchimp", says(400, problem), config=LIST).provider.upsert([ANNA])
    assert (caught.value.code, caught.value.field) == (code, field)
    assert "anna" not in caught.value.words


def test_a_bare_403_is_a_limit_and_one_with_words_a_missing_right():
    with pytest.raises(errors.RetryLater, match="at once"):
        Vendor("mailchimp", says(403, b""), config=LIST).provider.check()
    problem = {"title": "Forbidden", "detail": "You don't have permission."}
    with pytest.raises(errors.Refused, match="permission"):
        Vendor("mailchimp", says(403, problem), config=LIST).provider.check()


def test_an_audience_is_needed():
    with pytest.raises(errors.Misconfigured, match="audience"):
        Vendor("mailchimp", says(200, {})).provider.check()
    with pytest.raises(errors.Misconfigured, match="no audience of this id"):
        Vendor("mailchimp", NOT_THERE, config=LIST).provider.check()


def test_merge_fields_become_fields():
    text, number, choice = vendor_fields(
        {
            "merge_fields": [
                {"tag": "FNAME", "name": "First name", "type": "text", "required": True, "options": {"size": 25}},
                {"tag": "AGE", "name": "Age", "type": "number"},
                {"tag": "SIZE", "type": "dropdown", "options": {"choices": ["S", "M"]}},
            ]
        }
    )
    assert (text.label, text.is_required, text.max_length) == ("First name", True, 25)
    assert (number.type, choice.type, choice.options) == ("number", "choice", ("S", "M"))
