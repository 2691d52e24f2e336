"""A real Chromium: the system's own, with nothing in it that calls home."""

import os
import shutil
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.signing_in import sign_in
from tests.conftest import requires_services
from tests.factories import UserFactory

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
# What it bounds is a page that never gets there, not one that a busy machine slows down.
expect.set_options(timeout=30_000)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session", autouse=True)
def _needs_chromium() -> None:
    if CHROMIUM is None:
        reason = "There is no Chromium on this machine; install it or name it in CHROMIUM."
        if requires_services():
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def _database_beside_playwright() -> Any:
    """Playwright runs an event loop in the test's thread, in which Django would refuse the database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Launch the system's Chromium."""
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": ARGUMENTS}


@pytest.fixture
def admin_page(live_server: Any, page: Any) -> Any:
    """A page on which somebody with every right has signed in; what the browser complains about fails the test."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: dialog.accept())
    person = UserFactory(username="admin")
    person.set_password("correct horse battery")
    person.save()
    sign_in(page, live_server.url, "admin", "correct horse battery")
    yield page
    assert not complaints
