"""A connector's filter is written in words and tried before it is saved."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integrations.models import Connector
from tests.factories import ConnectorFactory, LeadFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_filter_is_tried_on_past_leads_and_then_saved(admin_page: Page, live_server: Any, settings: Any):
    settings.EGRESS_ALLOW = ["127.0.0.1:9"]
    connector = ConnectorFactory(credential__host="127.0.0.1")
    for number in range(5):
        LeadFactory(source={"channel": "web" if number < 2 else "app"})
    page = admin_page
    page.goto(f"{live_server.url}/admin/integrations/connector/{connector.pk}/change/")
    page.get_by_label("Rule 1: what").select_option("channel")
    page.get_by_role("button", name="Try on past leads").click()
    expect(page.get_by_text("Channel: type at least one value")).to_be_visible()
    page.get_by_label("Rule 1: values, one per line").fill("web\nkiosk")
    page.get_by_role("button", name="Try on past leads").click()
    expect(page.get_by_text("Would have sent 2 of the last 5 leads.")).to_be_visible()
    connector.refresh_from_db()
    assert connector.lead_filter == []
    page.locator("button[name=_save], input[name=_save]").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    stored = Connector.objects.get().lead_filter
    assert stored == [{"about": "channel", "test": "any_of", "values": ["web", "kiosk"]}]
