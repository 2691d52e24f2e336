"""Who may do what: every route, method, credential, scope and foreign object. A new route needs an entry here."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver
from oauth2_provider.models import AccessToken

from gateway import keys
from gateway.models import Client, Key, Session
from gateway.scopes import SCOPES
from gateway.services import client_create, key_create
from gateway.sessions import session_create
from leads.erasures import erasure_start
from runtime.clock import db_now
from tests.factories import ConversationFactory, LeadFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

PAGE = "https://shop.example"
NOWHERE = "01a20655-30ee-75c5-8df0-5ea35d2d8786"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Operation:
    """What one method of a route needs, and its answers to whoever has that.

    `answer_to_sessions` is what a visitor's session gets, None where it may not.
    `foreign` makes something of another client and returns what changes in the request to ask for it.
    """

    scope: str
    answers: set[int]
    body: Any = None
    is_for_pages: bool = False
    answer_to_pages: int = 200
    answer_to_sessions: int | None = None
    foreign: Callable[[Client], Mapping[str, Any]] | None = None
    values: Mapping[str, str] = field(default_factory=dict)


def foreign_lead(other: Client) -> Mapping[str, Any]:
    return {"lead_id": str(LeadFactory(client=other).pk)}


def foreign_erasure(other: Client) -> Mapping[str, Any]:
    return {"erasure_id": str(erasure_start(lead=LeadFactory(client=other), client=other).pk)}


def foreign_conversation(other: Client) -> Mapping[str, Any]:
    return {"body": {"prompt": "Hello", "conversation_id": str(ConversationFactory(client=other).pk)}}


def no_object(other: Client) -> Mapping[str, Any]:
    """Nothing here belongs to a client: articles and FAQs are the company's."""
    return {}


CONSENT = {"purpose": "email_marketing", "granted": False, "wording": "No more, please.", "version": "1"}
LEAD = {"email": "anna@example.com"}
MATRIX: dict[str, dict[str, Operation]] = {
    "v1/leads": {
        "GET": Operation("leads:read", {200}),
        "POST": Operation(
            "leads:write", {201, 200}, LEAD, is_for_pages=True, answer_to_pages=202, answer_to_sessions=202
        ),
    },
    "v1/leads/batch": {"POST": Operation("leads:write", {200}, {"leads": [LEAD]})},
    "v1/leads/<uuid:lead_id>": {
        "GET": Operation("leads:read", {404}, foreign=foreign_lead, values={"lead_id": NOWHERE}),
        "DELETE": Operation("leads:erase", {404}, foreign=foreign_lead, values={"lead_id": NOWHERE}),
    },
    "v1/erasures/<uuid:erasure_id>": {
        "GET": Operation("leads:erase", {404}, foreign=foreign_erasure, values={"erasure_id": NOWHERE}),
    },
    "v1/leads/<uuid:lead_id>/consents": {
        "GET": Operation("leads:read", {404}, foreign=foreign_lead, values={"lead_id": NOWHERE}),
        "POST": Operation(
            "leads:write", {404}, {"consent": [CONSENT]}, foreign=foreign_lead, values={"lead_id": NOWHERE}
        ),
    },
    "v1/query": {
        "POST": Operation(
            "query",
            {200},
            {"prompt": "Hello"},
            is_for_pages=True,
            answer_to_sessions=200,
            foreign=foreign_conversation,
        ),
    },
    "v1/sessions": {"POST": Operation("query", {201}, {"origin": PAGE, "customer": LEAD})},
    "v1/orders/<str:number>": {
        # Servers are told to say whose order it is; a foreign one is no row of ours: tests.engine.test_visitors.
        "GET": Operation("lookups", {403}, answer_to_sessions=503, foreign=no_object, values={"number": "S1"}),
    },
    "v1/orders/lookup": {"POST": Operation("lookups", {503}, {"number": "S1", "email": "anna@example.com"})},
    "v1/inventory/<str:sku>": {
        "GET": Operation("lookups", {503}, foreign=no_object, values={"sku": "MUG"}),
    },
    "v1/faqs": {"GET": Operation("lookups", {200})},
}
OTHERS = {
    "": "a page",
    "healthz": "open",
    "readyz": "open",
    "metrics": "for METRICS_NETWORKS and METRICS_TOKEN: tests.gateway.test_metrics",
    ".well-known/oauth-authorization-server": "open",
    "oauth/authorize": "people: tests.gateway.test_consent",
    "oauth/token": "a client's id and secret: tests.gateway.test_oauth",
    "oauth/revoke_token": "a client's id and secret: tests.gateway.test_oauth",
    "oauth/introspect": "a client's id and secret: tests.gateway.test_oauth",
    "v1/openapi.json": "open",
    "v1/webhooks/in/<str:token>": "the token in the address: tests.webhooks",
    "demo/chat": "a page, in the demo",
    "demo/<str:name>": "a page, in the demo",
    "docs/": "a page",
    "docs/redoc/": "a page",
    "docs/redoc.js": "a page's script",
    "docs/problems": "a page",
    "admin/": "people: tests.config.test_admin",
}


def routes(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every route with its view; the admin is one."""
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern) or route == "admin/":
            yield route, getattr(pattern, "callback", None)
        else:
            yield from routes(pattern, route)


ROUTES = dict(routes(get_resolver("config.urls")))


def test_every_route_has_an_entry():
    assert set(ROUTES) == MATRIX.keys() | OTHERS.keys()


@pytest.mark.parametrize("route", MATRIX)
def test_every_method_has_an_entry_with_the_scope_it_needs(route):
    view = ROUTES[route].cls
    assert {name: scope for name, scope in view.required_scopes.items() if hasattr(view, name.lower())} == {
        name: operation.scope for name, operation in MATRIX[route].items()
    }


@pytest.mark.parametrize("route", [route for route in MATRIX if "<" in route])
def test_a_route_with_an_id_says_what_a_foreign_one_is(route):
    assert all(operation.foreign for operation in MATRIX[route].values())


class Caller:
    """One client, and each of its credentials."""

    def __init__(self, *scopes: str) -> None:
        self.client, _ = client_create(name="Bot", scopes=scopes, origins=[PAGE])
        self.headers = {
            "secret": {"Authorization": f"Bearer {key_create(client=self.client)[1]}"},
            "publishable": {
                "Authorization": f"Bearer {key_create(client=self.client, kind=Key.Kind.PUBLISHABLE)[1]}",
                "Origin": PAGE,
            },
            "oauth": {"Authorization": f"Bearer {self._token(scopes)}"},
            "session": {"Authorization": f"Bearer {self._session()}", "Origin": PAGE},
        }

    def _session(self) -> str:
        return str(session_create(client=self.client, key=None, origin=PAGE, **LEAD)[1])

    def _token(self, scopes: tuple[str, ...]) -> str:
        token = f"token-{self.client.pk}"
        expires = db_now() + timedelta(hours=1)
        AccessToken.objects.create(application=self.client, token=token, scope=" ".join(scopes), expires=expires)
        return token


def send(route: str, method: str, operation: Operation, headers: Mapping[str, str], **changes: Any) -> Any:
    address = "/" + route
    for name, value in {**operation.values, **changes}.items():
        for form in ("uuid", "str"):
            address = address.replace(f"<{form}:{name}>", str(value))
    body = changes.get("body", operation.body)
    return Browser().generic(
        method, address, b"" if body is None else _json(body), content_type="application/json", headers=dict(headers)
    )


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


def outcome(answer: Any) -> tuple[int, str]:
    """Return the status, and the code where it is a refusal."""
    is_problem = answer["Content-Type"] == "application/problem+json" and answer.content
    return answer.status_code, answer.json()["code"] if is_problem else ""


CASES = [(route, method) for route, operations in MATRIX.items() for method in operations]


def refused_credentials() -> dict[str, tuple[dict[str, str], str]]:
    client, _ = client_create(name="Old bot", scopes=list(SCOPES))
    expired, expired_text = key_create(client=client)
    Key.objects.filter(pk=expired.pk).update(expires_at=db_now() - timedelta(seconds=1))
    revoked, revoked_text = key_create(client=client)
    Key.objects.filter(pk=revoked.pk).update(revoked_at=db_now())
    ended, ended_text = session_create(client=client, key=None, origin=PAGE, **LEAD)
    Session.objects.filter(pk=ended.pk).update(expires_at=db_now() - timedelta(seconds=1))
    token = {"application": client, "scope": " ".join(SCOPES), "expires": db_now() - timedelta(seconds=1)}
    AccessToken.objects.create(token="ended", **token)
    unknown = str(keys.generate("secret"))
    sent = {
        "key_invalid": [unknown, unknown[:-1] + "0"],
        "key_expired": [str(expired_text)],
        "key_revoked": [str(revoked_text)],
        "session_ended": [str(ended_text), str(keys.generate("session"))],
        "token_invalid": ["ended", "nobody"],
    }
    return {text: ({"Authorization": f"Bearer {text}"}, code) for code, texts in sent.items() for text in texts}


@pytest.mark.parametrize(("route", "method"), CASES)
def test_without_a_credential_that_is_good_nobody_gets_in(route, method):
    operation = MATRIX[route][method]
    answer = send(route, method, operation, {})
    assert outcome(answer) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    for headers, code in refused_credentials().values():
        assert outcome(send(route, method, operation, headers)) == (401, code)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(("route", "method"), CASES)
def test_a_scope_opens_what_needs_it_and_nothing_else(route, method, scope):
    operation, caller = MATRIX[route][method], Caller(scope)
    has_scope = scope in {operation.scope, f"{operation.scope}:all"}
    for kind in ("secret", "oauth"):
        status, code = outcome(send(route, method, operation, caller.headers[kind]))
        if has_scope:
            assert status in operation.answers
        else:
            assert (status, code) == (403, "scope_missing")
    status, code = outcome(send(route, method, operation, caller.headers["publishable"]))
    if not operation.is_for_pages:
        assert (status, code) == (403, "publishable_not_allowed")
    elif has_scope:
        assert status == operation.answer_to_pages
    else:
        assert (status, code) == (403, "scope_missing")
    status, code = outcome(send(route, method, operation, caller.headers["session"]))
    if operation.answer_to_sessions is None:
        assert (status, code) == (403, "session_not_allowed")
    elif has_scope:
        assert status == operation.answer_to_sessions
    else:
        assert (status, code) == (403, "scope_missing")


@pytest.mark.parametrize(("route", "method"), [case for case in CASES if MATRIX[case[0]][case[1]].foreign])
def test_what_belongs_to_another_client_is_not_there(route, method):
    operation = MATRIX[route][method]
    if operation.foreign is no_object:
        return
    caller, other = Caller(*(scope for scope in SCOPES if not scope.endswith(":all"))), client_create(name="Other")[0]
    changes = operation.foreign(other)
    pages = ["publishable"] if operation.is_for_pages else []
    visitors = ["session"] if operation.answer_to_sessions else []
    for kind in ("secret", "oauth", *pages, *visitors):
        assert outcome(send(route, method, operation, caller.headers[kind], **changes)) == (404, "not_found")


@pytest.mark.parametrize("route", MATRIX)
def test_a_method_that_is_not_taken_changes_nothing_whoever_sends_it(route):
    caller = Caller(*SCOPES)
    anything = next(iter(MATRIX[route].values()))
    taken = {*MATRIX[route], *(["HEAD"] if "GET" in MATRIX[route] else [])}
    for method in METHODS:
        if method in taken:
            continue
        for kind in ("secret", "oauth", "publishable", "session"):
            answer = send(route, method, anything, caller.headers[kind])
            assert answer.status_code == 405
            assert set(answer["Allow"].split(", ")) == taken
        assert send(route, method, anything, {}).status_code in {401, 405}
