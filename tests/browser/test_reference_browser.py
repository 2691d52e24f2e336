"""The API's reference is drawn from our own files alone."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("address", "drawn"), [("/docs/", ".swagger-ui .opblock"), ("/docs/redoc/", "a[href='https://redocly.com/redoc/']")]
)
def test_it_asks_nobody_else_and_complains_of_nothing(page: Page, live_server: Any, address: str, drawn: str):
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{live_server.url}{address}")
    expect(page.locator(drawn).first).to_be_attached()
    expect(page.locator("img[alt='redocly logo']")).to_have_count(0)
    assert not [url for url in asked if not url.startswith((live_server.url, f"blob:{live_server.url}", "data:"))]
    assert not complaints
