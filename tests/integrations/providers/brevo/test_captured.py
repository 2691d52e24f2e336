"""What Brevo really answered, in our terms."""

import pytest

from integrations.providers import errors
from integrations.providers.base import Contact
from tests.integrations.providers.captured import answer
from tests.integrations.providers.vendors import Vendor

ANNA = Contact("id-anna", {"email": "anna@example.com"}, {"SMS": "+493055501042"})


@pytest.mark.parametrize(
    ("name", "error", "code", "field", "words"),
    [
        ("contact__phone_taken", errors.Refused, "conflict", "SMS", "Another contact has the same SMS."),
        ("contact__phone_taken_unnamed", errors.Refused, "conflict", "", "Another contact has the same details."),
        ("contact__invalid_phone", errors.Refused, "invalid_phone", "SMS", "The phone number is invalid."),
    ],
)
def test_each_refusal_is_named_by_what_to_do_next(name, error, code, field, words):
    with pytest.raises(error) as caught:
        Vendor("brevo", answer("brevo", name)).provider._write(ANNA)
    assert (caught.value.code, caught.value.field, caught.value.words) == (code, field, words)


def test_an_address_of_ours_that_it_does_not_know_is_told():
    with pytest.raises(errors.NotAuthorised) as caught:
        Vendor("brevo", answer("brevo", "request__unknown_address")).provider.check()
    assert "unrecognised IP address 203.0.113.7" in caught.value.words
