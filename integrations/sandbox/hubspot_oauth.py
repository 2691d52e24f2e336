"""HubSpot's tokens: the private app's fixed one, and those OAuth issues."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode

from integrations.sandbox.hubspot_input import RefusedError
from integrations.sandbox.store import Store

TOKEN = "pat-sandbox-hubspot"  # noqa: S105 - the sandbox's public example token
REFRESH_TOKEN = "refresh-sandbox-hubspot"  # noqa: S105 - likewise
CLIENT = ("sandbox-client", "sandbox-secret")
TOKEN_SECONDS = 1800
CODE_SECONDS = 600


def knows(store: Store, token: str) -> bool:
    """Whether a bearer token is good now."""
    if secrets.compare_digest(token.encode(), TOKEN.encode()):
        return True
    sql = "SELECT 1 FROM hubspot_tokens WHERE token = ? AND kind = 'access' AND expires_at > ?"
    return bool(token and store.rows(sql, (token, time.time())))


def consent(store: Store, asked: dict[str, str]) -> str:
    """The page on which a person agrees: its link leads back with a code, which is good once. Raises: RefusedError."""
    back = asked.get("redirect_uri", "")
    if asked.get("client_id") != CLIENT[0] or not back.startswith(("http://", "https://")):
        raise RefusedError(
            400, {"message": "missing or unknown client id or redirect uri", "category": "BAD_CLIENT_ID"}
        )
    code = secrets.token_urlsafe(16)
    with store.transaction() as db:
        row = (f"{code} {asked.get('code_challenge', '')}", "code", time.time() + CODE_SECONDS)
        db.execute("INSERT INTO hubspot_tokens (token, kind, expires_at) VALUES (?, ?, ?)", row)
    answer = f"{back}{'&' if '?' in back else '?'}{urlencode({'code': code, 'state': asked.get('state', '')})}"
    return (
        "<!doctype html><title>HubSpot sandbox</title><style>body{font:18px system-ui;margin:4rem}</style>"
        f"<h1>Connect ShopBotly?</h1><p>It asks for: {escape(asked.get('scope', ''))}</p>"
        f'<p><a href="{escape(answer)}">Agree</a></p>'
    )


def _is_agreed(store: Store, form: dict[str, str]) -> bool:
    """Whether the code is one that the page of consent gave out, unused, and the verifier belongs to it."""
    verifier = form.get("code_verifier", "")
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    token = f"{form.get('code', '')} {digest if verifier else ''}"
    with store.transaction() as db:
        sql = "DELETE FROM hubspot_tokens WHERE token = ? AND kind = 'code' AND expires_at > ?"
        return db.execute(sql, (token, time.time())).rowcount == 1


def issue(store: Store, body: bytes) -> dict[str, Any]:
    """The answer to a token request, a form. Raises: RefusedError."""
    form = dict(parse_qsl(body.decode("latin-1")))
    if (form.get("client_id"), form.get("client_secret")) != CLIENT:
        raise RefusedError(400, {"message": "missing or unknown client id", "category": "BAD_CLIENT_ID"})
    grant = form.get("grant_type")
    refresh = form.get("refresh_token", "")
    if grant == "refresh_token":
        sql = "SELECT 1 FROM hubspot_tokens WHERE token = ? AND kind = 'refresh'"
        if refresh != REFRESH_TOKEN and not store.rows(sql, (refresh,)):
            raise RefusedError(400, {"message": "missing or invalid refresh token", "category": "BAD_REFRESH_TOKEN"})
    elif grant == "authorization_code" and not _is_agreed(store, form):
        raise RefusedError(400, {"message": "missing or unknown auth code", "category": "BAD_AUTH_CODE"})
    elif grant not in ("authorization_code", "client_credentials"):
        raise RefusedError(400, {"message": "missing or unknown grant type", "category": "BAD_GRANT_TYPE"})
    access, refresh = secrets.token_urlsafe(32), refresh or secrets.token_urlsafe(24)
    rows = [(access, "access", time.time() + TOKEN_SECONDS), (refresh, "refresh", 0)]
    with store.transaction() as db:
        db.executemany("INSERT OR IGNORE INTO hubspot_tokens (token, kind, expires_at) VALUES (?, ?, ?)", rows)
    issued = {"access_token": access, "refresh_token": refresh, "expires_in": TOKEN_SECONDS}
    return {**issued, "token_type": "bearer"}
