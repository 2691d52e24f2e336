"""What answers of all shapes tell."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.providers.base import Order
from integrations.providers.errors import Misconfigured, OutcomeUnknown, ProviderError, Refused
from tests.integrations.providers.rest.definitions import CUSTOMER, ORDER, STOCK, WRITE, config
from tests.integrations.providers.vendors import Vendor, says

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["data", "number", "state", "x"]), inner)
    ),
    max_leaves=12,
)


def asks(endpoint, body, status=200):
    return Vendor("rest", says(status, body), config=config(endpoint)).provider


def order_of(**fields):
    return {"data": {"number": "1001", "state": "open", **fields}}


def test_an_order_is_read():
    body = order_of(
        created_at="2026-11-20T09:30:00Z", total="48.40", currency="EUR", customer={"email": "A@example.com"}
    )
    body["data"]["parcels"] = [{"tracking_number": "1", "carrier": "DHL"}, {"tracking_number": 2, "carrier": "UPS"}]
    order = asks(ORDER, body).order("1001")
    assert (order.status, order.total, order.email) == ("confirmed", Decimal("48.40"), "A@example.com")
    assert order.placed_at == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    assert [(each.tracking_number, each.carrier) for each in order.shipments] == [("1", "DHL"), ("2", "UPS")]


@given(JSON)
def test_any_answer_is_an_order_or_none_or_an_error(body):
    try:
        found = asks(ORDER, body).order("1001")
    except ProviderError:
        return
    assert found is None or (isinstance(found, Order) and found.number.casefold() == "1001")


def test_an_answer_about_another_order_is_none():
    assert asks(ORDER, order_of(number="1002")).order("1001") is None


def test_of_a_list_the_record_that_was_asked_for_counts():
    endpoint = {**ORDER, "record": "orders"}
    body = {"orders": [{"number": "1002", "state": "sent"}, {"number": "1001", "state": "done"}]}
    assert asks(endpoint, body).order("1001").status == "delivered"
    assert asks(endpoint, {"orders": []}).order("1001") is None


def test_of_several_that_do_not_say_which_they_are_none_is_taken():
    endpoint = {**STOCK, "record": "items", "answer": [{"field": "available", "source": "n"}]}
    assert asks(endpoint, {"items": [{"n": 3}]}).stock("A").available == 3
    with pytest.raises(Refused) as caught:
        asks(endpoint, {"items": [{"n": 3}, {"n": 4}]}).stock("A")
    assert caught.value.code == "ambiguous"


@pytest.mark.parametrize(
    ("change", "status", "body"),
    [
        ({}, 404, {"code": "not_found"}),
        ({"missing_status": [410]}, 410, {}),
        ({}, 204, None),
        ({}, 200, {"data": None}),
        ({}, 200, {}),
        ({"missing_if": "found == `false`", "record": ""}, 200, {"found": False, "number": "1001", "state": "open"}),
        ({"missing_if": "!count", "record": ""}, 200, {"number": "1001", "state": "open"}),
    ],
)
def test_that_it_is_not_known_is_said_as_defined(change, status, body):
    assert asks({**ORDER, **change}, body, status).order("1001") is None


def test_a_success_that_failed_inside_is_a_failure():
    with pytest.raises(Refused) as caught:
        asks({**ORDER, "failed_if": "errors"}, {**order_of(), "errors": [{"message": "anna@example.com"}]}).order(
            "1001"
        )
    assert caught.value.code == "failed_inside"
    assert "anna" not in caught.value.words


def test_a_state_nobody_translated_is_said_and_one_that_is_translated_counts():
    with pytest.raises(Refused) as caught:
        asks(ORDER, order_of(state="Z9")).order("1001")
    assert caught.value.code == "unknown_status"
    rows = [{"field": "status", "source": "state", "function": "enum", "argument": "Z9 = delivered"}]
    assert asks({**ORDER, "answer": rows}, order_of(state="Z9")).order("1001").status == "delivered"


def test_a_customer_is_who_has_the_address_whole():
    provider = asks(CUSTOMER, {"items": [{"id": 7, "email": "Anna@Example.com", "name": {"first": "Anna"}}]})
    assert provider.customer("anna@example.com").record_id == "7"
    assert asks(CUSTOMER, {"items": [{"id": 7, "email": "joanna@example.com"}]}).customer("anna@example.com") is None
    rows = [{"field": "record_id", "source": "id"}]
    assert asks({**CUSTOMER, "answer": rows}, {"items": [{"id": 7}]}).customer("anna@example.com") is None


@pytest.mark.parametrize("available", [None, True, "", "many", [], {}, "NaN", "Infinity"])
def test_stock_that_is_no_number_is_none(available):
    body = {"item": {"code": "A", "title": "Lamp", "available": available}}
    assert asks(STOCK, body).stock("A") is None


def test_an_expression_that_grows_out_of_hand_is_stopped():
    grown = {**ORDER, "record": "|".join(["[@,@]"] * 40)}
    with pytest.raises(Misconfigured, match="too big"):
        asks(grown, order_of()).order("1001")


def test_many_records_share_the_time_of_one(monkeypatch):
    ticks = iter(range(10_000))
    monkeypatch.setattr("integrations.mapping.time.monotonic", lambda: next(ticks) * 0.01)
    rows = [{"field": "number", "source": "number || ''"}, {"field": "status", "source": "state || ''"}]
    with pytest.raises(Misconfigured, match="too long"):
        asks({**ORDER, "record": "orders", "answer": rows}, {"orders": [{"number": str(n)} for n in range(100)]}).order(
            "1"
        )


def test_a_change_may_be_answered_by_nothing():
    told = {"order_number": "R-1001", "reason": "small"}
    assert asks({**WRITE, "failed_if": "errors"}, b"", 204).call("announce_return", told, "k") is None


def test_a_change_that_leads_elsewhere_may_be_done():
    told = {"order_number": "R-1001", "reason": "small"}
    with pytest.raises(OutcomeUnknown, match="redirect"):
        asks(WRITE, {}, 303).call("announce_return", told, "k")
