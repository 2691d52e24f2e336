import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks import reading

GUIDE = {"event": "order_shipped", "customer_id": "12345", "tracking_number": "XYZ-987"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def test_the_guides_event_becomes_a_shipped_order():
    read = reading.read("Shop", GUIDE)

    assert read.type == "order.shipped"
    assert read.data == {"source": "Shop", "customer_id": "12345", "tracking_number": "XYZ-987"}


def test_an_order_number_becomes_the_subject():
    read = reading.read("Shop", {**GUIDE, "order_number": "S00042"})

    assert read.subject == "order:S00042"


@pytest.mark.parametrize("name", ["order_shipped", "order.shipped", "Order Shipped", "order/shipped", "ORDER-SHIPPED"])
def test_a_name_may_be_spelled_as_senders_do(name):
    assert reading.read("Shop", {"event": name}).type == "order.shipped"


@pytest.mark.parametrize(
    ("source", "name", "type"),
    [
        ("My Shop", "cart_abandoned", "webhook.my-shop.cart.abandoned"),
        ("order", "shipped", "webhook.order.shipped"),
        ("日本", "x", "webhook.source.x"),
        ("Shop", "a\r\nb <script>", "webhook.shop.a.b.script"),
        ("Shop", "x" * 5_000, "webhook.shop." + "x" * 51),
    ],
)
def test_an_unknown_name_is_kept_under_its_source(source, name, type):
    body = {"event": name, "total": 5}

    read = reading.read(source, body)

    assert read.type == type
    assert read.data == {"source": source, "body": body}


@pytest.mark.parametrize(
    "body", [[], [GUIDE], "order_shipped", 5, None, True, {}, {"event": ""}, {"event": 5}, {"event": "…"}]
)
def test_what_has_no_name_is_not_readable_and_says_why(body):
    with pytest.raises(reading.Unreadable) as caught:
        reading.read("Shop", body)

    assert str(caught.value).endswith((".", "}."))


@given(JSON, st.text(max_size=30))
def test_types_and_subjects_fit_their_columns_whatever_arrives(body, source):
    try:
        read = reading.read(source, body)
    except reading.Unreadable:
        return
    assert len(read.type) <= reading.LONGEST_TYPE
    assert read.type.isascii()
    assert len(read.subject) <= 128


def key(body, header=None):
    return reading.dedupe_key(header, body, json.dumps(body).encode())


def test_the_senders_own_id_tells_events_apart():
    assert key(GUIDE, "msg_1") == key({"event": "other"}, "msg_1") == "header:msg_1"
    assert key({**GUIDE, "event_id": "e1"}) == key({"event_id": "e1"}) == "body:e1"
    assert key({**GUIDE, "id": 7}) == key({"event": "order_shipped", "id": 7}) == "body:order_shipped:7"
    assert key(GUIDE) != key({**GUIDE, "tracking_number": "XYZ-988"})


def test_an_orders_id_does_not_make_its_events_the_same():
    assert key({"id": 7, "status": "paid"}) != key({"id": 7, "status": "sent"})
    assert key({"event": "order_paid", "id": 7}) != key({"event": "order_sent", "id": 7})


def test_an_id_from_one_place_never_equals_one_from_another():
    assert key({"event_id": "a"}) != key({}, "a")


@given(JSON, st.none() | st.text(max_size=300))
def test_a_key_fits_its_column_whatever_arrives(body, header):
    made = reading.dedupe_key(header, body, b"raw")

    assert 0 < len(made) <= reading.LONGEST_KEY
    assert made.isascii()
    assert made.isprintable()
