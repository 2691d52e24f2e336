"""What people do in the admin, done in a real browser against real vendors' addresses."""

import json
import re
import urllib.request
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from gateway.services import client_create
from integrations.drain import drain
from integrations.models import Connector
from integrations.services import credential_save
from tests.browser.signing_in import use_theme
from tests.config.admin_rows import MARK, hostile_rows
from tests.factories import ConnectorFactory
from tests.sandbox import HUBSPOT_TOKEN, SandboxServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def connector(sandbox: SandboxServer) -> Connector:
    secrets = {"api_key": HUBSPOT_TOKEN}
    credential = credential_save(name="HubSpot key", provider="hubspot", host="127.0.0.1", secrets=secrets)
    row: Connector = ConnectorFactory(name="HubSpot", base_url=sandbox.hubspot_url, credential=credential)
    return row


def capture(url: str, key: str, **lead: Any) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{url}/v1/leads",
        json.dumps(lead).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        stored: dict[str, Any] = json.load(answer)
    return stored


def test_a_connector_is_edited_and_tested_and_a_lead_is_seen_arriving(
    admin_page: Page, live_server: Any, connector: Connector, sandbox: SandboxServer
):
    page = admin_page
    client_create(name="Website bot")

    page.get_by_role("link", name="Connectors", exact=True).click()
    page.get_by_role("link", name="HubSpot", exact=True).click()
    page.get_by_label("Name").fill("HubSpot sales")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator("h1")).to_contain_text("HubSpot sales")

    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Connected to")).to_be_visible()

    page.get_by_role("link", name="Clients", exact=True).click()
    page.get_by_role("link", name="Website bot").click()
    page.get_by_role("link", name="Create key").click()
    page.get_by_role("button", name="Create key").click()
    key = page.locator("#key-text").inner_text()
    expect(page.get_by_text("Waiting for the first call")).to_be_visible()

    capture(live_server.url, key, email="anna@example.com", first_name="Anna", message="Do you deliver on Sundays?")
    expect(page.get_by_text("it works")).to_be_visible(timeout=15_000)
    drain(connector.pk)
    assert [contact["properties"]["email"] for contact in sandbox.contacts()] == ["anna@example.com"]

    page.get_by_role("link", name="Leads", exact=True).click()
    page.get_by_role("link", name="Anna", exact=True).click()
    expect(page.get_by_text("In HubSpot sales.")).to_be_visible()
    expect(page.get_by_text("Do you deliver on Sundays?")).to_be_visible()
    expect(page.get_by_text("delivered in")).to_be_visible()

    page.get_by_role("link", name="request and answer").click()
    expect(page.get_by_text("Request body")).to_be_visible()
    assert "anna@example.com" not in page.content()
    assert HUBSPOT_TOKEN not in page.content()


def test_a_wrong_key_is_explained_and_a_new_one_sends_what_waited(
    admin_page: Page, live_server: Any, connector: Connector, sandbox: SandboxServer
):
    from gateway.services import key_create

    credential_save(
        name="HubSpot key",
        provider="hubspot",
        host="127.0.0.1",
        secrets={"api_key": "pat-wrong"},
        credential=connector.credential,
    )
    _, key = key_create(client=client_create(name="Website bot")[0])
    capture(live_server.url, key, email="anna@example.com")
    drain(connector.pk)

    page = admin_page
    page.goto(f"{live_server.url}/admin/")
    expect(page.get_by_text("no longer accepts the stored key")).to_be_visible()
    page.get_by_role("link", name="Enter a new key").click()
    page.get_by_label("Key or access token").fill(HUBSPOT_TOKEN)
    page.get_by_role("button", name="Save", exact=True).click()

    page.get_by_role("link", name="Connectors", exact=True).click()
    page.get_by_role("link", name="HubSpot", exact=True).click()
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Connected to")).to_be_visible()
    drain(connector.pk)
    page.goto(f"{live_server.url}/admin/")
    expect(page.get_by_text("Nothing needs you.")).to_be_visible()
    assert len(sandbox.contacts()) == 1


PAGES = [
    "/admin/",
    "/admin/leads/lead/",
    "/admin/integrations/delivery/",
    "/admin/integrations/connector/add/?provider=hubspot",
    "/admin/gateway/client/add/",
    "/admin/engine/intent/add/",
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_fit_a_small_screen_and_run_nothing_hostile(admin_page: Page, live_server: Any, theme: Any):
    page = admin_page
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if MARK in message.text else None)
    rows = [row for row in hostile_rows() if row._meta.label != "auth.Group"]
    shown = [f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/" for row in rows]
    use_theme(page, theme)
    page.set_viewport_size({"width": 360, "height": 780})
    for address in [*PAGES, *shown]:
        page.goto(live_server.url + address)
        too_wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert too_wide <= 0, address
        assert page.evaluate("document.documentElement.classList.contains('dark')") is (theme == "dark")
    assert not said


def test_pages_are_for_everybody(admin_page: Page, live_server: Any):
    """Nothing serious or critical in axe's rules, on the pages that are ours to lay out."""
    page = admin_page
    rows = [row for row in hostile_rows() if row._meta.label not in {"gateway.User"}]
    shown = [f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/" for row in rows]
    for address in [*PAGES, *shown]:
        page.goto(live_server.url + address)
        found = Axe().run(page).response["violations"]
        bad = [
            f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found if rule["impact"] in {"serious", "critical"}
        ]
        assert not bad, address


def test_a_destructive_button_asks_once(live_server: Any, admin_page: Page):
    from tests.factories import DeliveryFactory

    page = admin_page
    delivery = DeliveryFactory(state="needs_you", reason="refused")
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    page.goto(f"{live_server.url}/admin/integrations/delivery/{delivery.pk}/change/")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled.")).to_be_visible()
    assert len(asked) == 1
    assert re.search("will not be sent", asked[0])


def test_the_home_page_works_with_the_keyboard_alone(live_server: Any, admin_page: Page, connector: Connector):
    page = admin_page
    page.goto(f"{live_server.url}/admin/")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Pause":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_text("is paused. What is captured waits")).to_be_visible()
