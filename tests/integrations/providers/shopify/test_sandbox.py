"""Shopify against the sandbox, over real HTTP: alone, by look-ups and by the drainer."""

from decimal import Decimal

import pytest

from integrations import credentials, lookups
from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.drain import drain
from integrations.models import Delivery
from integrations.providers import errors
from tests.factories import ConnectorFactory, CredentialFactory, DeliveryFactory, LeadFactory
from tests.integrations.providers.shopify.test_records import ANNA
from tests.sandbox import SHOPIFY_TOKEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector(sandbox):
    credential = CredentialFactory.build(provider="shopify", host="127.0.0.1")
    credentials.seal(credential, {"api_key": SHOPIFY_TOKEN})
    credential.save()
    return ConnectorFactory(
        provider="shopify", base_url=sandbox.shopify_url, credential=credential, operations=["upsert"]
    )


@pytest.fixture
def shop(connector):
    return open_provider(connector, CallLog(connector))


def test_it_connects(shop):
    assert "Lamps & Mugs" in shop.check().words


def test_stock_is_summed_over_locations_and_what_is_alike_is_something_else(shop):
    assert shop.stock("LAMP-01").available == 5
    found = shop.stock("LAMP-02")
    assert (found.name, found.available, found.price) == ("Floor lamp, Brass", 0, Decimal("149.00"))
    assert shop.stock("LAMP-0") is None
    assert shop.stock("GIFT-50") is None
    assert shop.stock('x" OR sku:"LAMP-01') is None
    with pytest.raises(errors.Refused) as caught:
        shop.stock("TWIN")
    assert caught.value.code == "ambiguous"


def test_orders_are_found_with_and_without_the_sign(shop):
    assert [shop.order(number).status for number in ("1001", "#1002", "1003", "1004")] == [
        "shipped",
        "confirmed",
        "delivered",
        "cancelled",
    ]
    assert shop.order("9999") is None


def test_the_whole_catalogue_is_told_page_by_page(shop):
    found, cursor = [], ""
    while True:
        page = shop.products(cursor)
        found += page.items
        cursor = page.next_cursor
        if not cursor:
            break
    assert [product.sku for product in found] == ["LAMP-01", "LAMP-02", "LAMP-02-B", "GIFT-50", "TWIN", "TWIN"]
    assert (found[0].currency, found[3].available) == ("EUR", None)


def test_a_customer_is_written_subscribed_unsubscribed_and_forgotten(sandbox, shop):
    [first], [second] = shop.upsert([ANNA]), shop.upsert([ANNA])
    assert first.external_id == second.external_id
    assert (shop.customer("ANNA@example.com").first_name, shop.customer("anna@example.com").orders) == ("Anna", 2)
    for ask, state in ((shop.subscribe, "SUBSCRIBED"), (shop.unsubscribe, "UNSUBSCRIBED")):
        assert [outcome.kind for outcome in ask([ANNA])] == ["delivered"]
        assert [row["state"] for row in sandbox.rows("shopify", "customers")] == [state]
    assert shop.subscribe([ANNA])[0].reason == "unsubscribed_there"
    assert shop.erase(ANNA).kind == shop.erase(ANNA).kind == "delivered"
    assert sandbox.rows("shopify", "customers") == []
    assert shop.customer("anna@example.com") is None


@pytest.mark.parametrize(
    ("dial", "error", "code"),
    [
        ({"status": 503, "retry_after": "7"}, errors.RetryLater, "retry_later"),
        ({"rate_limit": {"requests": 0, "window_ms": 3_000}}, errors.RetryLater, "rate_limited"),
        ({"status": 401}, errors.NotAuthorised, "not_authorised"),
        ({"reset": "before"}, errors.OutcomeUnknown, "no_answer"),
        ({"garbage": True}, errors.RetryLater, "garbled_reply"),
        ({"partial": {"emails": ["anna@example.com"]}}, errors.Refused, "invalid_email"),
    ],
)
def test_faults_are_named_by_what_to_do_next(sandbox, shop, dial, error, code):
    sandbox.fault(vendor="shopify", **dial)
    with pytest.raises(error) as caught:
        shop.upsert([ANNA])
    assert (type(caught.value), caught.value.code) == (error, code)


@pytest.mark.django_db(transaction=True)
@pytest.mark.db
def test_leads_arrive_and_questions_are_answered(sandbox, connector):
    lead = LeadFactory(email="anna@example.com", first_name="Anna")
    DeliveryFactory(connector=connector, subject_id=lead.pk)
    drain(connector.pk)
    assert Delivery.objects.get().state == "delivered"
    [row] = sandbox.rows("shopify", "customers")
    assert (row["email"], row["firstName"]) == ("anna@example.com", "Anna")
    assert lookups.order("1001", deadline=5).value.email == "anna@example.com"
    assert lookups.stock("LAMP-01", deadline=5).value.available == 5
    found = lookups.customer(" Anna@Example.com ", deadline=5)
    assert (found.value.first_name, found.cache) == ("Anna", "miss")
    assert lookups.customer("anna@example.com", deadline=5).cache == "hit"
    assert lookups.customer("nobody@example.com", deadline=5).value is None
