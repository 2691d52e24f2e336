"""Who calls: secret keys, publishable keys, visitors' sessions and OAuth access tokens."""

from dataclasses import dataclass
from typing import NoReturn

from django.http import HttpRequest
from django.utils import timezone
from oauth2_provider.models import AccessToken
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from gateway import key_cache, keys, ways
from gateway.consent import may_give
from gateway.models import Client, Key, Session
from gateway.problems import CHALLENGE, SHOW_THE_HEADER, not_authenticated, rate_limited
from gateway.scopes import PUBLISHABLE_SCOPES, SESSION_SCOPES
from gateway.throttling import count_failure
from runtime.clock import db_now

_LONGEST_CREDENTIAL = 1000
_SESSION_ENDED = "The session has ended, or there never was one. Have your server make a new one: POST /v1/sessions."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling; `kind` is "secret" or "publishable" (then it has a key), "session" (a session) or "oauth"."""

    client: Client
    kind: str
    key: Key | None
    scopes: frozenset[str]
    address: str
    session: Session | None = None

    @property
    def is_visitor(self) -> bool:
        """Whether a page calls for somebody who looks at it, instead of a server of the client."""
        return self.kind in {"publishable", "session"}


class ClientAuthentication(BaseAuthentication):
    """Finds the caller by `Authorization: Bearer <secret key | publishable key | session | OAuth access token>`."""

    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        http = request._request
        header = http.META.get("HTTP_AUTHORIZATION")
        if not header:
            return None
        scheme, _, credential = header.partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential or len(credential) > _LONGEST_CREDENTIAL:
            _refuse(
                http, "key_invalid", f"The Authorization header is not of the form `Bearer <key>`. {SHOW_THE_HEADER}"
            )
        caller = _key_caller(http, credential) if keys.looks_like_key(credential) else _token_caller(http, credential)
        # The request log names the client also where the request goes no further.
        http.caller = caller  # type: ignore[attr-defined]
        ways.check(http, caller)
        return None, caller

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def _key_caller(http: HttpRequest, text: str) -> Caller:
    try:
        parsed = keys.parse(text)
    except keys.MistypedKey:
        _refuse(http, "key_invalid", "The key is mistyped or cut off: its checksum does not fit. Copy it again.")
    if parsed.kind == "session":
        return _session_caller(http, parsed.digest)
    key = key_cache.find(parsed.digest, Key.objects.with_digest)
    if key is None or key.kind != parsed.kind:
        _refuse(http, "key_invalid", "There is no such key. Keys are made in the admin, on the client's page.")
    scopes = frozenset(key.client.scopes)
    scopes = scopes if key.kind == Key.Kind.SECRET else scopes & PUBLISHABLE_SCOPES
    caller = Caller(key.client, key.kind, key, scopes, http.address)  # type: ignore[attr-defined]
    # Also where it is refused: who still uses an ended key is what an admin asks next.
    http.caller = caller  # type: ignore[attr-defined]
    if key.has_ended_on_its_day:
        detail = f"The key {key.prefix}… expired on {key.expires_at:%Y-%m-%d}. Make a new one on the client's page."
        _refuse(http, "key_expired", detail)
    if key.revoked_at is not None:
        _refuse(http, "key_revoked", f"The key {key.prefix}… was revoked. Make a new one on the client's page.")
    return caller


def _session_caller(http: HttpRequest, digest: str) -> Caller:
    session = key_cache.find(digest, Session.objects.with_digest)
    if session is None:
        _refuse(http, "session_ended", _SESSION_ENDED)
    scopes = frozenset(session.client.scopes) & SESSION_SCOPES
    caller = Caller(session.client, "session", None, scopes, http.address, session)  # type: ignore[attr-defined]
    http.caller = caller  # type: ignore[attr-defined]
    if session.expires_at <= db_now() or not (session.key is None or session.key.is_working):
        _refuse(http, "session_ended", _SESSION_ENDED)
    return caller


def _token_caller(http: HttpRequest, text: str) -> Caller:
    token = key_cache.find(keys.digest(text), _load_token)
    if token is None or token.expires <= timezone.now():
        _refuse(http, "token_invalid", "The access token is unknown, revoked or expired. Fetch one from /oauth/token.")
    client = token.application
    # A scope taken from the client is gone from the tokens it still holds.
    scopes = frozenset(token.scope.split()) & frozenset(client.scopes)
    return Caller(client, "oauth", None, scopes, http.address)  # type: ignore[attr-defined]


def _load_token(checksum: str) -> AccessToken | None:
    tokens = AccessToken.objects.select_related("application", "user").filter(application__isnull=False)
    token = tokens.filter(token_checksum=checksum).first()
    if token is not None and token.user is not None:
        if not (token.user.is_active and token.user.is_staff):
            return None
        # What a person may no longer do themselves, no app does for them.
        token.scope = " ".join(scope for scope in token.scope.split() if may_give(token.user, scope))
    return token


def _refuse(http: HttpRequest, code: str, detail: str) -> NoReturn:
    wait = count_failure(http)
    raise not_authenticated(code, detail) if wait is None else rate_limited(wait)
