"""Odoo against the sandbox, over real HTTP, by either of its APIs: alone and by the drainer."""

from datetime import timedelta
from decimal import Decimal

import pytest

from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.drain import drain
from integrations.erasures import erase
from integrations.models import Call, Delivery
from integrations.providers import errors
from tests.factories import ConnectorFactory, DeliveryFactory, LeadFactory
from tests.integrations.providers.odoo.test_leads import agreed, contact
from tests.integrations.providers.sandboxed import Faults, connector_to, provider_of
from tests.sandbox import ODOO_KEY

pytestmark = pytest.mark.django_db

NEW = {"mailing_list": "Newsletter"}
OLD = {**NEW, "version": "17", "database": "sandbox", "user": "shopbotly"}


@pytest.fixture(params=[NEW, OLD], ids=["json2", "jsonrpc"])
def connector(sandbox, request):
    return connector_to(sandbox, "odoo", ODOO_KEY, request.param)


@pytest.fixture
def odoo(connector):
    return provider_of(connector)


def leads(sandbox):
    return sandbox.rows("odoo", "crm.lead")


def entries(sandbox, email):
    people = {row["id"] for row in sandbox.rows("odoo", "mailing.contact") if row["email"] == email}
    return [row["opt_out"] for row in sandbox.rows("odoo", "mailing.subscription") if row["contact_id"][0] in people]


def test_stock_is_what_can_be_promised(odoo):
    stock = odoo.stock("MUG-RED")
    assert (stock.sku, stock.available, stock.price, stock.currency) == (
        "MUG-RED",
        Decimal("112.0"),
        Decimal("9.5"),
        "EUR",
    )
    assert stock.record_id.startswith("product.product/")
    assert odoo.stock("NOSUCH") is None


@pytest.mark.parametrize("number", ["S00041", "1001"])
def test_an_order_is_found_by_either_number_with_customer_and_tracking(odoo, number):
    order = odoo.order(number)
    assert (order.number, order.status, order.email) == ("S00041", "shipped", "anna@example.com")
    assert [shipment.tracking_number for shipment in order.shipments] == ["XYZ-987"]
    assert order.placed_at.tzinfo is not None
    assert order.total == Decimal("68.0")


def test_an_order_without_parcels_has_none(odoo):
    assert odoo.order("1003").shipments == []
    assert odoo.order("S00045").status == "draft"
    assert odoo.order("9999") is None


def test_articles_and_customers_are_told(odoo):
    page = odoo.products()
    assert (len(page.items), page.items[0].sku, page.items[0].available) == (12, "MUG-RED", Decimal(112))
    assert odoo.customer("ANNA@example.com").phone == "+49 30 5550101"
    assert odoo.customer("nobody@example.com") is None


def test_a_connection_test_says_what_can_be_read(odoo):
    assert odoo.check().words == "Connected to Odoo as user 2, who can read stock, orders, leads, mailing lists."
    assert {"name", "contact_name", "phone"} <= {field.name for field in odoo.fields()}


@pytest.mark.parametrize("config", [NEW, OLD])
def test_a_wrong_key_is_told(sandbox, config):
    with pytest.raises(errors.NotAuthorised):
        provider_of(connector_to(sandbox, "odoo", "wrong-key", config)).check()


def test_another_server_or_another_odoo_at_the_address_is_told(sandbox):
    connector = ConnectorFactory(provider="odoo", base_url=f"{sandbox.url}/nothing-here")
    with pytest.raises(errors.Misconfigured, match="version right"):
        open_provider(connector, CallLog(connector)).check()
    with pytest.raises(errors.ProviderError):
        provider_of(connector_to(sandbox, "odoo", ODOO_KEY, {**OLD, "database": "nosuch"})).check()


def test_a_lead_is_made_once_and_gets_each_question_once(sandbox, odoo):
    [first] = odoo.upsert([contact("Is it in stock?")])
    [second] = odoo.upsert([contact("Is it in stock?", "And in red?")])
    [lead] = leads(sandbox)
    assert first == second
    assert (lead["referred"], lead["email_normalized"], lead["contact_name"]) == (
        "ShopBotly lead-1",
        "anna@example.com",
        "Anna",
    )
    assert lead["description"].count("stock?") == 1
    assert "And in red?" in lead["description"]


def test_a_mapped_field_that_is_not_there_is_named(odoo):
    person = contact("Hello")
    person.fields["x_nosuch"] = "x"
    with pytest.raises(errors.Refused) as caught:
        odoo.upsert([person])
    assert (caught.value.code, caught.value.field) == ("unknown_field", "x_nosuch")


def test_who_agrees_is_subscribed_and_who_left_is_not(sandbox, odoo):
    assert odoo.subscribe([agreed()])[0].kind == "delivered"
    assert odoo.subscribe([agreed()])[0].kind == "delivered"
    assert entries(sandbox, "anna@example.com") == [False]
    for left in ("carla@example.com", "dmitri@example.com"):
        person = contact(email=left, statement=agreed().statement)
        assert odoo.subscribe([person])[0].reason == "unsubscribed_there"
    odoo.unsubscribe([contact()])
    assert entries(sandbox, "anna@example.com") == [True]
    assert odoo.subscribe([agreed()])[0].reason == "unsubscribed_there"


def test_who_is_forgotten_is_gone_but_for_what_odoo_keeps(sandbox, odoo):
    odoo.upsert([contact("Hello", email="new@example.com")])
    odoo.subscribe([contact(email="new@example.com", statement=agreed().statement)])
    assert odoo.erase(contact(email="new@example.com")).kind == "delivered"
    assert (leads(sandbox), entries(sandbox, "new@example.com")) == ([], [])
    assert odoo.erase(contact()).reason == "kept_there"


def test_no_traceback_and_no_key_is_kept(connector):
    calls = CallLog(connector)
    person = contact("Hello")
    person.fields["x_nosuch"] = "x"
    with pytest.raises(errors.Refused):
        open_provider(connector, calls).upsert([person])
    kept = " ".join(f"{row.request_body} {row.response_body} {row.error}" for row in calls.rows)
    assert "x_nosuch" in kept
    assert "Traceback" not in kept
    assert ODOO_KEY not in kept
    assert "anna@example.com" not in kept


@pytest.mark.django_db(transaction=True)
@pytest.mark.db
def test_an_answer_that_never_came_makes_no_second_lead(sandbox, monkeypatch):
    for module in ("packing", "deliveries"):
        monkeypatch.setattr(f"integrations.{module}.UNANSWERED_WAIT", timedelta(0))
    connector = connector_to(sandbox, "odoo", ODOO_KEY, NEW)
    connector.operations = ["upsert"]
    connector.save()
    lead = LeadFactory(email="new@example.com", first_name="Nora")
    DeliveryFactory(connector=connector, subject_id=lead.pk)
    sandbox.fault(vendor="odoo", path="/json/2/crm.lead/create", reset="after", count=1)
    drain(connector.pk)
    assert (Delivery.objects.get().state, len(leads(sandbox))) == ("waiting", 1)
    Delivery.objects.update(due_at=Delivery.objects.get().created_at)
    drain(connector.pk)
    assert Delivery.objects.get().state == "delivered"
    assert [row["email_normalized"] for row in leads(sandbox)] == ["new@example.com"]
    erase(subject_kind="lead", subject_id=lead.pk, identifiers={"email": lead.email})
    drain(connector.pk)
    assert leads(sandbox) == []
    assert not Call.objects.filter(response_body__contains="Traceback").exists()


class TestFaults(Faults):
    vendor = "odoo"
    test_over_the_limit_it_waits = None  # It has no limit of its own.

    @pytest.fixture
    def provider(self, odoo):
        return odoo

    def ask(self, provider):
        return provider.stock("MUG-RED")
