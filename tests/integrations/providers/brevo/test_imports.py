"""Brevo's imports: what goes into one, and what may be said of it afterwards."""

from dataclasses import replace

import pytest

from integrations.providers import errors
from integrations.providers.base import Contact
from integrations.providers.brevo.provider import BrevoForm
from integrations.providers.registry import provider_class
from tests.integrations.providers.brevo.test_contacts import ANNA, HELD, PHONE_ONLY
from tests.integrations.providers.vendors import Vendor, says

SET_UP = {"list_id": 2, "import_list_id": 7}
BEN = Contact("id-ben", {"email": "ben@example.com"}, {"firstname": "Ben", "vip": True})
ACCEPTED = says(202, {"processId": 194}, Date="Thu, 26 Nov 2026 18:50:00 GMT")
JOB = "194 2026-11-26T18:48:00.000Z"
THERE = {**HELD, "listIds": [7]}
HELD_BEN = {"id": 8, "email": "ben@example.com", "attributes": {"FIRSTNAME": "Ben", "VIP": True}, "listIds": [2, 7]}
MANY = [replace(BEN, id=f"id-{n}", values={"email": f"ben{n}@example.com"}) for n in range(49)]
TOO_MANY = says(429, {"code": "too_many_requests", "message": "x"}, x_sib_ratelimit_reset="1800")


def process(status, **told):
    return says(200, {"id": 194, "name": "IMPORTUSER", "status": status, **told})


def listed(*contacts):
    return says(200, {"contacts": list(contacts), "count": len(contacts)})


def asked(*answers, contacts=(ANNA, BEN), config=SET_UP, job=JOB):
    vendor = Vendor("brevo", *answers, config=config)
    return vendor.provider.confirm(job, list(contacts)), vendor


def test_fifty_go_in_one_import_onto_its_list():
    vendor = Vendor("brevo", ACCEPTED, config=SET_UP)
    anna, nobody, *others = vendor.provider.upsert([ANNA, PHONE_ONLY, *MANY])
    assert (anna.kind, {each.job for each in (anna, *others)}) == ("accepted", {JOB})
    assert nobody.reason == "no_identifier"
    [body] = vendor.bodies()
    assert len(body["jsonBody"]) == 50
    assert body | {"jsonBody": body["jsonBody"][:2]} == {
        "jsonBody": [
            {"email": "anna@example.com", "attributes": {"FIRSTNAME": "Anna"}},
            {"email": "ben0@example.com", "attributes": {"FIRSTNAME": "Ben", "VIP": True}},
        ],
        "listIds": [7],
        "updateExistingContacts": True,
        "emptyContactsAttributes": False,
        "disableNotification": True,
    }


def test_fewer_are_not_worth_a_look_at_a_process():
    vendor = Vendor("brevo", *[says(204), says(200, HELD_BEN)] * 49, config=SET_UP)
    assert {each.kind for each in vendor.provider.upsert(MANY)} == {"delivered"}
    assert {(request.method, request.url.path) for request in vendor.requests if request.method == "POST"} == {
        ("POST", "/v3/contacts")
    }


def test_a_single_one_is_written_at_once():
    vendor = Vendor("brevo", says(204), says(200, HELD), config=SET_UP)
    [outcome] = vendor.provider.upsert([ANNA])
    assert (outcome.kind, vendor.requests[0].url.path) == ("delivered", "/v3/contacts")


def test_without_a_list_to_import_into_each_is_written_alone():
    assert provider_class("brevo").configured({"list_id": 2}).batch_size == 1
    assert provider_class("brevo").configured(SET_UP).batch_size == 500


def test_what_an_import_did_not_tell_of_goes_alone_beside_it():
    vendor = Vendor("brevo", says(204), says(200, HELD), ACCEPTED, config=SET_UP)
    anna, *others = vendor.provider.upsert([replace(ANNA, goes_alone=True), BEN, *MANY])
    assert (anna.kind, {each.kind for each in others}) == ("delivered", {"accepted"})


def test_an_import_that_fails_says_nothing_of_those_written_beside_it():
    vendor = Vendor("brevo", says(204), says(200, HELD), says(500), config=SET_UP)
    anna, *others = vendor.provider.upsert([replace(ANNA, goes_alone=True), BEN, *MANY])
    assert (anna.kind, {each.kind for each in others}) == ("delivered", {"unsent"})


def test_an_import_that_fails_by_itself_says_why():
    with pytest.raises(errors.RetryLater):
        Vendor("brevo", says(500), config=SET_UP).provider.upsert([ANNA, *MANY])


@pytest.mark.parametrize("status", ["queued", "in_process", "processing"])
def test_an_import_under_way_is_asked_about_again(status):
    outcomes, _ = asked(process(status))
    assert {(each.kind, each.job) for each in outcomes} == {("accepted", JOB)}


@pytest.mark.parametrize("answer", [process("failed"), process("cancelled"), says(404, {"code": "invalid_parameter"})])
def test_an_import_that_failed_or_is_lost_is_no_delivery(answer):
    assert {each.kind for each in asked(answer)[0]} == {"unknown"}


def test_who_is_there_as_sent_has_arrived():
    (anna, ben), vendor = asked(process("completed"), listed(THERE, HELD_BEN))
    assert [(anna.kind, anna.external_id), (ben.kind, ben.external_id)] == [("delivered", "7"), ("delivered", "8")]
    assert dict(vendor.requests[1].url.params) == {
        "listIds": "7",
        "modifiedSince": "2026-11-26T18:48:00.000Z",
        "limit": "500",
        "offset": "0",
    }


@pytest.mark.parametrize("attributes", [{"FIRSTNAME": "Ben"}, {"FIRSTNAME": "Ben", "VIP": False}])
def test_a_field_that_was_ignored_is_no_delivery(attributes):
    (anna, ben), _ = asked(process("completed"), listed(THERE, {**HELD_BEN, "attributes": attributes}))
    assert (anna.kind, ben.kind, ben.reason) == ("delivered", "retry", "unconfirmed")


def test_who_was_refused_is_not_there_and_no_delivery():
    (anna, ben), vendor = asked(process("completed"), listed(THERE), says(404, {"code": "document_not_found"}))
    assert (anna.kind, ben.reason) == ("delivered", "unconfirmed")
    assert vendor.requests[2].url.path == "/v3/contacts/ben@example.com"


def test_who_was_left_as_they_were_is_looked_at_alone():
    (anna, ben), _ = asked(process("completed"), listed(THERE), says(200, HELD_BEN))
    assert [anna.kind, ben.kind] == ["delivered", "delivered"]


def test_very_many_are_looked_at_in_turns():
    many = [replace(BEN, id=str(n)) for n in range(60)]
    outcomes, vendor = asked(process("completed"), listed(), says(200, HELD_BEN), contacts=many)
    assert [each.kind for each in outcomes] == ["delivered"] * 50 + ["accepted"] * 10
    assert len(vendor.requests) == 52


def test_a_process_that_is_done_is_not_read_again():
    many = [replace(BEN, id=str(n)) for n in range(51)]
    outcomes, _ = asked(process("completed"), listed(), says(200, HELD_BEN), contacts=many)
    assert outcomes[-1].job == f"{JOB} done"
    [last], vendor = asked(listed(), says(200, HELD_BEN), contacts=many[50:], job=outcomes[-1].job)
    assert (last.kind, vendor.requests[0].url.path) == ("delivered", "/v3/contacts")


def test_over_the_limit_of_processes_who_is_there_has_arrived_and_others_are_asked_about_later():
    carl = replace(BEN, id="id-carl", values={"email": "carl@example.com"})
    another = {**HELD_BEN, "email": "carl@example.com", "attributes": {"FIRSTNAME": "Karl", "VIP": True}}
    outcomes, vendor = asked(TOO_MANY, listed(THERE, another), contacts=[ANNA, BEN, carl])
    assert [(each.kind, each.job, each.after) for each in outcomes] == [
        ("delivered", "", None),
        ("accepted", JOB, 1800),
        ("accepted", JOB, 1800),
    ]
    assert len(vendor.requests) == 2


def test_who_was_refused_and_is_there_as_before_is_no_delivery():
    before = {**HELD_BEN, "attributes": {"FIRSTNAME": "Benjamin", "VIP": True}}
    (_, ben), _ = asked(process("completed"), listed(THERE), says(200, before))
    assert ben.reason == "unconfirmed"


def test_who_is_not_on_the_list_of_imports_was_not_imported():
    (_, ben), _ = asked(process("completed"), listed(THERE), says(200, {**HELD_BEN, "listIds": [2]}))
    assert ben.reason == "unconfirmed"


def test_who_is_gone_meanwhile_is_not_looked_for():
    [outcome], vendor = asked(process("completed"), listed(), contacts=[Contact("id-gone", {})])
    assert (outcome.reason, len(vendor.requests)) == ("unconfirmed", 2)


def test_an_import_is_asked_about_also_when_its_list_was_taken_away():
    (anna,), vendor = asked(process("completed"), says(200, HELD), contacts=[ANNA], config={})
    assert (anna.kind, len(vendor.requests)) == ("delivered", 2)


@pytest.mark.parametrize("job", ["", "x", "../contacts", "194/x", "194 a b", "194 done done"])
def test_a_job_that_is_none_of_ours_is_asked_for_nowhere(job):
    outcomes, vendor = asked(process("completed"), job=job)
    assert ({each.kind for each in outcomes}, vendor.requests) == ({"unknown"}, [])


@pytest.mark.parametrize("body", [{}, {"processId": "194"}, {"processId": True}, []])
def test_an_answer_without_a_process_is_no_acceptance(body):
    with pytest.raises(errors.RetryLater):
        Vendor("brevo", says(202, body), config=SET_UP).provider.upsert([ANNA, *MANY])


def test_those_who_agreed_have_a_list_of_their_own():
    assert "import_list_id" in BrevoForm({"list_id": 2, "import_list_id": 2}).errors
    assert BrevoForm({"list_id": 2, "import_list_id": 7}).is_valid()
