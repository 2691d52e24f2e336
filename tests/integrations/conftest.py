"""What tests of the integrations may use."""

from collections.abc import Iterator

import pytest

from integrations.providers import registry
from tests.integrations.slow_vendor import VENDORS, SlowVendor, slow_vendor
from tests.sandbox import sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]


@pytest.fixture
def vendor(settings, monkeypatch) -> Iterator[SlowVendor]:
    """A vendor that works in its own time, and its providers: importing, searching, posting, keyed, doing."""
    for provider in VENDORS:
        monkeypatch.setitem(registry.PROVIDERS, provider.key, f"{provider.__module__}.{provider.__name__}")
    with slow_vendor() as running:
        settings.EGRESS_ALLOW = [running.url.removeprefix("http://")]
        yield running
