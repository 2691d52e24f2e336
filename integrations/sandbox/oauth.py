"""A vendor's OAuth 2.0: the page of consent, codes that are good once and bound by PKCE, tokens that end."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode

from integrations.sandbox.store import Store
from integrations.sandbox.vendor import RefusedError

CLIENT = ("sandbox-client", "sandbox-secret")
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_SECONDS = 1800
CODE_SECONDS = 600


class GrantRefusedError(RefusedError):
    """Why no token is given, by OAuth's word for it and a sentence; `about` is what was wrong."""

    def __init__(self, code: str, words: str, about: str) -> None:
        super().__init__(code, words, 400, about)


def schema(vendor: str) -> str:
    """The table that a vendor's desk needs."""
    return (
        f"CREATE TABLE IF NOT EXISTS {vendor}_tokens"
        " (token TEXT PRIMARY KEY, kind TEXT NOT NULL, expires_at REAL NOT NULL);"
    )


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one vendor gives out tokens; `token` and `refresh_token` are good from the start and never end."""

    vendor: str
    name: str
    store: Store
    token: str
    refresh_token: str
    takes_assertions: bool = False

    def knows(self, token: str) -> bool:
        """Whether a bearer token is good now."""
        if secrets.compare_digest(token.encode(), self.token.encode()):
            return True
        sql = f"SELECT 1 FROM {self.vendor}_tokens WHERE token = ? AND kind = 'access' AND expires_at > ?"
        return bool(token and self.store.rows(sql, (token, time.time())))

    def consent(self, asked: dict[str, str]) -> bytes:
        """The page on which a person agrees: its link leads back with a code. Raises: GrantRefusedError."""
        back = asked.get("redirect_uri", "")
        if asked.get("client_id") != CLIENT[0] or not back.startswith(("http://", "https://")):
            raise GrantRefusedError("invalid_client_id", "missing or unknown client id or redirect uri", "CLIENT_ID")
        code = secrets.token_urlsafe(16)
        with self.store.transaction() as db:
            row = (f"{code} {asked.get('code_challenge', '')}", "code", time.time() + CODE_SECONDS)
            db.execute(f"INSERT INTO {self.vendor}_tokens (token, kind, expires_at) VALUES (?, ?, ?)", row)
        answer = f"{back}{'&' if '?' in back else '?'}{urlencode({'code': code, 'state': asked.get('state', '')})}"
        return (
            f"<!doctype html><title>{self.name} sandbox</title><style>body{{font:18px system-ui;margin:4rem}}</style>"
            f"<h1>Connect ShopBotly?</h1><p>It asks for: {escape(asked.get('scope', ''))}</p>"
            f'<p><a href="{escape(answer)}">Agree</a></p>'
        ).encode()

    def issue(self, body: bytes) -> dict[str, Any]:
        """The answer to a token request, a form. Raises: GrantRefusedError."""
        form = dict(parse_qsl(body.decode("latin-1")))
        grant, refresh = form.get("grant_type"), form.get("refresh_token", "")
        if grant == JWT_BEARER and self.takes_assertions:
            _check_assertion(form.get("assertion", ""))
        elif (form.get("client_id"), form.get("client_secret")) != CLIENT:
            raise GrantRefusedError("invalid_client", "missing or unknown client id", "CLIENT_ID")
        elif grant == "refresh_token":
            self._check_refresh(refresh)
        elif grant == "authorization_code":
            self._take_code(form)
        elif grant != "client_credentials":
            raise GrantRefusedError("unsupported_grant_type", "missing or unknown grant type", "GRANT_TYPE")
        return self._give(refresh or secrets.token_urlsafe(24))

    def _give(self, refresh: str) -> dict[str, Any]:
        access = secrets.token_urlsafe(32)
        rows = [(access, "access", time.time() + TOKEN_SECONDS), (refresh, "refresh", 0)]
        with self.store.transaction() as db:
            db.executemany(
                f"INSERT OR IGNORE INTO {self.vendor}_tokens (token, kind, expires_at) VALUES (?, ?, ?)", rows
            )
        return {"access_token": access, "refresh_token": refresh, "expires_in": TOKEN_SECONDS, "token_type": "bearer"}

    def _check_refresh(self, refresh: str) -> None:
        sql = f"SELECT 1 FROM {self.vendor}_tokens WHERE token = ? AND kind = 'refresh'"
        if refresh != self.refresh_token and not self.store.rows(sql, (refresh,)):
            raise GrantRefusedError("invalid_grant", "missing or invalid refresh token", "REFRESH_TOKEN")

    def _take_code(self, form: dict[str, str]) -> None:
        """Use up a code that the page of consent gave out, if the verifier belongs to it."""
        verifier = form.get("code_verifier", "")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        token = f"{form.get('code', '')} {digest if verifier else ''}"
        with self.store.transaction() as db:
            sql = f"DELETE FROM {self.vendor}_tokens WHERE token = ? AND kind = 'code' AND expires_at > ?"
            if db.execute(sql, (token, time.time())).rowcount != 1:
                raise GrantRefusedError("invalid_grant", "missing or unknown auth code", "AUTH_CODE")


def _check_assertion(assertion: str) -> None:
    """Look at what a signed assertion says; the sandbox has no certificate of the app to check the signature with."""
    try:
        head, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in assertion.split(".")[:2])
        is_good = head["alg"] == "RS256" and claims["iss"] == CLIENT[0] and "@" in claims["sub"]
        is_good = is_good and claims["aud"].startswith("https://") and 0 < claims["exp"] - time.time() <= 300
    except (ValueError, KeyError, TypeError, AttributeError):
        is_good = False
    if not is_good:
        raise GrantRefusedError("invalid_grant", "invalid assertion", "ASSERTION")
