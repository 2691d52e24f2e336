"""Makes the pictures of the documentation from a demo of its own: `make screenshots`."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser.signing_in import sign_in  # noqa: E402 (needs the path)
from tests.demo import DemoServer, wait_for  # noqa: E402

IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1280, 800
LARGEST_BYTES = 250_000
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WEBSITE = {"channel": "website chat", "page_url": "https://shop.example.com/lamps", "utm": {"campaign": "autumn"}}
MARKETING = {
    "purpose": "email_marketing",
    "granted": True,
    "wording": "Yes, send me offers by e-mail.",
    "version": "2026-09",
}
LEADS: tuple[dict[str, Any], ...] = (
    {"email": "ben@example.com", "first_name": "Ben", "last_name": "Okafor", "message": "Is the blue mug back soon?"},
    {"email": "carla@example.com", "first_name": "Carla", "last_name": "Rossi", "company": "Rossi & Figli"},
    {"email": "dmitri@example.com", "first_name": "Dmitri", "last_name": "Novák", "phone": "+420 255 501 040"},
    {"phone": "+44 20 7946 0105", "first_name": "Ewa", "message": "Please call me back about an order for ten lamps."},
    {
        "email": "anna@example.com",
        "first_name": "Anna",
        "last_name": "Berg",
        "company": "Berg Interiors",
        "message": "Do you ship to Norway?",
        "consent": [MARKETING],
    },
)
QUESTIONS: tuple[str, ...] = (
    "Check order status",
    "Where is my order S00041? I am anna@example.com",
    "Do you ship abroad?",
    "How many MUG-BLUE are left in stock?",
)


def main() -> None:
    """Start a demo, use it as a chatbot would, and take the pictures."""
    if CHROMIUM is None:
        sys.exit("error: There is no Chromium on this machine; install it, or name it in CHROMIUM.")
    IMAGES.mkdir(exist_ok=True)
    with DemoServer() as demo, sync_playwright() as playwright:
        lead_id = use(demo)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        picture_all(page, demo, lead_id)
        browser.close()


def use(demo: DemoServer) -> str:
    """Ask the questions and capture the leads; the last one meets a CRM that is down. Return the id of Anna's."""
    for question in QUESTIONS:
        demo.api("POST", "/v1/query", {"prompt": question})
    ids = [capture(demo, lead) for lead in LEADS]
    demo.sandbox.fault(vendor="hubspot", status=503, count=1)
    capture(demo, {"email": "farid@example.com", "first_name": "Farid"})
    return ids[-1]


def capture(demo: DemoServer, lead: dict[str, Any]) -> str:
    """Capture a lead as the demo's chatbot, wait until its delivery was tried, and return its id."""
    lead_id = str(demo.api("POST", "/v1/leads", {**lead, "source": WEBSITE}).body["id"])
    wait_for(lambda: was_tried(demo.lead(lead_id)), f"the delivery of {lead_id}", seconds=20)
    return lead_id


def was_tried(lead: dict[str, Any]) -> bool:
    """Tell whether the one connector has had its say about a lead."""
    [delivery] = lead["deliveries"]
    return bool(delivery["tries"]) or delivery["state"] in {"delivered", "skipped"}


def picture_all(page: Page, demo: DemoServer, lead_id: str) -> None:
    """Visit the pages and take their pictures."""
    sign_in(page, demo.url, demo.told["admin_user"], demo.told["admin_password"])
    picture(page, "home")
    page.goto(f"{demo.url}/admin/leads/lead/{lead_id}/change/")
    picture(page, "lead")
    page.goto(f"{demo.url}/admin/integrations/delivery/")
    picture(page, "deliveries")
    page.goto(f"{demo.url}/admin/integrations/connector/")
    page.get_by_role("link", name="HubSpot (sandbox)", exact=True).click()
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Connected to")).to_be_visible()
    picture(page, "connector")
    page.goto(demo.told["sandbox_url"])
    picture(page, "sandbox")


def picture(page: Page, name: str) -> None:
    """Save the visible part of the page."""
    page.wait_for_load_state("networkidle")
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path, animations="disabled")
    size = path.stat().st_size
    sys.stdout.write(f"{path.relative_to(ROOT)}  {size // 1000} kB\n")
    if size > LARGEST_BYTES:
        sys.exit(f"error: {path.name} has more than {LARGEST_BYTES // 1000} kB")


if __name__ == "__main__":
    main()
