"""What the API says when it says no.

Source: RFC 9457 (Problem Details for HTTP APIs).
"""

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core import exceptions as django_exceptions
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.views import defaults
from rest_framework import exceptions

from gateway.paths import is_api

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="ShopBotly"'
SHOW_THE_HEADER = (
    "Add the header `Authorization: Bearer $SHOPBOTLY_KEY`; keys are made in the admin, on the client's page."
)
_LONGEST_MESSAGE = 300
_MOST_ERRORS = 50


@dataclass(frozen=True)
class Advice:
    """A kind of problem as the documentation lists it: its status, what it means, what to do."""

    status: int
    meaning: str
    action: str


CODES: dict[str, Advice] = {
    "malformed_json": Advice(
        400, "The body isn't JSON as RFC 8259 has it, or is nested too deeply.", "Correct it where the detail points."
    ),
    "validation_failed": Advice(
        400, "A field is missing, unknown or has a value that isn't accepted.", "`errors` names each field."
    ),
    "bad_request": Advice(400, "The request could not be read.", "Compare it with the example of the operation."),
    "key_in_url": Advice(
        400, "A key stood in the address, where logs and histories keep it.", "Send it in the header; replace that key."
    ),
    "idempotency_key_invalid": Advice(
        400, "`Idempotency-Key` isn't 1 to 255 visible ASCII characters.", "Send a UUID, for example."
    ),
    "not_authenticated": Advice(401, "No key was sent.", SHOW_THE_HEADER),
    "key_invalid": Advice(401, "No such key, or it was mistyped.", "Copy it again, or make a new one in the admin."),
    "key_expired": Advice(401, "The key's time is over.", "Make a new key on the client's page."),
    "key_revoked": Advice(401, "The key was revoked.", "Make a new key on the client's page."),
    "token_invalid": Advice(
        401, "The access token is unknown, revoked or expired.", "Fetch a new one from `/oauth/token`."
    ),
    "session_ended": Advice(
        401, "The visitor's session has ended, or there is none.", "Have your server make a new one."
    ),
    "bad_signature": Advice(
        401, "A webhook doesn't carry the proof that its sender should.", "Compare the secret, on the connector's page."
    ),
    "client_inactive": Advice(403, "The client is switched off.", "Switch it on in the admin."),
    "address_not_allowed": Advice(
        403, "The client may not call from this address.", "Add the network to the client, if it should."
    ),
    "https_required": Advice(
        403, "The request came over plain HTTP, so the key may have been read.", "Use https://; replace that key."
    ),
    "secret_key_in_browser": Advice(
        403, "A secret key was sent by a page, where everybody can read it.", "Use a publishable key; replace that key."
    ),
    "origin_not_allowed": Advice(
        403, "A publishable key was used outside the pages it is for.", "Add the page's origin to the client."
    ),
    "publishable_not_allowed": Advice(
        403, "This operation needs more than a publishable key.", "Call it from your server, with a secret key."
    ),
    "session_not_allowed": Advice(
        403, "A visitor's session is for that visitor alone.", "Call it from your server, with a secret key."
    ),
    "session_needed": Advice(
        403, "Whose order it is, only a visitor's session says.", "Use `POST /v1/orders/lookup` from your server."
    ),
    "scope_missing": Advice(403, "The client lacks the scope.", "Add the scope that the detail names, in the admin."),
    "permission_denied": Advice(403, "This isn't allowed.", "Ask the admin of this installation."),
    "not_found": Advice(404, "There is nothing here that the client may see.", "Check the address and the id."),
    "method_not_allowed": Advice(405, "The address doesn't take this method.", "`Allow` lists those it takes."),
    "not_acceptable": Advice(406, "The answer isn't available in this form.", "Accept application/json."),
    "idempotency_in_progress": Advice(
        409, "The same request is being worked on.", "Send it again after `Retry-After` seconds."
    ),
    "body_too_large": Advice(413, "The body is larger than accepted.", "Send less at once; the detail says how much."),
    "unsupported_media_type": Advice(
        415, "The body isn't declared as JSON.", "Add the header `Content-Type: application/json`."
    ),
    "idempotency_key_reused": Advice(
        422, "This `Idempotency-Key` was used with another body.", "Take a new key for each new request."
    ),
    "rate_limited": Advice(429, "Too many requests.", "Wait `Retry-After` seconds; `RateLimit` says what is left."),
    "internal_error": Advice(500, "Something broke here.", "Try again; give the request id to the admin if it lasts."),
    "busy": Advice(503, "Too much is waiting to be written.", "Send the same again after `Retry-After` seconds."),
    "unavailable": Advice(
        503, "The service can't answer just now.", "Send the same again after `Retry-After` seconds."
    ),
}
"""Every problem code of the API; a test holds the code base to it."""


@dataclass(eq=False)
class Problem(Exception):
    """A refusal that becomes a problem document; `errors` is `[{"field": "consent[0].purpose", "message": str}]`."""

    status: int
    code: str
    title: str
    detail: str = ""
    errors: Sequence[Mapping[str, str]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail or self.title}"

    def document(self, request_id: str) -> dict[str, Any]:
        """Return the body of the answer."""
        body = {
            "type": f"/docs/problems#{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail or self.title,
            "code": self.code,
            "request_id": request_id,
        }
        return body | {"errors": list(self.errors)} if self.errors else body


def response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Return the answer to a request that was refused."""
    body = json.dumps(problem.document(getattr(request, "request_id", "")), ensure_ascii=False)
    # Lone surrogates in what the caller sent must not keep us from answering.
    answer = HttpResponse(body.encode("utf-8", "replace"), status=problem.status, content_type=CONTENT_TYPE)
    for name, value in problem.headers.items():
        answer[name] = value
    answer.problem_code = problem.code  # type: ignore[attr-defined]
    # The request log has the caller's mistakes; Django's log would repeat each of them as a warning.
    answer._has_been_logged = problem.status < 500  # type: ignore[attr-defined]
    return answer


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Answer what a view raised; None (and so a 500, with its trace in the log) for what nobody foresaw."""
    problem = as_problem(error)
    request = context["request"]
    return None if problem is None else response(getattr(request, "_request", request), problem)


def as_problem(error: Exception) -> Problem | None:
    """Return the problem that an exception of Django, the REST framework or ours stands for."""
    match error:
        case Problem():
            return error
        case exceptions.ValidationError():
            errors = list(flatten(error.detail))[:_MOST_ERRORS]
            detail = " ".join(
                f"{each['field']}: {each['message']}" if each["field"] else each["message"] for each in errors[:3]
            )
            return Problem(400, "validation_failed", "Some fields were not accepted.", detail, errors)
        case exceptions.ParseError():
            return Problem(400, "malformed_json", "The body is not valid JSON.", str(error.detail))
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return Problem(401, "not_authenticated", "A key is needed.", SHOW_THE_HEADER, headers=_challenge())
        case exceptions.PermissionDenied() | django_exceptions.PermissionDenied():
            return Problem(403, "permission_denied", "This is not allowed.")
        case exceptions.NotFound() | Http404():
            return Problem(404, "not_found", "Nothing was found here.")
        case exceptions.MethodNotAllowed():
            return Problem(405, "method_not_allowed", "This address does not take this method.")
        case exceptions.NotAcceptable():
            return Problem(406, "not_acceptable", "The answer is only available as JSON.")
        case exceptions.UnsupportedMediaType():
            return Problem(415, "unsupported_media_type", "The body must be JSON.", str(error.detail))
        case exceptions.Throttled():
            return rate_limited(getattr(error, "wait", None))
        case django_exceptions.RequestDataTooBig():
            return Problem(413, "body_too_large", "The body is too large.")
        case django_exceptions.SuspiciousOperation() | UnreadablePostError():
            return Problem(400, "bad_request", "The request could not be read.")
        case OperationalError() | InterfaceError():
            logger.error("The database did not answer a request.", exc_info=error)
            return Problem(503, "unavailable", "The database is not available just now.", headers={"Retry-After": "5"})
    return None


def not_authenticated(code: str, detail: str) -> Problem:
    """Return the 401 for a credential that was sent and isn't accepted."""
    return Problem(401, code, "The key was not accepted.", detail, headers=_challenge('error="invalid_token"'))


def rate_limited(wait: float | None) -> Problem:
    """Return the 429 that says when to come again."""
    seconds = max(1, math.ceil(wait or 1))
    detail = f"Too many requests. Send the next one in {seconds} {'second' if seconds == 1 else 'seconds'}."
    return Problem(429, "rate_limited", "Too many requests.", detail, headers={"Retry-After": str(seconds)})


def flatten(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """List a serializer's nested errors by path: `{"field": "consent[0].purpose", "message": "…"}`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from flatten(inner, _join(path, name))
    elif isinstance(detail, (list, tuple)):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, (Mapping, list, tuple))
            yield from flatten(inner, f"{path}[{index}]" if nested else path)
    else:
        yield {"field": path[:_LONGEST_MESSAGE], "message": str(detail)[:_LONGEST_MESSAGE]}


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer an address that doesn't exist: a problem to programs, a page to people (handler404)."""
    if not is_api(request.path):
        return defaults.page_not_found(request, exception)
    hint = " Addresses of the API don't end with a slash." if request.path.endswith("/") else ""
    return response(request, Problem(404, "not_found", "There is no such address.", f"There is no such address.{hint}"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request that could not be read (handler400)."""
    if not is_api(request.path):
        return defaults.bad_request(request, exception)
    return response(request, as_problem(exception) or Problem(400, "bad_request", "The request could not be read."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a refusal from outside the REST framework (handler403)."""
    if not is_api(request.path):
        return defaults.permission_denied(request, exception)
    return response(request, Problem(403, "permission_denied", "This is not allowed."))


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer after a fault of ours (handler500)."""
    if not is_api(request.path):
        return defaults.server_error(request)
    detail = "Something broke here. Give the request id to the admin of this installation if it happens again."
    return response(request, Problem(500, "internal_error", "Something broke here.", detail))


def _challenge(*more: str) -> dict[str, str]:
    return {"WWW-Authenticate": ", ".join([CHALLENGE, *more])}


def _join(path: str, name: object) -> str:
    if name == "non_field_errors":
        return path
    if isinstance(name, int):
        return f"{path}[{name}]"
    shown = "".join(character if character.isprintable() else "�" for character in str(name)[:80])
    return f"{path}.{shown}" if path else shown
