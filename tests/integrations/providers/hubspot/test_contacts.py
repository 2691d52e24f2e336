"""HubSpot's contacts: what is sent, what its answers mean."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from integrations.providers import errors
from integrations.providers.base import Contact, Enquiry, Outcome
from integrations.providers.hubspot.contacts import message, outcomes, properties
from tests.integrations.providers.vendors import Vendor, says

ANNA = Contact("id-anna", {"email": "anna@example.com"}, {"firstname": "Anna"})
BEN = Contact("id-ben", {"email": "ben@example.com"}, {"firstname": "Ben"})
PHONE_ONLY = Contact("id-phone", {"email": "", "phone": "+49305550101"})
AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def written(contact, number, **more):
    return {"id": number, "new": True, "properties": {"email": contact.email}, **more}


def test_values_become_the_text_hubspot_takes():
    contact = Contact(
        "1", {"email": "a@example.com"}, {"vip": True, "size": 3, "tags": ["a", "b"], "email": "other@example.com"}
    )
    assert properties(contact) == {"vip": "true", "size": "3", "tags": "a;b", "email": "a@example.com"}


def test_every_enquiry_is_told_with_its_time():
    first, second = Enquiry(AT, "Is the red one in stock?"), Enquiry(AT.replace(hour=10), "And the blue one?")
    assert message([first]) == "Is the red one in stock?"
    assert message([first, second]) == (
        "2026-11-23 09:30 UTC: Is the red one in stock?\n\n2026-11-23 10:30 UTC: And the blue one?"
    )
    assert len(message([Enquiry(AT, "x" * 50_000), Enquiry(AT, "y" * 50_000)])) == 60_000


def test_no_enquiry_leaves_the_message_there_alone():
    assert "message" not in properties(ANNA)


def test_results_find_their_contact_in_any_order():
    answer = {"results": [written(BEN, "2", objectWriteTraceId="id-ben"), written(ANNA, "1")]}
    assert outcomes([ANNA, BEN], answer) == [Outcome.delivered("1"), Outcome.delivered("2")]


def test_a_partial_answer_is_a_failure_for_those_it_names():
    error = {"category": "VALIDATION_ERROR", "message": "x", "context": {"objectWriteTraceId": ["id-ben"]}}
    error["errors"] = [{"code": "INVALID_EMAIL", "message": "Email address ben is invalid"}]
    answer = {"results": [written(ANNA, "1")], "numErrors": 1, "errors": [error]}
    good, bad = outcomes([ANNA, BEN], answer)
    assert good == Outcome.delivered("1")
    assert (bad.kind, bad.reason, bad.field) == ("rejected", "invalid_email", "email")


def test_a_contact_the_answer_does_not_mention_is_unknown():
    assert outcomes([ANNA, BEN], {"results": [written(ANNA, "1")]})[1] == Outcome.unknown()


def test_a_passing_problem_of_one_contact_is_tried_again():
    error = {"category": "RATE_LIMITS", "context": {"ids": ["anna@example.com"]}}
    [outcome] = outcomes([ANNA], {"errors": [error]})
    assert (outcome.kind, outcome.reason) == ("retry", "rate_limited")


def test_the_others_go_out_when_one_has_no_email():
    vendor = Vendor("hubspot", says(200, {"results": [written(ANNA, "1")]}))
    result = vendor.provider.upsert([PHONE_ONLY, ANNA])
    assert [outcome.kind for outcome in result] == ["rejected", "delivered"]
    assert len(vendor.bodies()[0]["inputs"]) == 1
    assert Vendor("hubspot", says(500)).provider.upsert([PHONE_ONLY])[0].reason == "no_identifier"


def test_an_unknown_property_names_itself():
    hidden = (
        'Property values were not valid: [{"isValid":false,"message":"Property \\"utm_src\\" does not exist",'
        '"error":"PROPERTY_DOESNT_EXIST","name":"utm_src"}]'
    )
    vendor = Vendor("hubspot", says(400, {"status": "error", "message": hidden, "category": "VALIDATION_ERROR"}))
    with pytest.raises(errors.Refused) as caught:
        vendor.provider.upsert([ANNA])
    assert (caught.value.code, caught.value.field) == ("unknown_field", "utm_src")
    assert caught.value.words == 'Property "utm_src" does not exist'


@pytest.mark.parametrize(("contacts", "code"), [([ANNA, BEN], "batch_conflict"), ([ANNA], "conflict")])
def test_a_conflict_tells_whether_halving_may_help(contacts, code):
    vendor = Vendor("hubspot", says(409, {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 5"}))
    with pytest.raises(errors.Refused) as caught:
        vendor.provider.upsert(contacts)
    assert caught.value.code == code


def test_the_limits_own_words_are_passed_on():
    body = {"message": "You have reached your daily limit.", "policyName": "DAILY", "category": "RATE_LIMITS"}
    with pytest.raises(errors.RetryLater, match="daily limit") as caught:
        Vendor("hubspot", says(429, body)).provider.check()
    assert caught.value.code == "rate_limited"


@pytest.mark.parametrize("status", [400, 403, 422])
@pytest.mark.parametrize(
    ("category", "code"), [("RATE_LIMITS", "rate_limited"), ("MIGRATION_IN_PROGRESS", "retry_later")]
)
def test_what_passes_is_tried_again_whatever_the_status(status, category, code):
    with pytest.raises(errors.RetryLater) as caught:
        Vendor("hubspot", says(status, {"category": category, "message": "x"}, Retry_After="9")).provider.upsert([ANNA])
    assert (caught.value.code, caught.value.status, caught.value.after) == (code, status, 9)


def erased(contact):
    vendor = Vendor("hubspot", says(204))
    return vendor.provider.erase(contact), vendor.bodies()


def test_who_has_no_email_is_erased_by_their_id_there():
    outcome, asked = erased(replace(PHONE_ONLY, external_id="4711"))
    assert (outcome, asked) == (Outcome.delivered(), [{"objectId": "4711"}])


def test_who_is_known_by_id_and_email_is_erased_by_both():
    outcome, asked = erased(replace(ANNA, external_id="4711"))
    assert outcome == Outcome.delivered()
    assert asked == [{"objectId": "4711"}, {"objectId": "anna@example.com", "idProperty": "email"}]


def test_nobody_is_taken_for_erased_whom_nothing_identifies():
    outcome, asked = erased(PHONE_ONLY)
    assert (outcome.kind, outcome.reason, asked) == ("rejected", "no_identifier", [])
