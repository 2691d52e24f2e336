"""What the front door's tests share: a client, its key, and requests made with it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser
from django.test import override_settings

from gateway import health, key_cache, services, throttling, uses
from gateway.models import Client, Key

Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def _own_addresses() -> Iterator[None]:
    """Serve the small views of tests.gateway.urls and start without memories."""
    key_cache.forget_all()
    uses._noted.clear()
    health._last = None
    throttling._asked_again_at = float("-inf")
    throttling._here.clear()
    with override_settings(ROOT_URLCONF="tests.gateway.urls"):
        yield


@pytest.fixture
def bot(db: None) -> Client:
    return services.client_create(name="Website bot")[0]


@pytest.fixture
def key(bot: Client) -> tuple[Key, str]:
    return services.key_create(client=bot)


@pytest.fixture
def call(key: tuple[Key, str]) -> Call:
    """Send a request: `call("/v1/notes", data={…} or b"…", key=…, method=…, HEADER=…)`."""

    def send(
        path: str, data: Any = None, *, secret: str | None = key[1], method: str = "", **extra: Any
    ) -> HttpResponse:
        if secret is not None:
            extra["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
        browser = Browser(raise_request_exception=False)
        extra.setdefault("content_type", "application/json")
        return browser.generic(method or ("GET" if data is None else "POST"), path, _encoded(data), **extra)

    return send


def _encoded(data: Any) -> bytes:
    import json

    if data is None:
        return b""
    return data if isinstance(data, bytes) else json.dumps(data).encode()
