"""Odoo against the sandbox, over real HTTP."""

from decimal import Decimal

import pytest

from integrations import credentials
from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.providers import errors
from tests.factories import ConnectorFactory, CredentialFactory
from tests.sandbox import ODOO_KEY

pytestmark = pytest.mark.django_db


def opened(sandbox, key=ODOO_KEY):
    credential = CredentialFactory.build(provider="odoo", host="127.0.0.1")
    credentials.seal(credential, {"api_key": key})
    credential.save()
    connector = ConnectorFactory(provider="odoo", base_url=sandbox.odoo_url, credential=credential)
    return open_provider(connector, CallLog(connector))


@pytest.fixture
def odoo(sandbox):
    return opened(sandbox)


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


def test_a_connection_test_reads_what_look_ups_need(odoo):
    assert odoo.check().words == "Connected to Odoo as user 2; stock and orders can be read."


def test_a_wrong_key_is_told(sandbox):
    with pytest.raises(errors.NotAuthorised, match="Invalid apikey"):
        opened(sandbox, "wrong-key").check()


def test_another_server_at_the_address_is_told(sandbox):
    connector = ConnectorFactory(provider="odoo", base_url=f"{sandbox.url}/nothing-here")
    with pytest.raises(errors.Misconfigured, match="Odoo 19"):
        open_provider(connector, CallLog(connector)).check()
