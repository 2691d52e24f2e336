"""WooCommerce against the sandbox, over real HTTP: alone and by look-ups."""

from decimal import Decimal

import pytest

from integrations import lookups
from integrations.providers.errors import NotAuthorised
from tests.integrations.providers.sandboxed import Faults, connector_to, provider_of
from tests.sandbox import WOOCOMMERCE_KEY, WOOCOMMERCE_SECRET

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector(sandbox):
    return connector_to(sandbox, "woocommerce", WOOCOMMERCE_SECRET, username=WOOCOMMERCE_KEY)


@pytest.fixture
def shop(connector):
    return provider_of(connector)


def test_it_connects(shop):
    assert "sells in EUR" in shop.check().words


@pytest.mark.parametrize(
    ("key", "secret", "words"), [("ck_other", WOOCOMMERCE_SECRET, "header"), (WOOCOMMERCE_KEY, "x", "authentication")]
)
def test_a_wrong_key_is_said_so(sandbox, key, secret, words):
    with pytest.raises(NotAuthorised, match=words):
        provider_of(connector_to(sandbox, "woocommerce", secret, username=key)).check()


def test_stock_of_articles_and_variations_is_found_by_sku(shop):
    assert shop.stock("LAMP-01").available == 5
    assert shop.stock("LAMP-02-BK").available == 0
    found = shop.stock("SET, LARGE")
    assert (found.name, found.price, found.currency) == ("Lamps & shades", Decimal("199.00"), "EUR")
    assert shop.stock("OLD-01").available == 0
    for unknown in ("LAMP", "GIFT-50", "SOON-01", "LAMP-01,LAMP-02"):
        assert shop.stock(unknown) is None


def test_orders_are_found_by_their_number_not_their_id(shop):
    assert [shop.order(number).status for number in ("1001", "#1002", "1003", "1004", "w-1005")] == [
        "shipped",
        "in preparation",
        "delivered",
        "cancelled",
        "draft",
    ]
    assert [(shop.order(number).record_id) for number in ("1007", "1008")] == ["1006", "1007"]
    assert shop.order("1001").shipments[0].tracking_number == "JD0146"
    assert shop.order("1006") is None
    assert shop.order("9999") is None


def test_the_whole_catalogue_is_told_with_its_variations(shop):
    page = shop.products()
    found = {product.sku: product for product in page.items}
    assert list(found) == ["LAMP-01", "LAMP-02-BR", "LAMP-02-BK", "GIFT-50", "OLD-01", "SET, LARGE"]
    assert (found["LAMP-02-BR"].name, found["LAMP-02-BR"].available) == ("Floor lamp, Brass", 0)
    assert (found["GIFT-50"].available, found["GIFT-50"].currency, page.next_cursor) == (None, "EUR", "")


def test_who_only_has_an_account_is_a_customer_too(shop):
    assert shop.customer("ANNA@example.com").first_name == "Anna"
    assert shop.customer("cleo@example.com").record_id == "26"
    assert shop.customer("nobody@example.com") is None
    assert shop.customer("*@example.com") is None


class TestFaults(Faults):
    vendor = "woocommerce"

    @pytest.fixture
    def provider(self, shop):
        return shop

    def ask(self, provider):
        return provider.order("1001")


@pytest.mark.django_db(transaction=True)
@pytest.mark.db
def test_questions_are_answered(connector):
    assert lookups.order("1001", deadline=5).value.email == "anna@example.com"
    assert lookups.stock("LAMP-01", deadline=5).value.available == 5
    assert lookups.customer(" Anna@Example.com ", deadline=5).value.first_name == "Anna"
