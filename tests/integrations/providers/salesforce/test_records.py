"""Salesforce's records: what is sent, and what its answers mean; these are written from the vendor's documentation."""

import json
from pathlib import Path

import pytest

from integrations.providers import errors
from integrations.providers.base import Contact, Reply
from integrations.providers.registry import provider_class
from integrations.providers.salesforce.records import described, vendor_field
from tests.integrations.providers.vendors import Vendor, says

FIXTURES = Path(__file__).parent / "fixtures"
ANNA = Contact(
    "0190aaaa-anna", {"email": "anna@example.com"}, {"LastName": "Berg", "Company": "Berg", "Tags": ["a", "b"]}
)
BEN = Contact("0190aaaa-ben", {"email": "ben@example.com"}, {"LastName": "Fox", "Company": "Fox"})
DATA = "/services/data/v62.0"


def fixture(name):
    return json.loads((FIXTURES / f"{name}.json").read_text())


def answer(name):
    told = fixture(name)
    return says(told["status"], told["body"], **{key.replace("-", "_"): text for key, text in told["headers"].items()})


def reply(name):
    told = fixture(name)
    return Reply(told["status"], told["headers"], json.dumps(told["body"]).encode())


def asked(vendor):
    return [f"{request.method} {request.url.path}" for request in vendor.requests]


def upserted(*answers, contacts=(ANNA,), **config):
    vendor = Vendor("salesforce", *answers, config=config)
    return vendor.provider.upsert(list(contacts)), vendor


def test_many_go_in_one_request_each_found_by_our_id():
    outcomes, vendor = upserted(answer("records__created_and_updated"), contacts=(ANNA, BEN))
    assert [(outcome.kind, outcome.external_id) for outcome in outcomes] == [
        ("delivered", "00Q5e00001abcDEEAY"),
        ("delivered", "00Q5e00001abcDFEAY"),
    ]
    assert asked(vendor) == [f"PATCH {DATA}/composite/sobjects/Lead/ShopBotly_Id__c"]
    assert vendor.bodies()[0] == {
        "allOrNone": False,
        "records": [
            {
                "attributes": {"type": "Lead"},
                "LastName": "Berg",
                "Company": "Berg",
                "Tags": "a;b",
                "ShopBotly_Id__c": "0190aaaa-anna",
            },
            {"attributes": {"type": "Lead"}, "LastName": "Fox", "Company": "Fox", "ShopBotly_Id__c": "0190aaaa-ben"},
        ],
    }


def test_contacts_have_no_company_of_their_own_and_the_field_and_version_are_the_connectors():
    config = {"kind": "Contact", "external_id_field": "Chat__c", "version": "65.0"}
    _, vendor = upserted(says(200, []), **config)
    assert asked(vendor) == ["PATCH /services/data/v65.0/composite/sobjects/Contact/Chat__c"]
    [record] = vendor.bodies()[0]["records"]
    assert record == {
        "attributes": {"type": "Contact"},
        "LastName": "Berg",
        "Tags": "a;b",
        "Chat__c": "0190aaaa-anna",
    }


def test_one_refused_record_does_not_stop_the_other_and_quotes_nobody():
    (good, bad), _ = upserted(answer("records__one_refused"), contacts=(BEN, ANNA))
    assert good.kind == "delivered"
    assert (bad.kind, bad.reason, bad.field) == ("rejected", "invalid_email", "Email")
    assert "anna" not in bad.words


@pytest.mark.parametrize(
    ("code", "fields", "reason"),
    [
        ("REQUIRED_FIELD_MISSING", ["Company"], "missing_field"),
        ("STRING_TOO_LONG", ["LastName"], "too_long"),
        ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["LeadSource"], "invalid_option"),
        ("CANNOT_UPDATE_CONVERTED_LEAD", [], "converted"),
        ("SOMETHING_NEW", [], "refused"),
        ("anna@example.com", ["anna@example.com"], "refused"),
    ],
)
def test_a_refusal_is_named(code, fields, reason):
    told = [{"success": False, "errors": [{"statusCode": code, "message": "anna@example.com", "fields": fields}]}]
    [outcome], _ = upserted(says(200, told))
    assert (outcome.kind, outcome.reason) == ("rejected", reason)
    assert "anna" not in f"{outcome.words}{outcome.field}"


def test_a_failure_that_names_its_record_is_no_delivery():
    """An update that fails has an id: the record is there, what was sent isn't in it."""
    refused = {"statusCode": "STRING_TOO_LONG", "message": "", "fields": ["LastName"]}
    [outcome], _ = upserted(says(200, [{"id": "00Q5e00001abcDEEAY", "success": False, "errors": [refused]}]))
    assert (outcome.kind, outcome.reason) == ("rejected", "too_long")


@pytest.mark.parametrize("id", [None, 5, "", "x", "00Q5e00001abcDEEAY/../x"])
def test_a_success_without_a_record_is_no_delivery(id):
    [outcome], _ = upserted(says(200, [{"id": id, "success": True, "errors": []}]))
    assert outcome.kind == "unknown"


def test_a_locked_record_is_tried_again():
    told = [{"success": False, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "", "fields": []}]}]
    [outcome], _ = upserted(says(200, told))
    assert outcome.kind == "retry"


def test_an_answer_about_fewer_records_than_were_sent_is_no_delivery():
    outcomes, _ = upserted(says(200, fixture("records__created_and_updated")["body"][:1]), contacts=(ANNA, BEN))
    assert {outcome.kind for outcome in outcomes} == {"unknown"}


def test_what_a_duplicate_rule_matched_is_updated_instead():
    [outcome], vendor = upserted(answer("records__duplicate_named"), says(204))
    assert (outcome.kind, outcome.external_id) == ("delivered", "00Q5e00001oldAAEAY")
    assert asked(vendor)[1] == f"PATCH {DATA}/sobjects/Lead/00Q5e00001oldAAEAY"
    assert vendor.bodies()[1]["ShopBotly_Id__c"] == "0190aaaa-anna"


def test_a_duplicate_that_is_not_named_is_looked_for_by_address_outside_the_url():
    [outcome], vendor = upserted(answer("records__duplicate"), answer("search__one"), says(204))
    assert (outcome.kind, outcome.external_id) == ("delivered", "00Q5e00001oldAAEAY")
    assert asked(vendor)[1] == f"POST {DATA}/parameterizedSearch"
    assert "anna" not in str(vendor.requests[1].url)


@pytest.mark.parametrize("found", [[], [{"Id": f"00Q5e00001old{x}AEAY", "Email": "anna@example.com"} for x in "AB"]])
def test_a_duplicate_that_can_not_be_told_needs_a_person(found):
    [outcome], vendor = upserted(answer("records__duplicate"), says(200, {"searchRecords": found}))
    assert (outcome.kind, outcome.reason) == ("rejected", "duplicate")
    assert len(vendor.requests) == 2


def test_of_two_records_that_a_rule_matched_neither_is_written_over():
    told = fixture("records__duplicate_named")["body"]
    [result] = told[0]["errors"][0]["duplicateResut"]["matchResults"]
    result["matchRecords"].append({"record": {"Id": "00Q5e00001oldBAEAY"}})
    [outcome], vendor = upserted(says(200, told), says(200, {"searchRecords": []}))
    assert (outcome.kind, outcome.reason) == ("rejected", "duplicate")
    assert asked(vendor)[1:] == [f"POST {DATA}/parameterizedSearch"]


def test_a_record_with_a_longer_address_is_somebody_else():
    """The search also finds addresses that hold this one."""
    found = [{"Id": "00Q5e00001oldAAEAY", "Email": "johanna@example.com"}]
    [outcome], vendor = upserted(answer("records__duplicate"), says(200, {"searchRecords": found}))
    assert (outcome.kind, len(vendor.requests)) == ("rejected", 2)


def test_an_external_id_that_several_records_have_is_a_conflict():
    with pytest.raises(errors.Refused, match="unique") as caught:
        upserted(says(300, ["/services/data/v62.0/sobjects/Lead/00Q5e00001oldAAEAY"]))
    assert (caught.value.code, caught.value.status) == ("conflict", 300)


def test_a_field_that_is_not_there_names_itself():
    with pytest.raises(errors.Refused) as caught:
        upserted(answer("request__unknown_field"))
    assert (caught.value.code, caught.value.field, caught.value.status) == ("unknown_field", "Nosuch__c", 400)


def test_over_the_limit_is_a_403_without_retry_after_and_told_as_todays_limit():
    vendor = Vendor("salesforce", answer("request__over_the_limit"))
    with pytest.raises(errors.RetryLater) as caught:
        vendor.provider.upsert([ANNA])
    assert caught.value.code == "rate_limited"
    limits = vendor.provider.limits(reply("request__over_the_limit"))
    assert (limits.is_over, limits.daily_remaining, limits.daily_resets_in) == (True, 0, 900)


def test_every_answer_tells_what_is_left_of_the_day():
    limits = provider_class("salesforce").limits(reply("records__created_and_updated"))
    assert (limits.daily, limits.daily_remaining, limits.is_over) == (15_000, 14_975, False)


def test_a_right_that_is_missing_is_told_apart_from_the_limit():
    with pytest.raises(errors.Refused) as caught:
        upserted(says(403, [{"errorCode": "API_DISABLED_FOR_ORG", "message": "The REST API is not enabled."}]))
    assert caught.value.code == "forbidden"


def test_forgetting_finds_by_our_id_and_else_by_the_record_told_last():
    vendor = Vendor("salesforce", says(404, [{"errorCode": "NOT_FOUND"}]), says(204))
    assert vendor.provider.erase(Contact("id-1", {}, external_id="00Q5e00001oldAAEAY")).kind == "delivered"
    assert asked(vendor) == [
        f"DELETE {DATA}/sobjects/Lead/ShopBotly_Id__c/id-1",
        f"DELETE {DATA}/sobjects/Lead/00Q5e00001oldAAEAY",
    ]


def test_what_our_id_found_is_forgotten_and_nothing_else():
    vendor = Vendor("salesforce", says(204))
    vendor.provider.erase(Contact("id-1", {}, external_id="00Q5e00001oldAAEAY"))
    assert asked(vendor) == [f"DELETE {DATA}/sobjects/Lead/ShopBotly_Id__c/id-1"]


def test_a_missing_external_id_is_told_with_what_to_do():
    with pytest.raises(errors.Misconfigured, match="Add a custom text field"):
        Vendor("salesforce", answer("describe__lead"), config={"external_id_field": "Nosuch__c"}).provider.check()
    check = Vendor("salesforce", answer("describe__lead")).provider.check()
    assert check.words == "Connected to Salesforce; its Lead has 6 fields."


def test_a_description_becomes_fields():
    fields = {item["name"]: vendor_field(item) for item in described(fixture("describe__lead")["body"])}
    assert fields["LastName"].is_required
    assert not fields["IsUnreadByOwner"].is_required
    assert fields["LastName"].max_length == 80
    assert (fields["Status"].type, fields["Status"].options) == ("choice", ("Open", "Working"))
    assert fields["CreatedDate"].is_read_only
    assert (fields["Seats__c"].type, fields["Seats__c"].max_length) == ("number", None)
