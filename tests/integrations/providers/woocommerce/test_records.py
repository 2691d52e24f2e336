"""What WooCommerce's answers and messages mean."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from integrations.providers.base import Shipment
from integrations.providers.errors import BadSignature, Misconfigured, NotAuthorised, Refused
from tests.integrations.providers.signing import SECRET
from tests.integrations.providers.vendors import Vendor, says
from tests.integrations.providers.woocommerce.signing import received

FIXTURES = Path(__file__).parent / "fixtures"
EURO = says(200, {"code": "EUR"})


def captured(name):
    return json.loads((FIXTURES / name).read_text())


def told(name, **changed):
    body = {**captured(name), **changed}
    message = received(json.dumps(body).encode(), SECRET, name.removeprefix("event_").partition("__")[0])
    return Vendor("woocommerce", says(500)).provider.parse(message)


def test_an_order_has_its_parcels_and_its_times_are_utc():
    order = Vendor("woocommerce", says(200, captured("order__completed.json"))).provider.order("#1001")
    assert (order.number, order.status, order.email) == ("1001", "shipped", "anna@example.com")
    assert (order.total, order.currency) == (Decimal("129.90"), "EUR")
    assert order.placed_at == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    assert order.shipments == [Shipment("JD0146", "dhl-de")]


def test_an_id_that_is_not_the_number_is_another_order():
    other = {**captured("order__completed.json"), "number": "2077"}
    vendor = Vendor("woocommerce", says(200, other), says(200, [other]))
    assert vendor.provider.order("1001") is None


def test_of_people_only_what_is_needed_is_asked_for():
    vendor = Vendor("woocommerce", says(200, captured("order__completed.json")))
    vendor.provider.order("1001")
    assert "address" not in vendor.requests[0].url.params["_fields"]
    assert "billing.email" in vendor.requests[0].url.params["_fields"]


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("checkout-draft", "draft"),
        ("pending", "draft"),
        ("failed", "draft"),
        ("on-hold", "confirmed"),
        ("processing", "in preparation"),
        ("partial-shipped", "partly shipped"),
        ("completed", "shipped"),
        ("delivered", "delivered"),
        ("refunded", "cancelled"),
        ("at-the-engraver", "confirmed"),
    ],
)
def test_every_status_is_one_of_ours(status, ours):
    order = {**captured("order__completed.json"), "status": status}
    assert Vendor("woocommerce", says(200, order)).provider.order("1001").status == ours


def test_an_order_that_is_not_there_is_not_an_error_and_a_wrong_address_is():
    unknown, nothing = says(404, captured("order__unknown.json")), says(200, [])
    assert Vendor("woocommerce", unknown, nothing).provider.order("1001") is None
    with pytest.raises(Misconfigured, match="permalinks"):
        Vendor("woocommerce", says(404, captured("request__no_route.json"))).provider.order("1001")


def test_stock_that_is_shared_and_on_backorder_is_none_to_promise():
    vendor = Vendor("woocommerce", says(200, captured("products__variation_by_sku.json")), EURO)
    stock = vendor.provider.stock("LAMP-02")
    assert (stock.name, stock.available, stock.price) == ("Floor lamp – Brass & oak", 0, 149)
    assert stock.currency == "EUR"


@pytest.mark.parametrize(
    ("changed", "available"),
    [
        ({"manage_stock": False, "stock_quantity": None, "stock_status": "instock"}, None),
        ({"manage_stock": False, "stock_quantity": 7, "stock_status": "instock"}, None),
        ({"manage_stock": False, "stock_quantity": None, "stock_status": "outofstock"}, 0),
        ({"manage_stock": True, "stock_quantity": 2.5, "stock_status": "instock"}, Decimal("2.5")),
    ],
)
def test_what_is_not_counted_is_not_promised(changed, available):
    [record] = captured("products__variation_by_sku.json")
    stock = Vendor("woocommerce", says(200, [{**record, **changed}]), EURO).provider.stock("LAMP-02")
    assert (stock.available if stock else None) == available


def test_of_two_orders_with_one_number_and_two_articles_with_one_sku_none_is_told():
    order = {**captured("order__completed.json"), "number": "W-7"}
    [article] = captured("products__variation_by_sku.json")
    for answer, ask in (([order] * 2, lambda p: p.order("w-7")), ([article] * 2, lambda p: p.stock("LAMP-02"))):
        with pytest.raises(Refused) as caught:
            ask(Vendor("woocommerce", says(200, answer)).provider)
        assert caught.value.code == "ambiguous"


def test_the_catalogue_goes_on_and_a_product_has_many_variations():
    [variation] = captured("products__variation_by_sku.json")
    parent = {"id": 12, "name": "Floor lamp", "type": "variable", "sku": "LAMP"}
    two_pages = {"X_WP_TotalPages": "2"}
    vendor = Vendor(
        "woocommerce",
        says(200, [parent], **two_pages),
        EURO,
        says(200, [{**variation, "sku": "A"}], **two_pages),
        says(200, [{**variation, "sku": "B"}], **two_pages),
    )
    page = vendor.provider.products()
    assert ([article.sku for article in page.items], page.next_cursor) == (["A", "B"], "2")
    assert [request.url.params.get("page") for request in vendor.requests] == ["1", None, "1", "2"]
    last = Vendor("woocommerce", says(200, [], **two_pages)).provider.products("2")
    assert (list(last.items), last.next_cursor) == ([], "")


def test_a_customer_is_compared_whole():
    vendor = Vendor("woocommerce", says(200, captured("customers__by_email.json")))
    assert vendor.provider.customer("*@example.com") is None
    assert vendor.provider.customer(" Anna@example.com ").record_id == "25"
    assert vendor.requests[0].url.params["role"] == "all"


@pytest.mark.parametrize(
    ("fixture", "words"),
    [("request__key_not_seen.json", "Authorization header"), ("request__wrong_secret.json", "authentication_error")],
)
def test_a_key_that_did_not_arrive_is_told_apart_from_a_wrong_one(fixture, words):
    with pytest.raises(NotAuthorised, match=words):
        Vendor("woocommerce", says(401, captured(fixture))).provider.check()


def test_a_page_that_is_no_number_is_refused_and_not_asked_for():
    vendor = Vendor("woocommerce", says(500))
    with pytest.raises(Refused) as caught:
        vendor.provider.products("abc")
    assert (caught.value.code, vendor.requests) == ("stale_cursor", [])


def test_an_order_that_was_sent_is_told_so_once_however_often_it_changes_after():
    updated, shipped = told("event_order.updated__completed.json")
    assert (updated.type, shipped.type, shipped.subject) == ("order.updated", "order.shipped", "order:1001")
    assert (shipped.data["tracking_number"], shipped.data["carrier"]) == ("JD0146", "dhl-de")
    assert updated.occurred_at == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    later, again = told("event_order.updated__completed.json", date_modified_gmt="2026-11-25T08:00:00")
    assert (updated.dedupe_id != later.dedupe_id, shipped.dedupe_id == again.dedupe_id) == (True, True)
    _, anew = told("event_order.updated__completed.json", date_completed_gmt="2026-11-26T08:00:00")
    assert shipped.dedupe_id != anew.dedupe_id


def test_an_order_goes_by_its_number_and_a_cancelled_one_is_told_so():
    [paid] = told("event_order.created__paid.json")
    assert (paid.type, paid.subject, paid.data["record_id"]) == ("order.created", "order:W-1002", "2002")
    updated, cancelled = told("event_order.updated__cancelled.json")
    assert (updated.type, cancelled.type) == ("order.updated", "order.cancelled")


def test_a_sale_changes_the_article_and_its_stock():
    changed, stock = told("event_product.updated__sold.json")
    assert (changed.type, changed.subject) == ("product.changed", "product:LAMP-01")
    assert (stock.type, stock.subject, stock.data["available"]) == ("stock.changed", "stock:LAMP-01", "4")
    assert [event.type for event in told("event_product.updated__sold.json", manage_stock=False)] == ["product.changed"]


def test_customers_come_and_go():
    [created] = told("event_customer.created__at_checkout.json")
    assert (created.type, created.data["email"]) == ("contact.changed", "anna@example.com")
    [deleted] = told("event_customer.deleted__account_closed.json")
    assert (deleted.type, deleted.subject, dict(deleted.data)) == ("contact.deleted", "contact:26", {"record_id": "26"})


def test_what_the_same_second_brings_is_told_apart():
    """WooCommerce makes a delivery's id of the webhook and the second."""
    one, other = told("event_order.created__paid.json"), told("event_order.created__paid.json", id=2003, number="W-3")
    assert one[0].dedupe_id != other[0].dedupe_id


def test_what_two_topics_say_of_one_moment_is_told_twice():
    body = (FIXTURES / "event_order.created__paid.json").read_bytes()
    shop = Vendor("woocommerce", says(500)).provider
    ids = {shop.parse(received(body, SECRET, topic))[0].dedupe_id for topic in ("order.created", "order.updated")}
    assert len(ids) == 2


def test_the_unsigned_call_at_a_webhooks_making_only_looks():
    shop = Vendor("woocommerce", says(500)).provider
    ping = received(b"webhook_id=7", SECRET, "order.created")
    assert not shop.is_probe(ping)
    del ping.headers["X-WC-Webhook-Signature"]
    assert shop.is_probe(ping)
    for body in (b"webhook_id=7&status=completed", b"webhook_id=", b'{"id": 7}', b""):
        assert not shop.is_probe(replace(ping, body=body))
    with pytest.raises(BadSignature):
        shop.verify(ping, [SECRET])
