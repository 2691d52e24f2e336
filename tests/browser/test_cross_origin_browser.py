"""A real browser on somebody's own page: what it lets the page do with the API, outside the demo."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, build_opener

import pytest
from playwright.sync_api import Page

from gateway.models import Client, Key
from gateway.services import client_create, key_create
from gateway.sessions import session_create
from leads.models import Lead

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ASK = """async ([url, credential, body]) => {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: {Authorization: `Bearer ${credential}`, 'Content-Type': 'application/json', 'Idempotency-Key': 'one'},
      body: JSON.stringify(body),
    })
    return [answer.status, answer.headers.get('X-Request-Id') !== null, Object.keys(await answer.json())]
  } catch (error) {
    return ['kept from the page', false, []]
  }
}"""
KEPT = ["kept from the page", False, []]
LEAD = {"email": "anna@example.com", "message": "Do you ship to Norway?"}


class Server:
    """A server on a port of its own: an empty page, or a proxy that says the browser came by HTTPS."""

    def __init__(self, upstream: str = "") -> None:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                if not upstream:
                    self.send_response(200)
                    self.send_header("Content-Type", "text/html")
                    self.end_headers()
                    return
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = dict(self.headers.items()) | {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
                asked = Request(upstream + self.path, sent or None, headers, method=self.command)
                opener = build_opener()
                opener.process_response = {}  # an error is an answer like any other
                with opener.open(asked, timeout=60) as reply:
                    body = reply.read()
                    self.send_response(reply.status)
                    for name, value in reply.headers.items():
                        if name.lower() not in {"connection", "transfer-encoding", "content-length", "date", "server"}:
                            self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_OPTIONS = answer  # noqa: N815 (the names that http.server calls)

            def log_message(self, *args: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Server":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def api(live_server: Any, settings: Any) -> Iterator[str]:
    settings.DEMO_MODE = False
    settings.TRUSTED_PROXIES = ["127.0.0.0/8"]
    settings.SECURE_SSL_REDIRECT = False
    with Server(live_server.url) as proxy:
        yield proxy.origin


@pytest.fixture
def shop() -> Iterator[str]:
    with Server() as server:
        yield server.origin


@pytest.fixture
def client(shop: str) -> Client:
    made, _ = client_create(name="Shop bot", scopes=["query", "leads:write"])
    made.origins = [shop]
    made.save()
    return made


def test_a_listed_page_captures_with_a_publishable_key(page: Page, api: str, shop: str, client: Client):
    page.goto(shop)
    _, key = key_create(client=client, kind=Key.Kind.PUBLISHABLE)
    assert page.evaluate(ASK, [f"{api}/v1/leads", str(key), LEAD]) == [202, True, ["id"]]
    assert Lead.objects.get().email == "anna@example.com"
    # What was wrong is the page's to read, too.
    status, has_id, names = page.evaluate(ASK, [f"{api}/v1/leads", str(key), {"emial": "x"}])
    assert (status, has_id) == (422, True)
    assert "detail" in names


def test_a_page_that_is_not_listed_neither_sends_nor_reads(page: Page, api: str, client: Client):
    _, key = key_create(client=client, kind=Key.Kind.PUBLISHABLE)
    with Server() as elsewhere:
        page.goto(elsewhere.origin)
        assert page.evaluate(ASK, [f"{api}/v1/leads", str(key), LEAD]) == KEPT
    assert not Lead.objects.exists()


def test_a_secret_key_in_a_page_does_nothing_and_is_marked(page: Page, api: str, shop: str, client: Client):
    page.goto(shop)
    row, key = key_create(client=client)
    assert page.evaluate(ASK, [f"{api}/v1/leads", str(key), LEAD]) == KEPT
    assert not Lead.objects.exists()
    row.refresh_from_db()
    assert row.exposed_at is not None


def test_a_session_works_on_its_own_page_alone(page: Page, api: str, shop: str, client: Client):
    _, token = session_create(client=client, key=None, origin=shop, email="anna@example.com")
    page.goto(shop)
    asked = [f"{api}/v1/leads", str(token), {"message": "Hello"}]
    assert page.evaluate(ASK, asked) == [202, True, ["id"]]
    with Server() as elsewhere:
        Client.objects.filter(pk=client.pk).update(origins=[shop, elsewhere.origin])
        page.goto(elsewhere.origin)
        assert page.evaluate(ASK, asked) == KEPT
