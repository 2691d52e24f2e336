"""What HubSpot really answered, in our terms."""

import pytest

from integrations.providers import errors
from integrations.providers.base import Contact, Limits
from integrations.providers.hubspot.provider import HubSpot
from tests.integrations.providers.captured import answer, reply
from tests.integrations.providers.vendors import Vendor

ANNA = Contact("id-anna", {"email": "anna@example.com"}, {})


def vendor(name):
    return Vendor("hubspot", answer("hubspot", name))


@pytest.mark.parametrize(
    ("name", "error", "code", "field"),
    [
        ("request__forbidden", errors.Refused, "forbidden", ""),
        ("contact__conflict", errors.Refused, "conflict", ""),
        ("contact__invalid_email", errors.Refused, "invalid_email", "email"),
        ("contact__unknown_property", errors.Refused, "unknown_field", "nosuch"),
    ],
)
def test_each_refusal_is_named_by_what_to_do_next(name, error, code, field):
    with pytest.raises(error) as caught:
        vendor(name).provider.upsert([ANNA])
    assert (caught.value.code, caught.value.field) == (code, field)
    assert "anna" not in caught.value.words.lower()


def test_what_right_is_missing_is_told():
    with pytest.raises(errors.Refused) as caught:
        vendor("request__forbidden").provider.fields()
    assert "requires one of [contacts-read]" in caught.value.words


def test_a_page_that_says_there_is_nobody_is_success_for_who_is_to_be_forgotten():
    assert vendor("contact__unknown").provider.erase(ANNA).kind == "delivered"


def test_every_answer_tells_window_and_day():
    for name in ("contact__unknown", "contacts__archived", "request__forbidden"):
        told = Limits(requests=100, seconds=10.0, remaining=95, daily=250_000, daily_remaining=249_829)
        assert HubSpot.limits(reply("hubspot", name)) == told


def test_properties_are_fields():
    fields = {field.name: field for field in vendor("properties__some").provider.fields()}
    assert {name: (field.type, field.is_read_only) for name, field in fields.items()} == {
        "address": ("text", False),
        "closedate": ("datetime", False),
        "createdate": ("datetime", True),
        "currentlyinworkflow": ("boolean", True),
        "days_to_close": ("number", True),
    }
