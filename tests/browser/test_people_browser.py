"""Signing in and looking after people in a real browser: by keyboard, on a small screen, with nothing blocked."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django_otp.oath import totp
from playwright.sync_api import Page, expect

from gateway.authenticators import Authenticator
from gateway.models import AuditEntry
from gateway.people import person_role_set
from tests.browser.signing_in import sign_in, use_theme
from tests.config.admin_rows import hostile_rows
from tests.factories import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"


@pytest.fixture
def blocked(page: Page) -> Any:
    """What the browser's policy has kept from happening; a test ends with nothing in it."""
    found: list[str] = []
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation', "
        "(event) => console.error('blocked', event.effectiveDirective, event.sourceFile, event.lineNumber))"
    )
    page.on(
        "console",
        lambda said: (
            found.append(f"{page.url} {said.text}")
            if "blocked" in said.text or "Content Security Policy" in said.text
            else None
        ),
    )
    yield found
    assert not found


def person(name: str = "anna") -> Any:
    made = UserFactory(username=name, is_superuser=False)
    made.set_password(PASSWORD)
    made.save()
    person_role_set(person=made, role="Administrator")
    return made


def looks_right(page: Page) -> None:
    """Nothing serious for people who see or move otherwise, and no wider than the screen."""
    found = Axe().run(page).response["violations"]
    bad = [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found if rule["impact"] in {"serious", "critical"}]
    assert not bad, page.url
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_first_sign_in_by_keyboard_alone(page: Page, live_server: Any, settings: Any, blocked: Any, scheme: Any):
    settings.DEMO_MODE = False
    made = person()
    page.set_viewport_size({"width": 360, "height": 780})
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{live_server.url}/admin/")
    looks_right(page)
    page.keyboard.type("anna")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    looks_right(page)
    page.get_by_text("The app can't scan?").click()
    assert "=" not in page.locator("#key-text").inner_text()
    page.get_by_role("textbox", name="Code").fill(f"{totp(Authenticator.objects.get().seed):06d}")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Keep these recovery codes")).to_be_visible()
    looks_right(page)
    code = page.locator("#recovery-codes").inner_text().split()[0]
    page.get_by_role("link", name="I have kept them, continue").click()
    expect(page.get_by_role("heading", name="Needs you")).to_be_visible()

    page.goto(f"{live_server.url}/admin/second-factor/")
    expect(page.get_by_text("10 recovery codes left")).to_be_visible()
    looks_right(page)
    page.context.clear_cookies()
    page.goto(f"{live_server.url}/admin/")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    looks_right(page)
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Needs you")).to_be_visible()
    assert len(Authenticator.objects.get(user=made).recovery_digests) == 9


def test_waiting_is_explained(page: Page, live_server: Any, blocked: Any):
    page.set_viewport_size({"width": 360, "height": 780})
    page.goto(f"{live_server.url}/admin/login/")
    for _ in range(5):
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill("wrong")
        page.keyboard.press("Enter")
        page.wait_for_load_state()
    expect(page.get_by_text("Wait 15 minutes")).to_be_visible()
    looks_right(page)


def test_pages_about_people(page: Page, live_server: Any, blocked: Any):
    made = person()
    sign_in(page, live_server.url, "anna", PASSWORD)
    use_theme(page, "dark")
    page.set_viewport_size({"width": 360, "height": 780})
    entry = AuditEntry.objects.latest("pk")
    for address in (
        "gateway/user/",
        "gateway/user/add/",
        f"gateway/user/{made.pk}/change/",
        f"gateway/user/{made.pk}/password/",
        "gateway/auditentry/",
        f"gateway/auditentry/{entry.pk}/change/",
        "password_change/",
    ):
        page.goto(f"{live_server.url}/admin/{address}")
        looks_right(page)


def test_no_page_asks_for_what_the_policy_forbids(page: Page, live_server: Any, blocked: Any):
    person()
    rows = hostile_rows()
    sign_in(page, live_server.url, "anna", PASSWORD)
    kinds = {f"{row._meta.app_label}/{row._meta.model_name}" for row in rows}
    own = [f"{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/" for row in rows]
    added = ["engine/intent/add/", "gateway/client/add/", "integrations/connector/add/?provider=hubspot"]
    admin = [f"/admin/{address}" for address in ("", *sorted(f"{kind}/" for kind in kinds), *own, *added)]
    for address in admin:
        page.goto(live_server.url + address)
        # Alpine takes the cloak off when it has gone through the page.
        page.wait_for_function("!document.querySelector('html[x-cloak]')")
    for address in ("/", "/docs/problems", "/nowhere", "/docs/"):
        page.goto(live_server.url + address)
    expect(page.locator(".swagger-ui .info .title")).to_be_visible()
