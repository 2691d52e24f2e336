"""A person connects an API that nobody knew, by its own description: uploaded, picked, looked over, tried."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integrations import lookups
from integrations.drain import drain
from integrations.models import Connector, Delivery
from integrations.services import credential_save
from tests.factories import DeliveryFactory, LeadFactory
from tests.integrations.test_openapi import DOCUMENT
from tests.sandbox import REST_KEY, SandboxServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def connected(page: Page, url: str, base: str) -> Connector:
    credential = credential_save(name="K", provider="rest", host="127.0.0.1", secrets={"api_key": REST_KEY})
    page.goto(f"{url}/admin/integrations/connector/add/?provider=rest")
    page.fill("[name=name]", "Back office")
    page.fill("[name=base_url]", base)
    page.select_option("[name=credential]", str(credential.pk))
    page.fill("[name=config_check_path]", "/v1/me")
    page.locator("[name=_save]").first.click()
    return Connector.objects.get(provider="rest")


def pick(page: Page, url: str, connector: Connector, operation: str) -> None:
    page.goto(f"{url}/admin/integrations/connector/{connector.pk}/endpoints/pick/")
    page.get_by_label("Search operations").fill(operation)
    page.get_by_role("button", name="Search").click()
    page.locator(".sb-table a").first.click()


def test_an_api_is_connected_by_its_own_description(admin_page: Page, live_server: Any, sandbox: SandboxServer):
    page, url = admin_page, live_server.url
    connector = connected(page, url, f"{sandbox.url}/rest")
    page.goto(f"{url}/admin/integrations/connector/{connector.pk}/change/")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("The API answers and takes the key.")).to_be_visible()

    # Upload the description, pick an operation.
    page.get_by_role("link", name="Endpoints").click()
    page.set_input_files("[name=file]", DOCUMENT)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("9 operations")).to_be_visible()
    pick(page, url, connector, "get order")

    # What its names tell is filled in; try it, then keep it.
    expect(page.locator("[name=path]")).to_have_value("/v1/orders/{number}")
    page.fill("[name=sample-number]", "R-1001")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("It was found, and this is what we read.")).to_be_visible()
    expect(page.locator("dd", has_text="shipped")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("“Get an order” is defined.")).to_be_visible()
    found = lookups.order("R-1001", deadline=10)
    assert found.value is not None
    assert (found.source, found.value.email) == ("Back office", "anna@example.com")

    # A lead is written once that is defined and ticked.
    pick(page, url, connector, "create a contact")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("This would be sent")).to_be_visible()
    assert sandbox.rows("rest", "contacts") == []
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(f"{url}/admin/integrations/connector/{connector.pk}/change/")
    page.get_by_label("Write leads as contacts, new or changed").check()
    page.locator("[name=_save]").first.click()
    connector.refresh_from_db()
    assert connector.operations == ["upsert"]
    DeliveryFactory(connector=connector, subject_id=LeadFactory(email="anna@example.com", first_name="Anna").pk)
    drain(connector.pk)
    assert Delivery.objects.get().state == "delivered"
    [row] = sandbox.rows("rest", "contacts")
    assert (row["email"], row["name"]["first"]) == ("anna@example.com", "Anna")
