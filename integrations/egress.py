"""The only module that opens a connection to the outside."""

import json
import re
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

import httpcore2
import httpx2
from django.conf import settings

from integrations.addresses import Exemption, check_address, check_host, exemptions
from integrations.providers import base, errors
from integrations.providers.base import KEY_IN_BODY, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.calls import CallLog

Transport = httpx2.BaseTransport
"""What carries a session's requests; tests put their own in its place."""

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
TOTAL_SECONDS = 30.0

_MOST_CONNECTIONS = 20
_KEEP_ALIVE_SECONDS = 20.0
_MOST_ORIGINS = 100
_PIECE = 16_384

_ends_at: ContextVar[float] = ContextVar("egress_ends_at")


def _left(timeout: float | None = None, *, error: type[Exception] = httpcore2.ReadTimeout) -> float:
    """Return the seconds that the request of this thread may still take, at most `timeout`; raise `error` at none."""
    left = _ends_at.get() - time.monotonic()
    if left <= 0:
        raise error("The total time has passed.")
    return left if timeout is None else min(left, timeout)


def resolve(host: str, port: int) -> list[str]:
    """Return every address of a host; the one place where names are resolved. Raises: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _resolve_within(host: str, port: int, seconds: float) -> list[str]:
    """Resolve in a thread of its own: the system's resolver knows no time limit."""
    answer: list[list[str] | Exception] = []

    def ask() -> None:
        try:
            answer.append(resolve(host, port))
        except (OSError, UnicodeError) as err:
            answer.append(err)

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(seconds)
    if not answer:
        raise httpcore2.ConnectTimeout(f"The name {host} was not resolved in time.")
    found = answer[0]
    if isinstance(found, Exception) or not found:
        raise httpcore2.ConnectError(f"The name {host} could not be resolved.")
    return found


def _allowed() -> tuple[Exemption, ...]:
    try:
        return exemptions(tuple(settings.EGRESS_ALLOW))
    except ValueError as err:
        raise errors.Misconfigured(str(err)) from err


class _CheckedBackend(httpcore2.NetworkBackend):
    """Connects to an address that has been checked, whatever the name says a moment later."""

    def __init__(self, *, is_plain: bool) -> None:
        self._is_plain = is_plain
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        ends_at = time.monotonic() + _left(timeout or CONNECT_SECONDS, error=httpcore2.ConnectTimeout)
        found = _resolve_within(host, port, ends_at - time.monotonic())
        for address in found:
            check_address(address, port, is_plain=self._is_plain, allowed=_allowed())
        failure: Exception = httpcore2.ConnectTimeout("Connecting took too long.")
        for tried, address in enumerate(found):
            # A share of the time each: an address that swallows packets must not use up what the next one needs.
            seconds = (ends_at - time.monotonic()) / (len(found) - tried)
            if seconds <= 0:
                break
            try:
                return _TimedStream(self._inner.connect_tcp(address, port, seconds, None, socket_options))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as err:
                failure = err
        raise failure


class _TimedStream(httpcore2.NetworkStream):
    """A stream whose every read and write ends when the request's total time does, however slowly bytes drip in."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            self._inner.write(buffer[start : start + _PIECE], _left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _left(timeout, error=httpcore2.ConnectTimeout)
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


class _CheckedTransport(httpx2.HTTPTransport):
    """httpx2's transport over a pool that connects through `_CheckedBackend`; no proxies, no redirects, no cookies."""

    def __init__(self, *, is_plain: bool) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=None if is_plain else _tls(),
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_CONNECTIONS,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
            network_backend=_CheckedBackend(is_plain=is_plain),
        )


_transports: OrderedDict[tuple[str, str, int | None], httpx2.BaseTransport] = OrderedDict()
_transports_lock = threading.Lock()


def _transport_for(base: httpx2.URL) -> httpx2.BaseTransport:
    """Return the connections to one origin, shared by all threads."""
    origin = (base.scheme, base.host, base.port)
    with _transports_lock:
        if origin not in _transports:
            _transports[origin] = _CheckedTransport(is_plain=base.scheme == "http")
        _transports.move_to_end(origin)
        if len(_transports) > _MOST_ORIGINS:
            # Only forgotten: another thread may be using it; its sockets close with their last user.
            _transports.popitem(last=False)
        return _transports[origin]


def parse_base(url: str) -> httpx2.URL:
    """Return a base address that is well formed. Raises: EgressDenied with words for a person."""
    try:
        base = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError) as err:
        raise errors.EgressDenied("This is not a web address.") from err
    if base.scheme not in {"http", "https"} or not base.raw_host:
        raise errors.EgressDenied("The address must start with https:// and name a host.")
    if base.userinfo or base.query or base.fragment or "\\" in url or "?" in url or "#" in url:
        raise errors.EgressDenied("The address must hold no user name, no “?”, no “#” and no backslash.")
    if base.port is not None and not 0 < base.port < 65536:
        raise errors.EgressDenied("The port must be a number from 1 to 65535.")
    if any(ord(char) < 33 for char in url) or ".." in unquote(url):
        raise errors.EgressDenied("The address must hold no spaces and no “..”.")
    check_host(base.raw_host.decode("ascii"))
    return base


def check_url(url: str) -> None:
    """Refuse an address we would not connect to; a name that can't be resolved now is left to “Test connection”.

    Raises: EgressDenied with words for a person.
    """
    base = parse_base(url)
    port = _port(base)
    try:
        found = _resolve_within(base.raw_host.decode("ascii"), port, CONNECT_SECONDS)
    except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
        return
    for address in found:
        check_address(address, port, is_plain=base.scheme == "http", allowed=_allowed())


def _port(base: httpx2.URL) -> int:
    return base.port or (443 if base.scheme == "https" else 80)


def _no_headers() -> dict[str, str]:
    return {}


class Session(base.Session):
    """One connector's way out: requests to paths below its base address.

    `authorise` returns the headers that prove who we are, `parameters` are added to every address for the same end,
    and `key` stands in for `KEY_IN_BODY`; what stands under the names in `personal` is left out of the log;
    `renew` gets a fresh credential after a 401 and tells whether it did. `ends_at` (monotonic clock) shortens the
    total time of every request. `transport` replaces the network in tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        calls: "CallLog",
        authorise: Callable[[], Mapping[str, str]] = _no_headers,
        parameters: Mapping[str, str] | None = None,
        key: str = "",
        renew: Callable[[], bool] | None = None,
        bound_to: str = "",
        personal: Collection[str] = (),
        ends_at: float | None = None,
        total_seconds: float = TOTAL_SECONDS,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._base = parse_base(base_url)
        _check_binding(self._base, bound_to)
        self._base_path = self._base.raw_path.decode("ascii").rstrip("/")
        self._calls = calls
        self._authorise = authorise
        self._parameters = dict(parameters or {})
        self._key = key
        self._renew = renew
        self._personal = frozenset(personal)
        self._ends_at = ends_at
        self._total_seconds = total_seconds
        self._transport = transport or _transport_for(self._base)

    def send(self, request: Request) -> Reply:
        """Send one request; after a 401 once more with a renewed credential.

        Raises: RetryLater (not sent), OutcomeUnknown (sent, no whole answer), EgressDenied, Misconfigured.
        """
        url = self._below_base(request.path, {**(request.params or {}), **self._parameters})
        content, content_type = _body(request, self._key)

        def send() -> Reply:
            headers = {**_standing_headers(content_type), **(request.headers or {}), **self._authorise()}
            return self._logged(request, _written(request.method, url, headers, content), content)

        reply = send()
        if reply.status == 401 and self._renew is not None and self._renew():
            reply = send()
        return reply

    def _below_base(self, path: str, params: Mapping[str, str]) -> httpx2.URL:
        plain = unquote(unquote(path))
        if not path.startswith("/") or path.startswith("//") or re.search(r"[?#\\\s\x00-\x1f]", path):
            raise errors.EgressDenied("A request must stay below the base address.")
        if {".", ".."} & set(re.split(r"[/\\]", plain)):
            raise errors.EgressDenied("A request must stay below the base address.")
        query = f"?{urlencode(params)}" if params else ""
        try:
            return self._base.copy_with(raw_path=f"{self._base_path}{path}{query}".encode("ascii"))
        except (httpx2.InvalidURL, UnicodeError) as err:
            raise errors.EgressDenied("A request's path must be percent-encoded.") from err

    def _logged(self, asked: Request, request: httpx2.Request, content: bytes) -> Reply:
        started = time.perf_counter()
        reply: Reply | None = None
        failure: errors.ProviderError | None = None
        try:
            reply = self._timed(request, asked.max_bytes)
        except errors.ProviderError as err:
            failure = err
            raise
        finally:
            self._calls.record(
                purpose=asked.purpose,
                method=request.method,
                url=self._shown(request.url, asked.logged_path),
                items=asked.items,
                request_body=content,
                duration_ms=(time.perf_counter() - started) * 1000,
                reply=reply,
                failure=failure,
                personal=self._personal.union(asked.personal),
            )
        return reply

    def _shown(self, url: httpx2.URL, logged_path: str) -> str:
        if not logged_path:
            return str(url)
        query = url.query.decode("ascii")
        base = str(self._base.copy_with(raw_path=self._base_path.encode("ascii"))).rstrip("/")
        return f"{base}{logged_path}{'?' if query else ''}{query}"

    def _timed(self, request: httpx2.Request, max_bytes: int) -> Reply:
        now = time.monotonic()
        ends_at = now + self._total_seconds
        if self._ends_at is not None:
            ends_at = min(ends_at, self._ends_at)
        if ends_at <= now:
            raise errors.RetryLater("There was no time left to ask.", code="no_time_left")
        token = _ends_at.set(ends_at)
        try:
            request.extensions["timeout"] = {
                "connect": CONNECT_SECONDS,
                "read": READ_SECONDS,
                "write": READ_SECONDS,
                "pool": _left(CONNECT_SECONDS),
            }
            with _named_failures():
                return self._exchange(request, max_bytes)
        finally:
            _ends_at.reset(token)

    def _exchange(self, request: httpx2.Request, max_bytes: int) -> Reply:
        response = self._transport.handle_request(request)
        # httpx2's client would set this; decoding errors name the request.
        response.request = request
        try:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > max_bytes:
                    raise errors.OutcomeUnknown(
                        f"The answer was longer than {max_bytes:,} bytes.",
                        code="reply_too_long",
                        status=response.status_code,
                    )
                _left()
            return Reply(response.status_code, response.headers, bytes(body))
        finally:
            response.close()


@contextmanager
def _named_failures() -> "Iterator[None]":
    """Turn the library's errors into ours: what surely was not sent may be retried, everything else is unknown."""
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as err:
        code = "tls_failed" if _is_tls(err) else "connect_failed"
        raise errors.RetryLater(str(err)[:200] or "No connection.", code=code) from err
    except (httpx2.PoolTimeout, httpcore2.PoolTimeout) as err:
        raise errors.RetryLater("Too many requests are under way already.", code="busy") from err
    except (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol) as err:
        raise errors.Misconfigured("The request could not be written: a header holds characters it must not.") from err
    except (httpx2.TimeoutException, httpcore2.TimeoutException) as err:
        raise errors.OutcomeUnknown("No whole answer came in time.") from err
    except httpx2.DecodingError as err:
        raise errors.OutcomeUnknown("The answer could not be unpacked.", code="garbled_reply") from err
    except (httpx2.TransportError, httpx2.StreamError, OSError) as err:
        raise errors.OutcomeUnknown("The connection broke before the whole answer came.") from err


def _is_tls(err: BaseException | None) -> bool:
    while err is not None:
        if isinstance(err, ssl.SSLError):
            return True
        err = err.__cause__ or err.__context__
    return False


def _check_binding(base: httpx2.URL, bound_to: str) -> None:
    host = base.host.lower()
    if bound_to and bound_to.lower() not in {host, f"{host}:{_port(base)}"}:
        raise errors.EgressDenied(f"The credential belongs to {bound_to} and is not sent to {base.host}.")


def _standing_headers(content_type: str) -> dict[str, str]:
    standing = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "User-Agent": f"ShopBotly/{settings.VERSION}",
    }
    return standing | ({"Content-Type": content_type} if content_type else {})


def _body(request: Request, key: str) -> tuple[bytes, str]:
    if request.form is not None:
        return urlencode(request.form).encode(), "application/x-www-form-urlencoded"
    if request.json is None:
        return b"", ""

    def spelt(value: Any) -> str:
        return key if value is KEY_IN_BODY else str(value)

    try:
        text = json.dumps(request.json, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=spelt)
    except ValueError as err:
        raise errors.Misconfigured("A mapped value is not a number JSON knows.", code="mapping") from err
    # Half a surrogate pair, which JSON lets in, is no text.
    return text.encode("utf-8", "replace"), "application/json"


def _written(method: str, url: httpx2.URL, headers: Mapping[str, str], content: bytes) -> httpx2.Request:
    if any(re.search(r"[\x00-\x1f\x7f]", value) for value in headers.values()):
        raise errors.Misconfigured("A header holds a line break or another control character.")
    try:
        return httpx2.Request(method, url, headers=dict(headers), content=content or None)
    except UnicodeError as err:
        raise errors.Misconfigured("A header holds characters that are not allowed there.") from err
