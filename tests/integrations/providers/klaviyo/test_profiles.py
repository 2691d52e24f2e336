"""Klaviyo's profiles: what is sent keeps to its published contract, what its answers mean, who is subscribed how."""

from dataclasses import replace
from datetime import UTC, datetime

import httpx2
import pytest

from integrations.providers import errors
from integrations.providers.base import Contact, Statement
from integrations.providers.klaviyo.profiles import attributes, vendor_fields
from tests.integrations.providers.contracts import contract_of, problems_of
from tests.integrations.providers.vendors import Vendor, says

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ANNA = Contact("id-anna", {"email": "anna@example.com"}, {"first_name": "Anna"}, statement=Statement(True, AT))
BEN = Contact("id-ben", {"email": "ben@example.com"}, {"Seats": 3, "location.city": "Rome"})
UNSURE = replace(ANNA, statement=Statement(True, AT, is_confirmed=False))
NOBODY = Contact("id-phone", {"email": "", "phone": "+49305550101"}, statement=Statement(True, AT))
LIST = {"list_id": "Y6nRLr"}
JOB = says(202, {"data": {"type": "profile-bulk-import-job", "id": "job-1", "attributes": {"status": "queued"}}})


def profile(**marketing):
    told = {"subscriptions": {"email": {"marketing": marketing}}} if marketing else {}
    return says(200, {"data": {"type": "profile", "id": "01ANNA", "attributes": told}})


def newsletter(process):
    told = {"name": "News", "opt_in_process": process}
    return says(200, {"data": [{"type": "list", "id": "Y6nRLr", "attributes": told}]})


SINGLE, DOUBLE = newsletter("single_opt_in"), newsletter("double_opt_in")


def job(status, **counts):
    return says(
        200, {"data": {"type": "profile-bulk-import-job", "id": "job-1", "attributes": {"status": status, **counts}}}
    )


def imported(*places):
    return [Contact(f"id-{place}", {}, job_item=place) for place in places]


def errors_at(*pointers, more=None):
    found = [
        {
            "type": "import-error",
            "id": "1",
            "attributes": {"code": "invalid", "detail": "anna@", "source": {"pointer": p}},
        }
        for p in pointers
    ]
    return says(200, {"data": found, "links": {"next": more}})


def subscribed(contact, *answers, **config):
    vendor = Vendor("klaviyo", *answers, config=LIST | config)
    [outcome] = vendor.provider.subscribe([contact])
    return outcome, [request.url.path for request in vendor.requests], vendor


def test_what_has_no_attribute_becomes_a_property():
    assert attributes(BEN) == {
        "email": "ben@example.com",
        "properties": {"Seats": 3},
        "location": {"city": "Rome"},
    }


def test_one_is_written_at_once_and_several_by_a_job():
    vendor = Vendor("klaviyo", profile())
    [outcome] = vendor.provider.upsert([ANNA])
    assert (outcome.kind, outcome.external_id) == ("delivered", "01ANNA")
    vendor = Vendor("klaviyo", JOB)
    outcomes = vendor.provider.upsert([ANNA, NOBODY, BEN])
    assert [(outcome.kind, outcome.job, outcome.item) for outcome in outcomes] == [
        ("accepted", "job-1", "0"),
        ("rejected", "", ""),
        ("accepted", "job-1", "1"),
    ]


def test_a_job_under_way_is_asked_about_again():
    for status in ("queued", "processing"):
        [outcome] = Vendor("klaviyo", job(status)).provider.confirm("job-1", imported("0"))
        assert (outcome.kind, outcome.job) == ("accepted", "job-1")


def test_a_job_that_is_done_says_who_was_refused_on_any_page():
    place = "/data/attributes/profiles/data/{}/attributes/{}".format
    link = "https://a.klaviyo.com/api/x?page%5Bcursor%5D=abc"
    vendor = Vendor(
        "klaviyo",
        job("complete", failed_count=2),
        errors_at(place(1, "email"), more=link),
        errors_at(place(2, "phone_number")),
    )
    good, email, phone = vendor.provider.confirm("job-1", imported("0", "1", "2"))
    assert good.kind == "delivered"
    assert (email.reason, email.field) == ("invalid_email", "email")
    assert (phone.reason, phone.field) == ("invalid_phone", "phone_number")
    assert "anna" not in email.words
    assert vendor.requests[2].url.params["page[cursor]"] == "abc"


def test_a_job_that_is_lost_or_does_not_say_whom_it_refused_is_no_delivery():
    def kinds(*answers):
        outcomes = Vendor("klaviyo", *answers).provider.confirm("job-1", imported("0", "1"))
        return {(outcome.kind, outcome.reason) for outcome in outcomes}

    assert kinds(says(404, {})) == {("unknown", "no_answer")}
    assert kinds(job("cancelled")) == {("unknown", "no_answer")}
    assert kinds(job("complete", failed_count=1), errors_at("/data")) == {("retry", "unconfirmed")}
    assert kinds(job("complete", failed_count=0)) == {("delivered", "")}


def test_who_was_refused_in_a_job_that_did_not_say_whom_is_written_alone():
    vendor = Vendor("klaviyo", profile())
    outcomes = vendor.provider.upsert([replace(each, goes_alone=True) for each in (ANNA, ANNA)])
    assert [outcome.kind for outcome in outcomes] == ["delivered", "delivered"]
    assert {request.url.path for request in vendor.requests} == {"/api/profile-import"}


def test_what_was_done_before_one_that_failed_is_not_done_again():
    vendor = Vendor("klaviyo", DOUBLE, profile(), says(202), says(429), config=LIST)
    outcomes = vendor.provider.subscribe([ANNA, replace(ANNA, id="2"), replace(ANNA, id="3")])
    assert [outcome.kind for outcome in outcomes] == ["delivered", "unsent", "unsent"]


def test_who_agreed_for_sure_is_subscribed_to_the_list():
    outcome, asked, vendor = subscribed(ANNA, SINGLE, profile(consent="NEVER_SUBSCRIBED"), says(202))
    assert (outcome.kind, asked[-1]) == ("delivered", "/api/profile-subscription-bulk-create-jobs")
    data = vendor.bodies()[-1]["data"]
    assert data["relationships"]["list"]["data"]["id"] == "Y6nRLr"
    assert vendor.bodies()[0]["data"]["attributes"] == {"email": "anna@example.com"}


LEFT = {"consent": "UNSUBSCRIBED", "suppression": [{"reason": "UNSUBSCRIBE", "timestamp": "2026-11-01T00:00:00+00:00"}]}
LEFT_LATER = {
    "consent": "UNSUBSCRIBED",
    "suppression": [{"reason": "UNSUBSCRIBE", "timestamp": "2026-11-24T00:00:00Z"}],
}


FROM_THIS_LIST = {"list_id": "Y6nRLr", "reason": "UNSUBSCRIBE", "timestamp": "2026-11-24T00:00:00Z"}
# Put aside by the shop itself: what they once agreed to still stands there.
PUT_ASIDE = {"consent": "SUBSCRIBED", "suppression": [{"reason": "USER_SUPPRESSED"}]}
LEFT_TWICE = {"suppression": [*LEFT["suppression"], *LEFT_LATER["suppression"]]}


@pytest.mark.parametrize(
    ("contact", "process", "marketing", "config", "reason"),
    [
        (UNSURE, SINGLE, {"consent": "NEVER_SUBSCRIBED"}, {}, "needs_double_opt_in"),
        (ANNA, SINGLE, {"consent": "NEVER_SUBSCRIBED"}, {"always_confirm": True}, "needs_double_opt_in"),
        (ANNA, SINGLE, LEFT, {}, "unsubscribed_there"),
        (ANNA, DOUBLE, LEFT_LATER, {}, "unsubscribed_there"),
        (ANNA, DOUBLE, {"consent": "UNSUBSCRIBED"}, {}, "unsubscribed_there"),
        (ANNA, SINGLE, {"consent": "SUBSCRIBED", "list_suppressions": [FROM_THIS_LIST]}, {}, "unsubscribed_there"),
        (ANNA, DOUBLE, PUT_ASIDE, {}, "unsubscribed_there"),
        (ANNA, DOUBLE, LEFT_TWICE, {}, "unsubscribed_there"),
        (ANNA, DOUBLE, {"consent": "SUBSCRIBED", "suppression": [{"reason": "HARD_BOUNCE"}]}, {}, "refused"),
    ],
)
def test_nobody_is_subscribed_behind_their_back(contact, process, marketing, config, reason):
    outcome, asked, _ = subscribed(contact, process, profile(**marketing), **config)
    assert (outcome.kind, outcome.reason) == ("rejected", reason)
    assert len(asked) == 2


def test_who_left_another_list_is_subscribed_to_this_one():
    elsewhere = {"list_id": "Xk9Sng", "reason": "UNSUBSCRIBE", "timestamp": "2026-11-24T00:00:00Z"}
    outcome, asked, _ = subscribed(
        ANNA, SINGLE, profile(consent="SUBSCRIBED", list_suppressions=[elsewhere]), says(202)
    )
    assert (outcome.kind, len(asked)) == ("delivered", 3)


@pytest.mark.parametrize(("contact", "marketing"), [(UNSURE, {"consent": "NEVER_SUBSCRIBED"}), (ANNA, LEFT)])
def test_a_list_with_double_opt_in_asks_them_by_mail(contact, marketing):
    outcome, asked, _ = subscribed(contact, DOUBLE, profile(**marketing), says(202))
    assert (outcome.kind, len(asked)) == ("delivered", 3)


def test_a_list_is_needed_and_has_to_be_there():
    assert subscribed(ANNA, says(500), list_id="")[0].reason == "misconfigured"
    with pytest.raises(errors.Misconfigured, match="no list of this id"):
        subscribed(ANNA, says(200, {"data": []}))


def test_the_revision_is_the_connectors():
    vendor = Vendor("klaviyo", profile(), config={"revision": "2025-04-15"})
    vendor.provider.upsert([ANNA])
    assert vendor.requests[0].headers["revision"] == "2025-04-15"


def test_fields_are_attributes_and_properties_seen_or_named():
    seen = [{"attributes": {"properties": {"Seats": 3}}}]
    names = [field.name for field in vendor_fields(seen, ["Plan", "first_name"])]
    assert {"first_name", "location.city", "Seats", "Plan"} <= set(names)
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def contract():
    return contract_of("klaviyo")


def test_the_contract_itself_refuses_what_is_wrong(contract):
    headers = {"Content-Type": "application/vnd.api+json"}
    for path in ("profile-import", "profile-bulk-import-jobs", "data-privacy-deletion-jobs"):
        for body in ("[]", '{"data": {}}', '{"nosuch": 1}'):
            request = httpx2.Request("POST", f"https://a.klaviyo.com/api/{path}", content=body, headers=headers)
            assert problems_of(contract, request)


@pytest.mark.parametrize(
    ("ask", "answers"),
    [
        (lambda p: p.check(), [SINGLE]),
        (lambda p: p.fields(), [says(200, {"data": []})]),
        (lambda p: p.upsert([ANNA]), [profile()]),
        (lambda p: p.upsert([ANNA, BEN]), [JOB]),
        (lambda p: p.confirm("job-1", imported("0")), [job("complete", failed_count=1), errors_at("/data")]),
        (lambda p: p.subscribe([ANNA]), [SINGLE, profile(consent="NEVER_SUBSCRIBED"), says(202)]),
        (lambda p: p.unsubscribe([ANNA, BEN]), [says(202)]),
        (lambda p: p.erase(ANNA), [says(202)]),
    ],
)
def test_what_is_sent_keeps_to_the_published_contract(contract, ask, answers):
    vendor = Vendor("klaviyo", *answers, config=LIST)
    ask(vendor.provider)
    assert len(vendor.requests) == len(answers)
    assert [problem for request in vendor.requests for problem in problems_of(contract, request)] == []
