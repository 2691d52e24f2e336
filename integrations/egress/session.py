"""A connector's way out: what is asked, with its credential and within its time, and the log of it."""

import json
import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

import httpx2
from django.conf import settings

from integrations.egress.deadline import CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS, left, until
from integrations.egress.transport import Transport, named_failures, transport_for
from integrations.egress.urls import check_binding, parse_base
from integrations.providers import errors
from integrations.providers.base import KEY_IN_BODY, Reply, Request, Session

if TYPE_CHECKING:
    from integrations.calls import CallLog


def _no_headers() -> dict[str, str]:
    return {}


class HttpSession(Session):
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
        transport: Transport | None = None,
    ) -> None:
        self._base = parse_base(base_url)
        check_binding(self._base, bound_to)
        self._base_path = self._base.raw_path.decode("ascii").rstrip("/")
        self._calls = calls
        self._authorise = authorise
        self._parameters = dict(parameters or {})
        self._key = key
        self._renew = renew
        self._personal = frozenset(personal)
        self._ends_at = ends_at
        self._total_seconds = total_seconds
        self._transport = transport or transport_for(self._base)

    def send(self, request: Request) -> Reply:
        """Send one request; after a 401 once more with a renewed credential.

        Raises: RetryLater (not sent), OutcomeUnknown (sent, no whole answer), EgressDenied, Misconfigured.
        """
        url = self._below_base(request.path, {**(request.params or {}), **self._parameters})
        content, content_type = _body(request, self._key)

        def send() -> Reply:
            # Made anew for each try, which then has the renewed proof. That comes last: no request overrides it.
            headers = {**_standing_headers(content_type), **(request.headers or {}), **self._authorise()}
            return self._logged(request, _written(request.method, url, headers, content), content)

        reply = send()
        if reply.status == 401 and self._renew is not None and self._renew():
            reply = send()
        return reply

    def _below_base(self, path: str, params: Mapping[str, str]) -> httpx2.URL:
        # Twice: a proxy in front of a vendor may decode once more than its server does.
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
        with until(ends_at):
            request.extensions["timeout"] = {
                "connect": CONNECT_SECONDS,
                "read": READ_SECONDS,
                "write": READ_SECONDS,
                "pool": left(CONNECT_SECONDS),
            }
            with named_failures():
                return self._exchange(request, max_bytes)

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
                left()
            return Reply(response.status_code, response.headers, bytes(body))
        finally:
            response.close()


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
