"""What every request passes: its id, where it comes from, the limit on its body, the log; sessions for pages only."""

import re
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.urls import Resolver404, resolve
from django.utils.deprecation import MiddlewareMixin
from structlog.contextvars import bind_contextvars, reset_contextvars

from gateway import metrics, problems, request_log, ways
from gateway.addresses import client_address, forwarded_scheme
from gateway.paths import is_api, is_logged
from runtime.ids import uuid7

Answer = Callable[[HttpRequest], HttpResponseBase]

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A client that is still sending when we answer and close sees a broken pipe instead of the answer.
_MOST_DRAINED = 8_000_000
_CHUNK = 65_536


class RequestIdMiddleware:
    """Gives each request its id and its caller's address, bounds the body of API calls and has them logged."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: WSGIRequest) -> HttpResponseBase:
        started = time.perf_counter()
        sent = request.META.get("HTTP_X_REQUEST_ID", "")
        id = sent if _SANE_ID.fullmatch(sent) else str(uuid7())
        address = client_address(request.META)
        request.request_id = id  # type: ignore[attr-defined]
        request.address = "" if address is None else str(address)  # type: ignore[attr-defined]
        scheme = forwarded_scheme(request.META)
        if scheme is not None:
            # Django's own checks (cookies, redirects, CSRF) then see the scheme the person used, too.
            request.META["wsgi.url_scheme"] = scheme
        # Every line logged on the way names the request.
        tokens = bind_contextvars(request_id=id)
        try:
            response = self._answer(request)
        finally:
            reset_contextvars(**tokens)
        response["X-Request-Id"] = id
        if is_logged(request.path) and not getattr(response, "is_preflight", False):
            seconds = time.perf_counter() - started
            entry = _entry(request, response, seconds * 1000)
            metrics.observe(method=entry.method, route=entry.route, status=entry.status, seconds=seconds)
            request_log.record(entry)
        return response

    def _answer(self, request: WSGIRequest) -> HttpResponseBase:
        if not is_api(request.path):
            return self._get_response(request)
        refusal = _refuse_nul(request) or ways.key_in_url(request) or _bound_body(request)
        response = self._get_response(request) if refusal is None else problems.response(request, refusal)
        if not response.streaming and "Content-Length" not in response and isinstance(response, HttpResponse):
            response["Content-Length"] = str(len(response.content))
        return response


def _refuse_nul(request: WSGIRequest) -> problems.Problem | None:
    """Refuse an address with a NUL in it: PostgreSQL can't even look for it."""
    if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
        return problems.Problem(400, "bad_request", "The address holds a character that is not accepted (NUL).")
    return None


def _bound_body(request: WSGIRequest) -> problems.Problem | None:
    """Refuse a body above the limit; take one without a declared length (chunked) up to it."""
    declared = request.META.get("CONTENT_LENGTH")
    stream = request.META["wsgi.input"]
    if declared:
        length = int(declared) if declared.isdecimal() else 0
        if length <= settings.API_BODY_MAX_BYTES:
            return None
        _drain(stream, min(length, _MOST_DRAINED))
        return _too_large()
    if not request.META.get("wsgi.input_terminated"):
        return None
    body = stream.read(settings.API_BODY_MAX_BYTES + 1)
    if len(body) > settings.API_BODY_MAX_BYTES:
        _drain(stream, _MOST_DRAINED)
        return _too_large()
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)
    return None


def _drain(stream: Any, bytes_left: int) -> None:
    while bytes_left > 0 and (chunk := stream.read(min(_CHUNK, bytes_left))):
        bytes_left -= len(chunk)


def _too_large() -> problems.Problem:
    limit = settings.API_BODY_MAX_BYTES
    detail = f"A request may be {limit:,} bytes long at most."
    # The rest of the body, if there is one, must not be read as the next request.
    return problems.Problem(413, "body_too_large", "The body is too large.", detail, headers={"Connection": "close"})


def _entry(request: HttpRequest, response: HttpResponseBase, duration_ms: float) -> request_log.Entry:
    entry = request_log.Entry(
        request_id=request.request_id,  # type: ignore[attr-defined]
        method=str(request.method),
        route=_route(request),
        status=response.status_code,
        duration_ms=duration_ms,
        address=request.address,  # type: ignore[attr-defined]
        code=getattr(response, "problem_code", ""),
    )
    caller = getattr(request, "caller", None)
    if caller is not None:
        entry.client_id = caller.client.pk
        if caller.key is not None:
            entry.key_id, entry.key_prefix = caller.key.pk, caller.key.prefix
        elif caller.session is not None:
            entry.key_prefix = request_log.BY_SESSION
        if response.status_code >= 400 or caller.client.is_logged_whole:
            _add_bodies(entry, request, response)
    return entry


def _add_bodies(entry: request_log.Entry, request: HttpRequest, response: HttpResponseBase) -> None:
    # Never read here: what the view didn't read isn't worth waiting for.
    sent = getattr(request, "_body", b"") or request.META.get("QUERY_STRING", "").encode("utf-8", "replace")
    entry.request_body = sent[: request_log.LONGEST_UNSCRUBBED]
    if isinstance(response, HttpResponse):
        entry.response_body = response.content[: request_log.LONGEST_UNSCRUBBED]


def _route(request: HttpRequest) -> str:
    """Return the pattern of the address, never the address itself: ids and slips of the keyboard stay out."""
    match = request.resolver_match
    if match is None:
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return ""
    return f"/{match.route}"


class _PagesOnly(MiddlewareMixin):
    """Passes API calls on untouched: they have no session, no cookies and no redirects."""

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request) if is_api(request.path) else super().__call__(request)


class PagesSessionMiddleware(_PagesOnly, SessionMiddleware):
    """Sessions, for pages."""


class PagesCommonMiddleware(_PagesOnly, CommonMiddleware):
    """Slashes and host checks, for pages."""


class PagesAuthenticationMiddleware(_PagesOnly, AuthenticationMiddleware):
    """Signed-in people, for pages."""


class PagesMessageMiddleware(_PagesOnly, MessageMiddleware):
    """Messages after an action, for pages."""
