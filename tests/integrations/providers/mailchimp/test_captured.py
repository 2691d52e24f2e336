"""What Mailchimp really answered, in our terms."""

import pytest

from integrations.providers import errors
from integrations.providers.base import Contact
from integrations.providers.mailchimp.members import member_hash
from integrations.providers.subscribing import LEFT_THERE
from tests.integrations.providers.captured import answer
from tests.integrations.providers.vendors import Vendor

ANNA = Contact("id-anna", {"email": "anna@example.com"}, {"FNAME": "Anna"})


def vendor(name):
    return Vendor("mailchimp", answer("mailchimp", name), config={"list_id": "3f2a91bc07"})


def test_a_member_is_known_by_the_hash_of_their_address():
    [outcome] = vendor("member__subscribed").provider.upsert([ANNA])
    assert (outcome.kind, outcome.external_id) == ("delivered", member_hash("anna@example.com"))


def test_a_merge_field_the_audience_lacks_goes_without_a_word():
    [outcome] = vendor("member__subscribed").provider.upsert([Contact("id", ANNA.values, {"NOSUCH": "x"})])
    assert (outcome.kind, outcome.reason, outcome.field) == ("rejected", "unknown_field", "NOSUCH")


@pytest.mark.parametrize(
    ("name", "code"), [("member__in_compliance_state", LEFT_THERE), ("member__not_removable", "refused")]
)
def test_each_refusal_is_named_by_what_to_do_next(name, code):
    with pytest.raises(errors.Refused) as caught:
        vendor(name).provider.erase(ANNA)
    assert caught.value.code == code
    assert "anna" not in caught.value.words
