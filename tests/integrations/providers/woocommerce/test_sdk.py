"""The sandbox's WooCommerce as its own SDK sees it: woocommerce judges the imitation."""

import pytest

from tests.sandbox import WOOCOMMERCE_KEY, WOOCOMMERCE_SECRET

pytest.importorskip("woocommerce")

from woocommerce import API

from tests.integrations.providers.rerouted import session_to

HOST = "shop.example.com"


@pytest.fixture
def sdk(sandbox, monkeypatch):
    # Over plain HTTP it would sign each request instead of giving the key (OAuth 1).
    session = session_to(HOST, f"{sandbox.url}/woocommerce")
    monkeypatch.setattr("woocommerce.api.request", session.request)
    return API(f"https://{HOST}", WOOCOMMERCE_KEY, WOOCOMMERCE_SECRET, timeout=30)


def test_it_reads_orders_by_id_and_by_what_is_in_them(sdk):
    assert sdk.get("orders/1001").json()["billing"]["email"] == "anna@example.com"
    found = sdk.get("orders", params={"search": "anna@example.com"}).json()
    assert [order["number"] for order in found] == ["1003", "1001"]


def test_it_pages_through_the_catalogue(sdk):
    skus, page = [], 1
    while True:
        reply = sdk.get("products", params={"per_page": 4, "page": page, "_fields": "id,sku"})
        skus += [product["sku"] for product in reply.json()]
        if page >= int(reply.headers["X-WP-TotalPages"]):
            break
        page += 1
    assert (page, len(skus), reply.headers["X-WP-Total"]) == (2, 6, "6")
    assert [one["sku"] for one in sdk.get("products/12/variations").json()] == ["LAMP-02-BR", "LAMP-02-BK"]


def test_it_finds_articles_by_sku_and_customers_by_address(sdk):
    assert [one["id"] for one in sdk.get("products", params={"sku": "LAMP-01,GIFT-50"}).json()] == [11, 14]
    assert sdk.get("customers", params={"email": "cleo@example.com"}).json() == []
    assert [one["id"] for one in sdk.get("customers", params={"email": "*@example.com", "role": "all"}).json()] == [
        25,
        26,
    ]


def test_it_reads_refusals(sdk):
    unknown, wrong, away = sdk.get("orders/1"), sdk.get("products", params={"per_page": 101}), sdk.get("nosuch")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "woocommerce_rest_shop_order_invalid_id")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "rest_invalid_param")
    assert (away.status_code, away.json()["code"]) == (404, "rest_no_route")
    sdk.consumer_secret = "cs_other"
    assert sdk.get("orders").json()["data"]["status"] == 401
