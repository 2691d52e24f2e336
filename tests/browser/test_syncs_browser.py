"""A connector's page is watched in a real browser while existing leads go out."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integrations.drain import drain
from integrations.models import Connector, Delivery
from integrations.services import credential_save
from tests.factories import ConnectorFactory, DeliveryFactory, LeadFactory
from tests.sandbox import HUBSPOT_TOKEN, SandboxServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def connector(sandbox: SandboxServer) -> Connector:
    credential = credential_save(
        name="HubSpot key", provider="hubspot", host="127.0.0.1", secrets={"api_key": HUBSPOT_TOKEN}
    )
    row: Connector = ConnectorFactory(name="HubSpot", base_url=sandbox.hubspot_url, credential=credential)
    return row


def test_existing_leads_are_seen_going_out(admin_page: Page, live_server: Any, connector: Connector):
    page = admin_page
    for _ in range(3):
        LeadFactory()
    page.get_by_role("link", name="Syncs", exact=True).click()
    page.get_by_role("link", name="HubSpot", exact=True).click()
    expect(page.get_by_role("progressbar")).to_be_hidden()
    page.get_by_role("button", name="Send all existing leads").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_text("0 of 3 leads looked at")).to_be_visible()

    drain(connector.pk)
    expect(page.get_by_text("Finished: 3 of 3 leads looked at")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_hidden()
    expect(page.locator("[data-figure=delivered_today]")).to_have_text("3")
    page.get_by_role("link", name="Show it as it is now").click()
    expect(page.get_by_role("button", name="Send all existing leads")).to_be_visible()


def test_a_server_that_does_not_answer_is_said(admin_page: Page, live_server: Any, connector: Connector):
    page = admin_page
    page.goto(f"{live_server.url}/admin/integrations/sync/{connector.pk}/change/")
    page.route("**/figures/", lambda route: route.abort())
    expect(page.get_by_text("These figures are not up to date")).to_be_visible()
    page.unroute("**/figures/")
    expect(page.get_by_text("These figures are not up to date")).to_be_hidden()


def test_a_field_is_left_out_from_the_home_page(admin_page: Page, live_server: Any, connector: Connector):
    page = admin_page
    refused = {"state": "needs_you", "reason": "unknown_field", "field": "company", "vendor_words": "No such property"}
    row = DeliveryFactory(connector=connector, **refused)
    page.goto(f"{live_server.url}/admin/")
    expect(page.get_by_text("No such property")).to_be_hidden()
    page.get_by_text("What HubSpot said").click()
    expect(page.get_by_text("No such property")).to_be_visible()
    page.get_by_role("button", name="Leave the field out").click()
    expect(page.get_by_text("“company” is no longer sent to HubSpot.")).to_be_visible()
    drain(connector.pk)
    assert Delivery.objects.get(pk=row.pk).state == "delivered"
