"""What Shopify really answered, in our terms."""

from dataclasses import replace

import pytest

from integrations.providers import errors
from integrations.providers.base import Statement
from tests.integrations.providers.captured import answer, reply
from tests.integrations.providers.shopify.test_records import AGREED, ANNA
from tests.integrations.providers.vendors import Vendor

ID = "gid://shopify/Customer/10541442138418"
LEFT = replace(ANNA, statement=Statement(granted=False, at=AGREED.at))


def vendor(*names):
    return Vendor("shopify", *(answer("shopify", name) for name in names))


def test_a_customer_is_written_subscribed_and_forgotten():
    assert [outcome.external_id for outcome in vendor("customer_set__created").provider.upsert([ANNA])] == [ID]
    asked = vendor("customer__not_subscribed", "consent__noted")
    assert [(outcome.kind, outcome.external_id) for outcome in asked.provider.subscribe([ANNA])] == [("delivered", ID)]
    asked = vendor("customer__not_subscribed", "erasure__requested")
    assert asked.provider.erase(ANNA).kind == "delivered"


@pytest.mark.parametrize(
    ("name", "error", "code", "words"),
    [
        ("customer_set__phone_taken", errors.Refused, "conflict", "Another customer has this phone."),
        ("customer_set__not_found", errors.Refused, "not_found", "Shopify refused it (not_found)."),
        ("request__invalid_variable", errors.Refused, "refused", "Shopify refused the request (INVALID_VARIABLE)."),
        ("request__access_denied", errors.Refused, "forbidden", "The token lacks the access scope read_orders."),
        ("consent__state_not_to_be_entered", errors.Refused, "refused", "Shopify refused the request (INVALID)."),
    ],
)
def test_each_refusal_is_named_by_what_to_do_next(name, error, code, words):
    with pytest.raises(error) as caught:
        vendor(name).provider.upsert([ANNA])
    assert (type(caught.value), caught.value.code, caught.value.words) == (error, code, words)


def test_a_consent_of_a_later_time_than_theirs_is_refused():
    with pytest.raises(errors.Refused) as caught:
        vendor("customer__not_subscribed", "consent__in_the_future").provider.subscribe([ANNA])
    assert (caught.value.code, caught.value.field) == ("invalid", "consentUpdatedAt")


def test_who_is_gone_in_the_meantime_has_withdrawn_and_is_forgotten():
    asked = vendor("customer__not_subscribed", "consent__no_customer")
    assert [outcome.kind for outcome in asked.provider.unsubscribe([LEFT])] == ["delivered"]
    assert vendor("customer__not_subscribed", "erasure__no_customer").provider.erase(ANNA).kind == "delivered"
    with pytest.raises(errors.Refused) as caught:
        vendor("customer__not_subscribed", "consent__no_customer").provider.subscribe([ANNA])
    assert caught.value.code == "does_not_exist"


def test_an_answer_without_costs_tells_no_limit():
    shopify = vendor("request__invalid_variable").provider
    assert type(shopify).limits(reply("shopify", "request__invalid_variable")) is None
