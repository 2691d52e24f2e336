"""A chatbot's developer gets in: a key made by keyboard, each example run as it is shown, the line that turns green."""

import re
import shutil
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from gateway.models import Client, Key, KeyUse, RequestLog
from gateway.services import client_create, key_create, key_rotate
from runtime.clock import db_now
from tests.browser.signing_in import use_theme
from tests.conftest import requires_services

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

COMMANDS = {"curl": ["sh", "-c"], "python": [sys.executable, "-c"], "node": ["node", "--input-type=module", "-e"]}


@pytest.fixture
def client() -> Client:
    return client_create(name="Website bot")[0]


def looks_right(page: Page) -> None:
    """Nothing serious for people who see or move otherwise, and no wider than the screen."""
    found = Axe().run(page).response["violations"]
    bad = [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found if rule["impact"] in {"serious", "critical"}]
    assert not bad, page.url
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, page.url


def press(page: Page, label: str) -> None:
    """Press a link or button by its name, with the keyboard."""
    page.get_by_role("link", name=label).or_(page.get_by_role("button", name=label)).first.focus()
    page.keyboard.press("Enter")


@pytest.mark.parametrize("language", COMMANDS)
def test_an_example_runs_as_it_is_shown_and_turns_the_line_green(
    admin_page: Page, live_server: Any, client: Client, language: str
):
    if shutil.which(COMMANDS[language][0]) is None:
        reason = f"There is no {COMMANDS[language][0]} on this machine."
        pytest.fail(reason) if requires_services() else pytest.skip(reason)
    admin_page.goto(f"{live_server.url}/admin/gateway/client/{client.pk}/change/")
    press(admin_page, "Create key")
    admin_page.get_by_label("Name").fill("checkout server")
    admin_page.keyboard.press("Enter")

    line = admin_page.get_by_role("status").filter(has_text="first call")
    expect(line).to_contain_text("Waiting for the first call")
    example = admin_page.locator(f"#example-{language}").inner_text()
    # As a person copies it from the page: what the template escapes has to come out as it was.
    done = subprocess.run([*COMMANDS[language], example], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\bdeliveries\b|\bneeds_input\b|\bconversation_id\b", done.stdout), done.stdout
    expect(line).to_contain_text("it works")
    expect(line).to_have_class("sb-arrived")
    [call] = RequestLog.objects.filter(client=client)
    assert call.status in {200, 201}
    assert Key.objects.get().uses.get().address == "127.0.0.1"


def test_the_page_says_who_still_uses_the_old_key_and_when_last(admin_page: Page, live_server: Any, client: Client):
    old, _ = key_create(client=client, name="old server")
    now = db_now()
    for address, minutes in (("203.0.113.9", 5), ("2001:db8::7", 180)):
        at = now - timedelta(minutes=minutes, seconds=30)
        KeyUse.objects.create(key=old, address=address, first_at=at - timedelta(days=1), last_at=at)
    key_rotate(key=old, overlap=timedelta(days=7))
    admin_page.goto(f"{live_server.url}/admin/gateway/client/{client.pk}/change/")
    row = admin_page.get_by_role("row").filter(has_text="203.0.113.9")
    expect(row).to_contain_text("being replaced")
    expect(row).to_contain_text("5 minutes ago")
    expect(row).to_contain_text("2001:db8::7 3 hours ago")


def test_pages_about_clients_and_keys_fit_a_phone_in_the_dark(admin_page: Page, live_server: Any, client: Client):
    Client.objects.filter(pk=client.pk).update(
        name="Ein sehr langer Name für einen Chatbot 🤖 <script>alert(1)</script>" * 3,
        networks=["203.0.113.0/24", "2001:db8:1234:5678::/64"],
        networks_report_only=True,
    )
    key, _ = key_create(client=client, name="x" * 80)
    Key.objects.filter(pk=key.pk).update(exposed_at=db_now(), expires_at=db_now() + timedelta(days=3))
    KeyUse.objects.create(
        key=key, address="2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", first_at=db_now(), last_at=db_now()
    )
    ended, _ = key_create(client=client)
    Key.objects.filter(pk=ended.pk).update(expires_at=db_now() - timedelta(seconds=1))
    call = RequestLog.objects.create(
        client=client, request_id="r-1", method="POST", route="/v1/leads", status=400, code="validation_failed",
        duration_ms=3, address="198.51.100.7", request_body='{"a": "' + "x" * 500 + '"}',
    )  # fmt: skip
    use_theme(admin_page, "dark")
    admin_page.set_viewport_size({"width": 360, "height": 780})
    for address in (
        "client/",
        f"client/{client.pk}/change/",
        f"client/{client.pk}/new-key/",
        "key/",
        f"key/{key.pk}/change/",
        f"key/{key.pk}/rotate/",
        f"key/{ended.pk}/change/",
        "requestlog/",
        f"requestlog/{call.pk}/change/",
        "adminnetwork/add/",
    ):
        admin_page.goto(f"{live_server.url}/admin/gateway/{address}")
        looks_right(admin_page)
        if str(ended.pk) in address:
            expect(admin_page.get_by_role("button", name="Revoke")).to_have_count(0)
