"""A person connects systems of the newer vendors, tries them, and a lead arrives."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integrations.drain import drain
from integrations.models import Connector, Delivery
from integrations.services import credential_save
from tests.factories import DeliveryFactory, LeadFactory
from tests.sandbox import KLAVIYO_KEY, SandboxServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def connect(page: Page, url: str, vendor: str, base: str, credential: Any) -> Connector:
    page.goto(f"{url}/admin/integrations/connector/add/?provider={vendor}")
    page.fill("[name=name]", vendor.title())
    page.fill("[name=base_url]", base)
    page.select_option("[name=credential]", str(credential.pk))
    page.locator("[name=_save]").first.click()
    row = Connector.objects.get(provider=vendor)
    page.goto(f"{url}/admin/integrations/connector/{row.pk}/change/")
    page.get_by_role("button", name="Test connection").click()
    return row


@pytest.mark.parametrize(
    ("vendor", "kind", "said"),
    [
        ("salesforce", "Lead", "its Lead has 13 fields"),
        ("klaviyo", "profiles", "it has 2 lists"),
    ],
)
def test_a_system_is_connected_and_a_lead_arrives(
    admin_page: Page, live_server: Any, sandbox: SandboxServer, vendor: str, kind: str, said: str
):
    base = f"{sandbox.url}/{vendor}"
    if vendor == "klaviyo":
        credential = credential_save(name="K", provider=vendor, host="127.0.0.1", secrets={"api_key": KLAVIYO_KEY})
    else:
        told = {"client_id": "sandbox-client", "token_url": f"{base}/services/oauth2/token"}
        credential = credential_save(
            name="S",
            provider=vendor,
            host="127.0.0.1",
            secrets={"client_secret": "sandbox-secret"},
            sign_in="client_credentials",
            settings=told,
        )
    row = connect(admin_page, live_server.url, vendor, base, credential)
    expect(admin_page.get_by_text(said)).to_be_visible()
    DeliveryFactory(connector=row, subject_id=LeadFactory(email="anna@example.com", phone="").pk)
    drain(row.pk)
    assert Delivery.objects.get().state == "delivered"
    assert len(sandbox.rows(vendor, kind)) == 1
