"""What an administrator may define, and what a value may do to an address: nothing but fill its place."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.providers.base import ContactSink, InventorySource, Operations, OrderSource, SchemaSource
from integrations.providers.endpoint_checks import check_endpoint
from integrations.providers.endpoints import Endpoint, Unfit, fits_address, nested
from integrations.providers.errors import Misconfigured
from integrations.providers.registry import provider_class
from tests.integrations.providers.rest.definitions import CUSTOMER, EVERY, LEAD, ORDER, READ, STOCK, WRITE, config
from tests.integrations.providers.vendors import Vendor, says

NASTY = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="./\\%25eEfF?#&=\r\n\t @:;{}", max_size=30),
    st.sampled_from(
        ["..", "../x", "%2e%2e", "%252e%252e/x", "a/../b", "a\r\nHost: x", "x?y=1", "x#y", "//evil", "{sku}"]
    ),
)


@given(NASTY)
def test_a_value_fills_its_place_and_nothing_else(value):
    vendor = Vendor("rest", says(404), config=config(STOCK))
    assert vendor.provider.stock(value) is None
    for request in vendor.requests:
        found = re.fullmatch(rb"/v1/items/([A-Za-z0-9_.~%-]+)/stock", request.url.raw_path)
        assert found
        assert unquote(found[1].decode()) == value.encode("utf-8", "replace").decode()
        assert request.url.host == "vendor.example.com"
    assert bool(vendor.requests) == fits_address(value)


@given(NASTY)
def test_a_value_in_a_query_stays_one_value(value):
    vendor = Vendor("rest", says(200, {"stores": []}), config=config(READ))
    vendor.provider.call("opening_hours", {"town": value}, "")
    for request in vendor.requests:
        assert request.url.path == "/v1/stores"
        assert [name for name, _ in request.url.params.multi_items()] in ([], ["town"])


@given(NASTY)
def test_no_value_reaches_the_log_of_calls(value):
    vendor = Vendor("rest", says(404), config=config(STOCK))
    vendor.provider.stock(value)
    assert {call.url for call in vendor.calls.rows} <= {"https://vendor.example.com/v1/items/{sku}/stock"}


@pytest.mark.parametrize(
    "value", ["..", ".", "%2e%2e", "%252E%252e", "a/../b", "a\\..\\b", "x\r\ny", "\x00", "", "x" * 255]
)
def test_a_value_that_could_lead_elsewhere_is_never_sent(value):
    endpoint = Endpoint.of(STOCK)
    with pytest.raises(Unfit) as caught:
        endpoint.address({"sku": value})
    assert str(caught.value) == "sku"


@pytest.mark.parametrize("stored", EVERY, ids=[each["name"] for each in EVERY])
def test_what_is_stored_is_read_back(stored):
    endpoint = Endpoint.of(stored)
    check_endpoint(endpoint)
    assert Endpoint.of(endpoint.stored()) == endpoint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "v1/orders"}, "begins with one"),
        ({"path": "//evil.example/x"}, "begins with one"),
        ({"path": "/a/../b"}, "no “.” or “..”"),
        ({"path": "/a/%2e%2e/b"}, "no “.” or “..”"),
        ({"path": "/a?x=1"}, "begins with one"),
        ({"path": "/a/{nosuch}"}, "is not known here"),
        ({"path": "/a/{number"}, "not closed"),
        ({"method": "TRACE"}, "The method is one of"),
        ({"method": "DELETE"}, "A look-up is"),
        ({"name": "Get order"}, "A name has"),
        ({"use": "nosuch"}, "what it is used for"),
        ({"body": [{"field": "x", "source": "number"}]}, "A GET has no body"),
        ({"answer": [{"field": "nosuch", "source": "x"}]}, "is nothing an answer is read as"),
        ({"answer": [{"field": "status", "source": "a["}]}, "cannot be evaluated"),
        ({"record": "data["}, "cannot be evaluated"),
        ({"query": [{"field": "a\r\nb", "source": "number"}]}, "name of a parameter"),
        ({"headers": {"Host": "evil.example"}}, "is set by itself"),
        ({"headers": {"Content-Length": "0"}}, "is set by itself"),
        ({"headers": {"X-Forwarded-For": "10.0.0.1"}}, "is set by itself"),
        ({"headers": {"Authorization": "Bearer x"}}, "looks like a secret"),
        ({"headers": {"X-Api-Key": "x"}}, "looks like a secret"),
        ({"headers": {"X-Version": "1\r\nHost: evil"}}, "plain characters"),
        ({"headers": {"X Version": "1"}}, "name of a header"),
        ({"idempotency_header": "Host"}, "is set by itself"),
    ],
)
def test_what_can_not_work_or_could_do_harm_is_refused(change, said):
    with pytest.raises(Misconfigured) as caught:
        check_endpoint(Endpoint.of({**ORDER, **change}))
    assert said in caught.value.words


@pytest.mark.parametrize(
    "stored",
    [
        {**CUSTOMER, "has_personal_address": False},
        {**CUSTOMER, "has_personal_address": False, "query": [{"field": "q", "source": "join('', [@.email])"}]},
        {**CUSTOMER, "has_personal_address": False, "query": [{"field": "q", "source": "values(@)"}]},
        {**LEAD, "path": "/v1/contacts/{email}"},
        {**LEAD, "query": [{"field": "q", "source": "id", "function": "concat", "argument": "last_name"}]},
        {**READ, "arguments": {"email": "Whose?"}, "query": [], "path": "/v1/{email}"},
    ],
)
def test_somebodys_data_in_an_address_has_to_be_allowed(stored):
    with pytest.raises(Misconfigured, match="hold somebody"):
        check_endpoint(Endpoint.of(stored))
    check_endpoint(Endpoint.of({**stored, "has_personal_address": True}))


def test_fields_with_dots_become_an_object():
    fields = {
        "email": "a@example.com",
        "name.first": "Anna",
        "name.last": "Berg",
        "phones[0].number": 1,
        "tags[0]": "x",
    }
    assert nested(fields) == {
        "email": "a@example.com",
        "name": {"first": "Anna", "last": "Berg"},
        "phones": [{"number": 1}],
        "tags": ["x"],
    }


@pytest.mark.parametrize(
    "names",
    [("a", "a.b"), ("a.b", "a"), ("a[0]", "a.b"), ("a.b", "a[0]"), ("a[1]",), ("a[0].b", "a[0].b.c"), ("a[0]", "a[0]")],
)
def test_fields_that_contradict_each_other_are_refused(names):
    with pytest.raises(Misconfigured):
        check_endpoint(Endpoint.of({**WRITE, "body": [{"field": name, "source": "reason"} for name in names]}))


def test_a_connector_can_do_what_its_endpoints_define_and_no_more():
    rest = provider_class("rest")
    assert issubclass(rest, ContactSink)
    stock = rest.configured(config(STOCK))
    assert issubclass(stock, InventorySource)
    assert not issubclass(stock, ContactSink | OrderSource | Operations)
    assert not issubclass(rest.configured({}), InventorySource)
    leads = rest.configured(config({**LEAD, "fields": [{"name": "email", "type": "text"}]}))
    assert issubclass(leads, ContactSink)
    assert issubclass(leads, SchemaSource)
    assert (leads.effect, leads.has_idempotency_key) == ("at_least_once", True)
    assert leads.default_mapping == LEAD["suggested"]
    assert rest.configured(config({**LEAD, "effect": "upsert"})).effect == "upsert"


def test_what_is_stored_in_a_wrong_shape_defines_nothing():
    rest = provider_class("rest")
    for wrong in (None, 5, "x", {}, [None, 5, [], {}, {"use": "nosuch"}, {"use": 5}]):
        assert not issubclass(rest.configured({"endpoints": wrong}), InventorySource)
