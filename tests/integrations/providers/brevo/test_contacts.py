"""Brevo's contacts: what is sent, what its answers mean, and who is subscribed how."""

from datetime import UTC, datetime

import pytest

from integrations.providers import errors
from integrations.providers.base import Contact, Limits, Reply, Statement
from integrations.providers.brevo.contacts import attributes, ignored, vendor_fields
from integrations.providers.brevo.provider import Brevo
from tests.integrations.providers.vendors import Vendor, says

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ANNA = Contact("id-anna", {"email": "anna@example.com"}, {"firstname": "Anna"}, statement=Statement(True, AT))
UNSURE = Contact("id-anna", {"email": "anna@example.com"}, statement=Statement(True, AT, is_confirmed=False))
PHONE_ONLY = Contact("id-phone", {"email": "", "phone": "+49305550101"}, statement=Statement(True, AT))
SET_UP = {"list_id": 2, "template_id": 5, "redirect_url": "https://shop.example.com/thanks"}
HELD = {"id": 7, "email": "anna@example.com", "attributes": {"FIRSTNAME": "Anna"}, "emailBlacklisted": False}
NOT_THERE = says(404, {"code": "document_not_found", "message": "Contact does not exist"})


def subscribed(contact, *answers, **config):
    vendor = Vendor("brevo", *answers, config=SET_UP | config)
    [outcome] = vendor.provider.subscribe([contact])
    return outcome, [f"{request.method} {request.url.path}" for request in vendor.requests], vendor


def test_names_are_in_capital_letters_and_values_keep_their_types():
    contact = Contact("1", {"email": "a@example.com"}, {"vip": True, "Size": 3, "tags": ["a", "b"], "name": "Anna"})
    assert attributes(contact) == {"VIP": True, "SIZE": 3, "TAGS": "a, b", "NAME": "Anna"}


def test_what_was_dropped_without_a_word_is_found():
    assert ignored({"FIRSTNAME": "Anna", "NOSUCH": 1}, HELD) == ["NOSUCH"]
    assert ignored({"FIRSTNAME": "Anna"}, {"attributes": None}) == ["FIRSTNAME"]


@pytest.mark.parametrize(
    ("sent", "held", "is_there"),
    [
        (True, True, True),
        ("yes", True, True),
        ("perhaps", False, False),
        (3, 3, True),
        ("3.0", 3, True),
        (4, 3, False),
        ("Ms", 1, True),
        ("2026-01-31", "2026-01-31", True),
        ("31-01-2026", "2026-01-31", True),
        ("soon", "2026-01-31", False),
        ("+49 30 5550101", "49305550101", True),
    ],
)
def test_an_older_value_in_place_of_one_that_does_not_fit_is_found(sent, held, is_there):
    assert ignored({"X": sent}, {"attributes": {"x": held}}) == ([] if is_there else ["X"])


@pytest.mark.parametrize(
    ("sent", "held", "is_there"),
    [
        ("Anna", " anna ", True),
        ("Anna", "Anne", False),
        ("yes", True, True),
        ("3.0", 3, True),
        ("Ms", 1, False),
        ("31-01-2026", "2026-01-31", True),
        ("+49 (30) 5550101", "49305550101", True),
        ("0049305550101", "49305550101", True),
        ("+49 30 5550102", "49305550101", False),
        ("Room 49305550101", "49305550101", False),
        (["a", "b"], ["a", "b"], True),
    ],
)
def test_after_an_import_any_other_text_is_another(sent, held, is_there):
    given = attributes(Contact("1", {}, {"x": sent}))
    assert ignored(given, {"attributes": {"x": held}}, strictly=True) == ([] if is_there else ["X"])


def test_an_ignored_attribute_is_no_delivery():
    contact = Contact("1", {"email": "anna@example.com"}, {"NOSUCH": "x"})
    vendor = Vendor("brevo", says(201, {"id": 7}), says(200, HELD))
    [outcome] = vendor.provider.upsert([contact])
    assert (outcome.kind, outcome.reason, outcome.field) == ("rejected", "unknown_field", "NOSUCH")


def test_a_known_contact_is_updated_and_keeps_its_id():
    vendor = Vendor("brevo", says(204), says(200, HELD))
    [outcome] = vendor.provider.upsert([ANNA])
    assert (outcome.kind, outcome.external_id) == ("delivered", "7")
    assert vendor.bodies()[0] == {
        "email": "anna@example.com",
        "updateEnabled": True,
        "attributes": {"FIRSTNAME": "Anna"},
    }


def test_who_agreed_for_sure_is_put_on_the_list():
    outcome, asked, vendor = subscribed(ANNA, NOT_THERE, says(201, {"id": 7}))
    assert (outcome.kind, asked[1]) == ("delivered", "POST /v3/contacts")
    assert vendor.bodies()[0]["listIds"] == [2]


@pytest.mark.parametrize(
    ("contact", "held", "config"),
    [
        (UNSURE, NOT_THERE, {}),
        (ANNA, says(200, HELD | {"emailBlacklisted": True}), {}),
        (ANNA, NOT_THERE, {"always_confirm": True}),
    ],
)
def test_who_is_not_sure_or_has_left_is_asked_by_mail(contact, held, config):
    outcome, asked, vendor = subscribed(contact, held, says(201), **config)
    assert (outcome.kind, asked[1:]) == ("delivered", ["POST /v3/contacts/doubleOptinConfirmation"])
    assert vendor.bodies()[0] == {
        "email": "anna@example.com",
        "includeListIds": [2],
        "templateId": 5,
        "redirectionUrl": "https://shop.example.com/thanks",
    }


@pytest.mark.parametrize(
    ("contact", "held", "reason"),
    [
        (UNSURE, NOT_THERE, "needs_double_opt_in"),
        (ANNA, says(200, HELD | {"emailBlacklisted": True}), "unsubscribed_there"),
    ],
)
def test_without_that_mail_nobody_is_subscribed_behind_their_back(contact, held, reason):
    outcome, asked, _ = subscribed(contact, held, template_id=None)
    assert (outcome.kind, outcome.reason) == ("rejected", reason)
    assert len(asked) == 1


def test_a_list_is_needed_and_an_address():
    assert subscribed(ANNA, says(500), list_id=None)[0].reason == "misconfigured"
    assert subscribed(PHONE_ONLY, says(500))[0].reason == "no_identifier"


def test_the_limit_on_contacts_is_read_from_its_own_headers():
    told = {"x_sib_ratelimit_limit": "10", "x_sib_ratelimit_remaining": "3"}
    reply = says(200, {}, **told, x_sib_ratelimit_reset="1")
    assert Brevo.limits(Reply(200, dict(reply.headers), b"")) == Limits(remaining=3, resets_in=1)
    # A window of an hour is that of another part, such as processes: contacts go on.
    hourly = says(200, {}, **told, x_sib_ratelimit_reset="1800")
    assert Brevo.limits(Reply(200, dict(hourly.headers), b"")) is None
    assert Brevo.limits(Reply(200, {}, b"")) is None


def test_the_seconds_to_the_next_window_are_kept():
    vendor = Vendor("brevo", says(429, {"code": "too_many_requests", "message": "x"}, x_sib_ratelimit_reset="38"))
    with pytest.raises(errors.RetryLater) as caught:
        vendor.provider.check()
    assert (caught.value.code, caught.value.after) == ("rate_limited", 38)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": "invalid_parameter", "message": "Invalid email address"}, "invalid_email"),
        ({"code": "duplicate_parameter", "message": "SMS is already associated with +49305550101"}, "conflict"),
        ({"code": "missing_parameter", "message": "anna@example.com"}, "refused"),
    ],
)
def test_refusals_are_named_and_quote_nobody(body, code):
    with pytest.raises(errors.Refused) as caught:
        Vendor("brevo", says(400, body)).provider.upsert([ANNA])
    assert caught.value.code == code
    assert "anna" not in caught.value.words
    assert "4930" not in caught.value.words


def test_attributes_become_fields():
    size, salutation, counted = vendor_fields(
        {
            "attributes": [
                {"name": "SIZE", "category": "normal", "type": "float"},
                {"name": "SALUTATION", "category": "category", "enumeration": [{"value": 1, "label": "Ms"}]},
                {"name": "OPENED", "category": "calculated", "type": "float"},
            ]
        }
    )
    assert (size.type, salutation.type, salutation.options) == ("number", "choice", ("1",))
    assert (size.is_read_only, counted.is_read_only) == (False, True)
