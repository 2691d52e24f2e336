"""Messages as vendors would send them: `<key>/signing.py` says how each signs, `<key>/fixtures/event_*.*` what.

`received(body, secret, event)` in there returns the signed request; `event` is what stands between `event_` and `__` in
a fixture's name.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

from integrations.providers.base import Received

SECRET = "whsec-5d41402abc4b2a76b9719d911017c592"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

Sign = Callable[[bytes, str, str], Received]


def signs(key: str) -> Sign:
    """Return how a vendor signs."""
    sign: Sign = import_module(f"tests.integrations.providers.{key}.signing").received
    return sign


def captured(key: str) -> list[tuple[str, bytes]]:
    """Return every captured event of a vendor, with what the vendor calls it."""
    files = sorted((Path(__file__).parent / key / "fixtures").glob("event_*__*.*"))
    return [(file.name.removeprefix("event_").partition("__")[0], file.read_bytes()) for file in files]


def messages(key: str) -> list[Received]:
    """Return the captured events of a vendor, signed. There is at least one."""
    found = captured(key)
    assert found, f"Capture an event as tests/integrations/providers/{key}/fixtures/event_<name>__<variant>.json."
    return [signs(key)(body, SECRET, event) for event, body in found]


def proved_by(message: Received, value: str | None) -> Received:
    """Return a message with something else in every place where its proof may stand: None = nothing at all."""
    before = message.url.partition("?")[0].rpartition("/")[0]
    headers = {} if value is None else dict.fromkeys(message.headers, value)
    return replace(message, headers=headers, url=f"{before}/{quote(value or '', errors='replace')}")
