"""OAuth 2.0 as a client: where tokens are had, what is sent for them, what the answer means.

Source: RFC 6749 (grants), RFC 7636 (PKCE), RFC 7523 (JWT bearer).
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import jwt

from integrations.calls import CallLog
from integrations.credentials import opened
from integrations.egress.session import HttpSession
from integrations.egress.urls import parse_base
from integrations.models import Connector, Credential
from integrations.providers import errors
from integrations.providers.base import Provider, Reply
from integrations.providers.registry import provider_class
from integrations.providers.replies import raise_for_status
from runtime.scrubbing import remember, scrub_text

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOTAL_SECONDS = 10.0
"""How long a token request may take: whoever waits for it has a call of its own to make within a lease."""

_ASSERTION_SECONDS = 180
_LONGEST_TOKEN = 8_000

SignIn = Credential.SignIn


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a vendor gave out; `expires_in` is in seconds, None where it doesn't say."""

    access_token: str
    refresh_token: str = ""
    expires_in: float | None = None

    def sealable(self) -> dict[str, Any]:
        """Return what is kept: `{"access_token", "refresh_token"?}`."""
        values = {"access_token": self.access_token, "refresh_token": self.refresh_token}
        return {name: value for name, value in values.items() if value}


def token_url(credential: Credential) -> str:
    """Return where a credential's tokens are had. Raises: Misconfigured where the vendor has no OAuth."""
    own = credential.settings.get("token_url")
    return str(own) if own else default_token_url(provider_class(credential.provider), credential.host)


def default_token_url(provider: type[Provider], host: str) -> str:
    """Return where a vendor usually gives out tokens. Raises: Misconfigured where it doesn't."""
    if provider.oauth is None:
        raise errors.Misconfigured(f"{provider.name} gives out no tokens; store a key instead.")
    return _below(provider, host, provider.oauth.token_path)


def default_authorize_url(provider: type[Provider], host: str) -> str:
    """Return the page where a person agrees; empty where the vendor has none."""
    page = provider.oauth.authorize_url if provider.oauth else ""
    return _below(provider, host, page) if page.startswith("/") else page


def _below(provider: type[Provider], host: str, path: str) -> str:
    base = provider.default_base_url or (f"https://{host}" if host else "")
    return f"{base}{path}" if base else ""


def authorization_url(credential: Credential, *, redirect_uri: str, state: str, verifier: str) -> str:
    """Return the address a person is sent to, to agree at the vendor's. Raises: Misconfigured."""
    provider = provider_class(credential.provider)
    page = str(credential.settings.get("authorize_url") or default_authorize_url(provider, credential.host))
    if not page:
        raise errors.Misconfigured("The address of the vendor's page for signing in is missing.")
    digest = hashlib.sha256(verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": credential.settings.get("client_id", ""),
        "redirect_uri": redirect_uri,
        "scope": credential.settings.get("scopes") or (provider.oauth.scopes if provider.oauth else ""),
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    return f"{page}?{urlencode({name: value for name, value in asked.items() if value})}"


def new_verifier() -> str:
    """Return a PKCE code verifier."""
    return secrets.token_urlsafe(48)


def code_form(credential: Credential, *, code: str, verifier: str, redirect_uri: str) -> dict[str, str]:
    """Return the form that exchanges an authorization code for tokens."""
    return {
        **_client(credential),
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": redirect_uri,
    }


def renewal_form(credential: Credential, tokens: Mapping[str, Any]) -> dict[str, str]:
    """Return the form that gets the next access token. Raises: NotAuthorised where only a person can get it."""
    if credential.sign_in == SignIn.JWT_BEARER:
        return {"grant_type": JWT_BEARER, "assertion": _assertion(credential)}
    if credential.sign_in == SignIn.CLIENT_CREDENTIALS:
        scopes = credential.settings.get("scopes")
        form = {**_client(credential), "grant_type": "client_credentials"}
        return {**form, "scope": scopes} if scopes else form
    refresh = tokens.get("refresh_token")
    if not refresh:
        raise errors.NotAuthorised("Nobody has signed in at the vendor yet, or the sign-in has run out. Press Connect.")
    return {**_client(credential), "grant_type": "refresh_token", "refresh_token": str(refresh)}


def _client(credential: Credential) -> dict[str, str]:
    values = opened(credential.sealed)
    return {
        "client_id": str(credential.settings.get("client_id", "")),
        "client_secret": str(values.get("client_secret", "")),
    }


def _assertion(credential: Credential) -> str:
    provider = provider_class(credential.provider)
    audience = credential.settings.get("audience") or (provider.oauth.audience if provider.oauth else "")
    claims = {
        "iss": credential.settings.get("client_id", ""),
        "sub": credential.settings.get("subject", ""),
        "aud": audience or token_url(credential),
        "exp": int(time.time()) + _ASSERTION_SECONDS,
    }
    try:
        signed = jwt.encode(claims, str(opened(credential.sealed).get("private_key", "")), algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError) as err:
        raise errors.NotAuthorised("The stored private key can't sign: enter it as PEM text.") from err
    remember(signed)
    return signed


def ask_for_tokens(
    credential: Credential, form: Mapping[str, str], calls: CallLog | None = None, *, transport: Any = None
) -> Tokens:
    """Send one token request. Raises: NotAuthorised with the vendor's words, RetryLater, EgressDenied."""
    url = parse_base(token_url(credential))
    session = HttpSession(
        str(url.copy_with(raw_path=b"/")),
        calls=calls or CallLog(Connector(name=credential.name)),
        bound_to=credential.host,
        total_seconds=TOTAL_SECONDS,
        transport=transport,
    )
    reply = session.request("POST", url.raw_path.decode("ascii"), purpose="sign in", form=form)
    if reply.status in {400, 401, 403}:
        raise errors.NotAuthorised(_words(reply), status=reply.status)
    raise_for_status(reply)
    _check_instance(reply, credential.host)
    return _tokens(reply)


def _check_instance(reply: Reply, host: str) -> None:
    """Refuse tokens for another host than their credential's: they are sent to that one alone.

    Raises: Misconfigured with the host that the vendor names in `instance_url`.
    """
    answer = reply.json()
    named = answer.get("instance_url") if isinstance(answer, dict) else None
    if not isinstance(named, str) or not host:
        return
    try:
        found = parse_base(named).host.lower()
    except errors.EgressDenied:
        found = ""
    if found != host.lower():
        where = found or "an address that is none"
        raise errors.Misconfigured(
            f"These tokens are for {where}, not for {host}. Enter that host on the credential, clear the connector's"
            " base address, and sign in again."
        )


def _tokens(reply: Reply) -> Tokens:
    answer = reply.json()
    access = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(access, str) or not 0 < len(access) <= _LONGEST_TOKEN:
        raise errors.RetryLater("The answer held no token.", code="garbled_reply", status=reply.status)
    refresh, expires_in = answer.get("refresh_token"), answer.get("expires_in")
    for secret in (access, refresh):
        if isinstance(secret, str):
            remember(secret)
    try:
        seconds = float(expires_in) if expires_in is not None else None
    except (TypeError, ValueError):
        seconds = None
    is_sensible = seconds is not None and 0 < seconds < 10**8
    return Tokens(access, refresh if isinstance(refresh, str) else "", seconds if is_sensible else None)


def _words(reply: Reply) -> str:
    """Return what the vendor says about a refused token request."""
    try:
        answer = reply.json()
    except errors.RetryLater:
        return ""
    said = answer if isinstance(answer, dict) else {}
    texts = (said.get("error_description"), said.get("message"), said.get("error"))
    return scrub_text(next((text for text in texts if isinstance(text, str) and text), ""))[:160]
