"""The provider against the real Tryton server of the package registry, over real HTTP; part of `make conformance`."""

import json
import threading
from decimal import Decimal

import pytest
from django.db import connection

from integrations.drain import drain
from integrations.erasures import erase
from integrations.models import Delivery
from integrations.outbox import ERASE
from integrations.providers import errors
from integrations.providers.base import Contact
from integrations.providers.tryton.records import LEAD, PARTY
from leads.capture import lead_capture
from leads.services import LeadData
from tests.factories import ClientFactory
from tests.integrations.providers.sandboxed import connector_to, provider_of
from tests.integrations.providers.tryton.capture import BEGINNING, FIXTURES, captured, search
from tests.integrations.providers.tryton.server import TrytonServer, database_url

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not database_url(), reason="TEST_DATABASE_URL names no PostgreSQL server to put Tryton on"),
]


@pytest.fixture(scope="module")
def tryton():
    with TrytonServer() as server:
        yield server


@pytest.fixture
def connector(tryton, settings):
    settings.EGRESS_ALLOW = [tryton.egress_allow]
    return connector_of(tryton)


def connector_of(tryton, *, key="", **config):
    row = connector_to(tryton, "tryton", key or tryton.told["key"])
    row.base_url, row.config = tryton.url, {"database": tryton.database, "warehouse": "WH", **config}
    row.operations = ["upsert"]
    row.save()
    return row


def parties(tryton, email):
    mail = [["contact_mechanisms.value", "=", email]]
    fields = ["name", "identifiers.code", "contact_mechanisms.value"]
    return search(tryton, PARTY, mail, fields, limit=50)["body"]


def leads(tryton, lead):
    return search(tryton, LEAD, [["reference", "=", str(lead.pk)]], ["comment", "state", "party"], limit=50)["body"]


def arrive(email, *messages, **values):
    client = ClientFactory()
    return [lead_capture(client=client, data=LeadData(email=email, message=text, **values)).lead for text in messages][
        -1
    ]


def forget(lead, connector):
    erase(subject_kind="lead", subject_id=lead.pk, identifiers={"email": lead.email})
    drain(connector.pk)


def state_of(lead):
    return list(Delivery.objects.filter(subject_id=lead.pk).values_list("operation", "state").order_by("created_at"))


def test_what_was_captured_is_still_what_tryton_answers(tryton):
    """Run first: what the other tests leave behind would be in some of it."""
    now = captured(tryton)
    then = {path.stem: json.loads(path.read_text()) for path in FIXTURES.glob("*.json")}
    assert {name: shape(answer) for name, answer in now.items()} == {name: shape(a) for name, a in then.items()}


def shape(value):
    """Return an answer without its values, of which the days differ."""
    if isinstance(value, dict):
        return {name: shape(inner) if name != "status" else inner for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:3]]
    return type(value).__name__


def test_stock_is_what_can_be_promised(connector):
    provider = provider_of(connector)
    assert (provider.stock("LAMP-01").available, provider.stock("MUG-RED").available) == (10, 112)
    assert (provider.stock("CAP-GREY").available, provider.stock("NOSUCH")) == (0, None)


def test_an_order_is_found_by_either_number(tryton, connector):
    provider = provider_of(connector)
    shipped = provider.order(tryton.told["orders"]["shipped"])
    assert (shipped.status, shipped.email, shipped.total) == ("shipped", "anna@example.com", Decimal("98.00"))
    assert provider.order("1001") == shipped
    assert (provider.order("1002").status, provider.order("1003").status) == ("in preparation", "draft")
    assert (provider.order("SAME"), provider.order("9999")) == (None, None)


def test_articles_and_customers_are_told(connector):
    provider = provider_of(connector)
    lamp = next(item for item in provider.products().items if item.sku == "LAMP-01")
    assert (lamp.price, lamp.currency, lamp.available) == (Decimal("49.00"), "EUR", Decimal(10))
    assert provider.customer("Anna@Example.com").phone == "+493012345678"
    assert provider.customer("a_na@example.com") is None


def test_what_becomes_of_sales_is_told_once_it_is_asked_for(tryton, connector):
    provider = provider_of(connector)
    begun = provider.since("")
    assert list(begun.events) == []
    before = " ".join([BEGINNING.isoformat()] * 3)
    types = [(event.type, event.subject) for event in provider.since(before).events]
    shipped = f"order:{tryton.told['orders']['shipped']}"
    assert {("order.updated", shipped), ("order.shipped", shipped)} <= set(types)
    assert list(provider.since(begun.cursor).events) == []


def test_a_connection_test_says_whose_it_is(tryton, connector):
    assert provider_of(connector).check().words == "Connected to “Shop”; stock and orders can be read."
    assert {"description", "party.name"} <= {field.name for field in provider_of(connector).fields()}


def test_a_wrong_key_a_wrong_database_and_a_wrong_warehouse_are_told(tryton, connector):
    with pytest.raises(errors.NotAuthorised):
        provider_of(connector_of(tryton, key="wrong")).stock("LAMP-01")
    with pytest.raises(errors.Misconfigured, match="database"):
        provider_of(connector_of(tryton, database="no_such_database")).order("1001")
    with pytest.raises(errors.Misconfigured, match="warehouse"):
        provider_of(connector_of(tryton, warehouse="NOWHERE")).check()


def test_a_lead_arrives_and_is_erased(tryton, connector):
    lead = arrive("in@example.com", "Is it in stock?", first_name="Ina", phone="+493012345679")
    drain(connector.pk)
    assert state_of(lead) == [("upsert", "delivered")]
    [party], [there] = parties(tryton, "in@example.com"), leads(tryton, lead)
    assert (party["name"], there["party"], there["state"]) == ("Ina", party["id"], "lead")
    assert there["comment"].endswith("UTC: Is it in stock?")

    forget(lead, connector)
    assert ("erase", "delivered") in state_of(lead)
    assert (parties(tryton, "in@example.com"), leads(tryton, lead)) == ([], [])


def test_a_number_that_tryton_refuses_is_named_and_leaves_nothing_behind(tryton, connector):
    person = Contact("lead-x", {"email": "number@example.com", "phone": "123"}, {"party.name": "Nobody"})
    with pytest.raises(errors.Refused) as caught:
        provider_of(connector).upsert([person])
    assert (caught.value.code, caught.value.field) == ("invalid_phone", "party.phone")
    assert parties(tryton, "number@example.com") == []


def test_one_person_at_the_same_time_over_several_drainers_is_one_party_with_one_lead(tryton, connector):
    lead = arrive("many@example.com", "0")
    said = [str(number) for number in range(1, 9)]
    threads = [threading.Thread(target=_capture_and_drain, args=(connector.pk, text)) for text in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    drain(connector.pk)
    [party], [there] = parties(tryton, "many@example.com"), leads(tryton, lead)
    assert there["party"] == party["id"]
    assert sorted(line.rpartition(": ")[2] for line in there["comment"].split("\n\n")) == ["0", *said]
    assert {state for _, state in state_of(lead)} == {"delivered"}


def _capture_and_drain(connector_id, text):
    try:
        arrive("many@example.com", text)
        drain(connector_id)
    finally:
        connection.close()


def test_a_customer_who_asks_keeps_their_party_as_it_is(tryton, connector):
    lead = arrive("anna@example.com", "Where is it?", first_name="Somebody else")
    drain(connector.pk)
    [there] = leads(tryton, lead)
    assert there["party"] == tryton.told["parties"]["anna"]
    assert "Somebody else" not in [party["name"] for party in parties(tryton, "anna@example.com")]
    forget(lead, connector)
    assert Delivery.objects.get(subject_id=lead.pk, operation=ERASE).reason == "kept_there"
    assert leads(tryton, lead) == []
