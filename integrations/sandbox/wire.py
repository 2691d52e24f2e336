"""What passes between the HTTP loop and a vendor: a request read whole, a reply ready to be written."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from integrations.sandbox.dials import Dials

JSON_TYPE = "application/json;charset=utf-8"
ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
BODILESS = frozenset({204, 304})


class BadJsonError(Exception):
    """The body is not JSON; the vendor says so in its own words."""


@dataclass(slots=True)
class Request:
    """One request, its path counted from the vendor's base address; `note` is the vendor's own scratch."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    base_url: str
    dials: Dials
    note: dict[str, Any] = field(default_factory=dict)

    def parameter(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        return self.query.get(name, [default])[-1]

    def json(self) -> Any:
        """The body parsed. Raises: BadJsonError."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as err:
            raise BadJsonError(str(err)) from err

    def bearer(self) -> str:
        """The bearer token, or an empty string."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def basic(self) -> tuple[str, str]:
        """The user and the password of Basic authentication, or empty strings."""
        scheme, _, pair = self.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(pair).decode().partition(":")
        except ValueError:
            return "", ""
        return (user, password) if scheme.lower() == "basic" else ("", "")


@dataclass(slots=True)
class Reply:
    """One answer; `padding` is how many bytes the writer adds by itself, so that a huge one is never held in memory."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    padding: int = 0

    def head(self, *, keep_alive: bool) -> bytes:
        """The status line and headers, ready for the socket."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [f"HTTP/1.1 {self.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.status not in BODILESS:
            lines.append(f"Content-Length: {len(self.body) + self.padding}")
        lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n")
        return "\r\n".join(lines).encode()


def json_reply(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with a JSON body."""
    body = ENCODER.encode(value).encode("utf-8", "surrogatepass")
    return Reply(status, body, {"Content-Type": JSON_TYPE, **(headers or {})})


def utc_now() -> str:
    """The time as vendors write it: ISO 8601, milliseconds, Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
