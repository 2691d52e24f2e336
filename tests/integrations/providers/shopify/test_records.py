"""What Shopify's answers and messages mean."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from integrations.providers.base import Contact, Shipment, Statement
from integrations.providers.errors import Refused, RetryLater
from integrations.providers.shopify.graphql import limits, quoted
from tests.integrations.providers.shopify.signing import received
from tests.integrations.providers.vendors import Vendor, says

FIXTURES = Path(__file__).parent / "fixtures"
AGREED = Statement(granted=True, at=datetime(2026, 11, 23, tzinfo=UTC))
ANNA = Contact("1", {"email": "anna@example.com"}, {"firstName": "Anna"}, statement=AGREED)


def captured(name):
    return json.loads((FIXTURES / name).read_text())


def told(name):
    event = name.removeprefix("event_").partition("__")[0]
    message = received((FIXTURES / name).read_bytes(), "secret", event)
    return Vendor("shopify", says(500)).provider.parse(message)


def test_an_order_has_its_parcels_and_what_was_called_off_counts_for_nothing():
    order = Vendor("shopify", says(200, captured("order__delivered.json"))).provider.order("#1001")
    assert (order.number, order.status, order.email) == ("1001", "delivered", "anna@example.com")
    assert (order.total, order.currency) == (Decimal("129.9"), "EUR")
    assert order.shipments == [Shipment("1Z2345", "UPS", "delivered")]


def test_an_order_of_another_name_is_not_told():
    assert Vendor("shopify", says(200, captured("order__delivered.json"))).provider.order("100") is None


def test_over_the_cost_limit_it_says_when_there_is_room_again():
    reply = says(200, captured("problem__throttled.json"))
    with pytest.raises(RetryLater) as caught:
        Vendor("shopify", reply).provider.stock("LAMP-01")
    assert (caught.value.code, caught.value.after) == ("rate_limited", 1.0)


def test_costs_are_told_as_requests_that_are_left():
    class Answer:
        body = json.dumps(captured("order__delivered.json")).encode()

    found = limits(Answer())
    assert (found.remaining, found.is_over) == (62, False)


def test_a_phone_that_is_taken_is_said_without_the_phone():
    with pytest.raises(Refused) as caught:
        Vendor("shopify", says(200, captured("customer__phone_taken.json"))).provider.upsert([ANNA])
    assert (caught.value.code, caught.value.field) == ("conflict", "phone")
    assert "0101" not in caught.value.words


def test_a_missing_scope_is_named():
    denied = {"errors": [{"message": "x", "extensions": {"code": "ACCESS_DENIED"}}]}
    with pytest.raises(Refused) as caught:
        Vendor("shopify", says(200, denied)).provider.order("1001")
    assert caught.value.code == "forbidden"


def test_a_field_that_a_customer_does_not_have_is_not_sent():
    vendor = Vendor("shopify", says(500))
    with pytest.raises(Refused) as caught:
        vendor.provider.upsert([replace(ANNA, fields={"shoeSize": 42})])
    assert (caught.value.code, caught.value.field, vendor.requests) == ("unknown_field", "shoeSize", [])


@pytest.mark.parametrize(
    ("state", "statement", "kind", "reason"),
    [
        ("UNSUBSCRIBED", AGREED, "rejected", "unsubscribed_there"),
        ("NOT_SUBSCRIBED", replace(AGREED, is_confirmed=False), "rejected", "needs_double_opt_in"),
        ("NOT_SUBSCRIBED", None, "rejected", "needs_double_opt_in"),
        ("SUBSCRIBED", AGREED, "delivered", ""),
    ],
)
def test_nobody_is_subscribed_against_their_will(state, statement, kind, reason):
    person = {"id": "gid://shopify/Customer/1", "defaultEmailAddress": {"marketingState": state}}
    vendor = Vendor("shopify", says(200, {"data": {"customerByIdentifier": person}}))
    [outcome] = vendor.provider.subscribe([replace(ANNA, statement=statement)])
    assert (outcome.kind, outcome.reason) == (kind, reason)
    assert not any("mutation" in body["query"] for body in vendor.bodies())


def test_of_two_orders_with_one_name_none_is_told():
    told = captured("order__delivered.json")
    told["data"]["orders"]["nodes"] *= 2
    with pytest.raises(Refused) as caught:
        Vendor("shopify", says(200, told)).provider.order("1001")
    assert caught.value.code == "ambiguous"


@pytest.mark.parametrize("code", ["DOES_NOT_EXIST", "FAILED_TO_ERASE"])
def test_who_is_gone_meanwhile_counts_as_erased_and_nobody_else(code):
    person = says(200, {"data": {"customerByIdentifier": {"id": "gid://shopify/Customer/1"}}})
    refused = {"userErrors": [{"field": ["customerId"], "message": "x", "code": code}]}
    shop = Vendor("shopify", person, says(200, {"data": {"customerRequestDataErasure": refused}})).provider
    if code == "DOES_NOT_EXIST":
        assert shop.erase(ANNA).kind == "delivered"
    else:
        with pytest.raises(Refused):
            shop.erase(ANNA)


def test_a_message_is_told_apart_by_its_id_and_else_by_what_it_says():
    body = (FIXTURES / "event_orders_fulfilled__one_parcel.json").read_bytes()
    message, shop = received(body, "secret", "orders_fulfilled"), Vendor("shopify", says(500)).provider

    def id_of(message, id):
        headers = {**message.headers, "X-Shopify-Webhook-Id": id}
        return shop.parse(replace(message, headers=headers))[0].dedupe_id

    other = replace(message, body=body.replace(b"#1001", b"#1002"))
    assert id_of(message, "a") == id_of(other, "a") != id_of(message, "b")
    assert id_of(message, "") == id_of(message, "x" * 200) != id_of(other, "")


def test_a_phrase_can_not_end_itself():
    assert quoted('a" OR sku:"b\\') == '"a\\" OR sku:\\"b\\\\"'


def test_events_are_told_in_our_words():
    [shipped] = told("event_orders_fulfilled__one_parcel.json")
    assert (shipped.type, shipped.subject) == ("order.shipped", "order:1001")
    assert (shipped.data["tracking_number"], shipped.data["carrier"]) == ("1Z2345", "UPS")
    assert shipped.occurred_at == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    [cancelled] = told("event_orders_cancelled__by_customer.json")
    assert cancelled.type == "order.cancelled"
    changed = told("event_products_update__two_variants.json")
    assert [event.subject for event in changed] == ["product:LAMP-01", "product:LAMP-02"]
    [left] = told("event_customers_email_marketing_consent_update__unsubscribed.json")
    assert (left.type, left.subject) == ("contact.unsubscribed", "contact:706405506930370084")
    assert (left.data["email"], left.data["purpose"]) == ("anna@example.com", "email_marketing")
