"""The example chat in a real browser: it asks, captures, waits when told to, and shows everything as text."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client as Browser
from django.test import override_settings
from playwright.sync_api import Page, Route, expect

from config import demo_chat
from engine.models import Conversation, Faq
from engine.starter import starter_install
from gateway.services import client_create, key_create
from leads.models import Activity, Consent, Lead

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>'


@pytest.fixture
def chat(live_server: Any, page: Page, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The chat's page with a key that works on it; what the browser complains about fails the test."""
    starter_install()
    Faq.objects.create(question="What is the hostile answer?", answer=f"It is {HOSTILE}")
    key = key_create(client=client_create(name="Website bot")[0], kind="publishable")[1]
    monkeypatch.setattr(demo_chat, "_publishable_key", lambda: str(key))
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security Policy" in line.text else None)
    page.goto(f"{live_server.url}/demo/chat")
    yield page
    assert complaints == []


def ask(chat: Page, prompt: str) -> Any:
    """Ask by keyboard; return the list of what was said."""
    chat.get_by_label("Your question").fill(prompt)
    chat.keyboard.press("Enter")
    return chat.get_by_role("log").get_by_role("listitem")


def test_a_conversation_goes_on_and_everything_said_is_text(chat: Page):
    expect(ask(chat, "Do you ship abroad?").last).to_contain_text("Yes. Deliveries to other countries")
    expect(ask(chat, "Check stock").last).to_contain_text("Which article is it?")
    expect(chat.get_by_label("Your question")).to_be_focused()
    said = ask(chat, HOSTILE)
    expect(said).to_have_count(6)
    expect(said.nth(4)).to_have_text(HOSTILE)
    expect(ask(chat, "What is the hostile answer?").last).to_contain_text(f"It is {HOSTILE}")
    assert chat.title() == "Chat · ShopBotly"
    assert chat.get_by_role("log").locator("img, script").count() == 0
    assert Conversation.objects.get().turns.count() == 4


def test_a_lead_whose_answer_was_lost_is_sent_again_and_counts_once(chat: Page):
    sent: list[str] = []

    def lose_the_first(route: Route) -> None:
        sent.append(route.request.headers["idempotency-key"])
        if len(sent) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    chat.route("**/v1/leads", lose_the_first)
    chat.get_by_text("Have us write to you").click()
    chat.get_by_label("E-mail address").fill("anna@example.com")
    chat.get_by_label("What is it about?").fill(HOSTILE)
    chat.get_by_label("Yes, send me news").check()
    chat.locator("#lead").get_by_role("button", name="Send").click()
    expect(chat.get_by_text("Thank you. We will write to you.")).to_be_visible()
    assert (len(sent), len(set(sent))) == (2, 1)
    assert Activity.objects.get(lead=Lead.objects.get(email="anna@example.com")).message == HOSTILE
    consent = Consent.objects.get()
    assert (consent.wording, consent.is_confirmed) == ("Yes, send me news about your products.", False)


def test_the_trap_is_out_of_reach_of_people_and_takes_no_lead_of_a_program(chat: Page):
    chat.get_by_text("Have us write to you").click()
    chat.get_by_label("What is it about?").focus()
    chat.keyboard.press("Tab")
    expect(chat.get_by_label("Yes, send me news")).to_be_focused()
    expect(chat.locator("#website")).not_to_be_in_viewport()
    chat.locator("#website").fill("https://spam.example")
    chat.get_by_label("E-mail address").fill("anna@example.com")
    chat.locator("#lead").get_by_role("button", name="Send").click()
    expect(chat.get_by_text("Thank you. We will write to you.")).to_be_visible()
    assert not Lead.objects.exists()


def test_it_waits_when_it_is_told_to_and_says_what_was_refused(chat: Page):
    answers = [{"status": 429, "headers": {"Retry-After": "1"}, "json": {}}]
    chat.route("**/v1/query", lambda route: route.fulfill(**answers.pop()) if answers else route.continue_())
    ask(chat, "Do you ship abroad?")
    expect(chat.get_by_text("trying again in 1 s")).to_be_visible()
    expect(chat.get_by_role("listitem").last).to_contain_text("Yes. Deliveries to other countries")
    refused = {"status": 403, "json": {"detail": f"No {HOSTILE}", "request_id": "r-1"}}
    chat.route("**/v1/query", lambda route: route.fulfill(**refused))
    expect(ask(chat, "And now?").last).to_have_text(f"No {HOSTILE} (request r-1)")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read_in_either_theme(chat: Page, theme: Any):
    chat.emulate_media(color_scheme=theme)
    chat.set_viewport_size({"width": 360, "height": 640})
    ask(chat, "Do you ship abroad? " + "x" * 300)
    expect(chat.get_by_role("listitem")).to_have_count(2)
    chat.get_by_text("Have us write to you").click()
    assert chat.evaluate("document.documentElement.scrollWidth") <= 360
    assert [violation["id"] for violation in Axe().run(chat).response["violations"]] == []


def test_only_the_demo_has_it_and_its_policy_is_strict():
    page = Browser().get("/demo/chat")
    assert page.status_code == 200
    assert "unsafe" not in page["Content-Security-Policy"]
    assert b"<script>" not in page.content
    assert Browser().get("/demo/chat.js")["Content-Type"].startswith("text/javascript")
    assert Browser().get("/demo/../settings.py").status_code == 404
    with override_settings(DEMO_MODE=False, SECURE_SSL_REDIRECT=False):
        for name in ("chat", "chat.js", "chat.css", "chat.html"):
            assert Browser().get(f"/demo/{name}").status_code == 404
