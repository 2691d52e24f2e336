"""Who calls: secret keys, publishable keys and OAuth access tokens, and whether they may come this way."""

import logging
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.utils import timezone
from oauth2_provider.models import AccessToken
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from gateway import key_cache, keys
from gateway.addresses import is_local_demo, is_within, parse_address
from gateway.models import Client, Key
from gateway.problems import CHALLENGE, SHOW_THE_HEADER, Problem, not_authenticated, rate_limited
from gateway.scopes import PUBLISHABLE_SCOPES
from gateway.throttling import count_failure
from runtime.clock import db_now

logger = logging.getLogger(__name__)

_LONGEST_CREDENTIAL = 1000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling; `kind` is "secret", "publishable" or "oauth", and only the last has no key."""

    client: Client
    kind: str
    key: Key | None
    scopes: frozenset[str]
    address: str


class ClientAuthentication(BaseAuthentication):
    """Finds the caller by `Authorization: Bearer <secret key | publishable key | OAuth access token>`."""

    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        http = request._request
        _refuse_key_in_url(http)
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
        _check_way(http, caller)
        return None, caller

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def _key_caller(http: HttpRequest, text: str) -> Caller:
    try:
        parsed = keys.parse(text)
    except keys.MistypedKey:
        _refuse(http, "key_invalid", "The key is mistyped or cut off: its checksum does not fit. Copy it again.")
    key = key_cache.find(parsed.digest, Key.objects.with_digest)
    if key is None or key.kind != parsed.kind:
        _refuse(http, "key_invalid", "There is no such key. Keys are made in the admin, on the client's page.")
    scopes = frozenset(key.client.scopes)
    scopes = scopes if key.kind == Key.Kind.SECRET else scopes & PUBLISHABLE_SCOPES
    caller = Caller(key.client, key.kind, key, scopes, http.address)  # type: ignore[attr-defined]
    # Also where it is refused: who still uses an ended key is what an admin asks next.
    http.caller = caller  # type: ignore[attr-defined]
    if key.revoked_at is not None:
        _refuse(http, "key_revoked", f"The key {key.prefix}… was revoked. Make a new one on the client's page.")
    if key.expires_at <= db_now():
        detail = f"The key {key.prefix}… expired on {key.expires_at:%Y-%m-%d}. Make a new one on the client's page."
        _refuse(http, "key_expired", detail)
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
    tokens = AccessToken.objects.select_related("application").filter(application__isnull=False)
    return tokens.filter(token_checksum=checksum).first()


def _check_way(http: HttpRequest, caller: Caller) -> None:
    """Refuse a caller that is switched off or came from where, or by a way, it may not."""
    if not caller.client.is_active:
        raise Problem(403, "client_inactive", "This client is switched off.", "Switch it on in the admin.")
    if not http.is_secure() and not is_local_demo(http):
        _expose(caller)
        detail = (
            "The request came over plain HTTP, where anybody on the way can read the key. Use https:// and a new key."
        )
        raise Problem(403, "https_required", "HTTPS is required.", detail)
    if _is_outside(caller):
        detail = f"This client may not call from {caller.address or 'an address that cannot be told'}."
        raise Problem(403, "address_not_allowed", "The address is not allowed.", detail)
    if caller.kind == "secret":
        _check_no_foreign_page(http, caller)
    elif caller.kind == "publishable":
        _check_listed_page(http, caller)


def _is_outside(caller: Caller) -> bool:
    client = caller.client
    if not client.networks or client.networks_report_only:
        return False
    return not is_within(parse_address(caller.address), client.networks)


def _check_no_foreign_page(http: HttpRequest, caller: Caller) -> None:
    origin = http.META.get("HTTP_ORIGIN")
    if origin is None or is_local_demo(http) or _is_own(http, origin):
        return
    _expose(caller)
    detail = "In a page everybody can read a secret key. Use a publishable key there, and replace this one."
    raise Problem(403, "secret_key_in_browser", "A secret key was used in a browser.", detail)


def _check_listed_page(http: HttpRequest, caller: Caller) -> None:
    origin = http.META.get("HTTP_ORIGIN")
    if origin is not None and (origin in caller.client.origins or _is_own(http, origin)):
        return
    detail = "A publishable key works only on the pages listed at its client; the Origin header names none of them."
    raise Problem(403, "origin_not_allowed", "The page is not allowed.", detail)


def _is_own(http: HttpRequest, origin: str) -> bool:
    try:
        # get_host checks ALLOWED_HOSTS; without that, a name pointed at us would make any page our own.
        return origin == f"{http.scheme}://{http.get_host()}"
    except DisallowedHost:
        return False


def _refuse_key_in_url(http: HttpRequest) -> None:
    address = f"{http.path}?{http.META.get('QUERY_STRING', '')}"
    text = unquote(address) if "%" in address else address
    if not any(mark in text for mark in keys.MARKS.values()):
        return
    found = keys.find_in(text)
    if found is not None:
        _expose_text(found)
    detail = f"A key stood in the address, where logs and histories keep it. {SHOW_THE_HEADER}"
    raise Problem(400, "key_in_url", "A key must not stand in the address.", detail)


def _expose_text(text: str) -> None:
    try:
        parsed = keys.parse(text)
    except keys.MistypedKey:
        return
    key = Key.objects.with_digest(parsed.digest)
    if key is not None and key.kind == Key.Kind.SECRET:
        _mark_exposed(key)


def _expose(caller: Caller) -> None:
    if caller.key is not None and caller.kind == "secret":
        _mark_exposed(caller.key)


def _mark_exposed(key: Key) -> None:
    if key.exposed_at is None and Key.objects.filter(pk=key.pk, exposed_at=None).update(exposed_at=db_now()):
        logger.warning("The secret key %s was seen where others can read it.", key.prefix)


def _refuse(http: HttpRequest, code: str, detail: str) -> NoReturn:
    wait = count_failure(http)
    raise not_authenticated(code, detail) if wait is None else rate_limited(wait)
