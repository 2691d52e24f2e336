"""HubSpot's tokens: the private app's fixed one, and those OAuth issues."""

from __future__ import annotations

import secrets
import time
from typing import Any
from urllib.parse import parse_qsl

from integrations.sandbox.hubspot_input import RefusedError
from integrations.sandbox.store import Store

TOKEN = "pat-sandbox-hubspot"  # noqa: S105 - the sandbox's public example token
REFRESH_TOKEN = "refresh-sandbox-hubspot"  # noqa: S105 - likewise
CLIENT = ("sandbox-client", "sandbox-secret")
TOKEN_SECONDS = 1800


def knows(store: Store, token: str) -> bool:
    """Whether a bearer token is good now."""
    if secrets.compare_digest(token.encode(), TOKEN.encode()):
        return True
    sql = "SELECT 1 FROM hubspot_tokens WHERE token = ? AND kind = 'access' AND expires_at > ?"
    return bool(token and store.rows(sql, (token, time.time())))


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
    elif grant == "authorization_code" and not form.get("code"):
        raise RefusedError(400, {"message": "missing or unknown auth code", "category": "BAD_AUTH_CODE"})
    elif grant not in ("authorization_code", "client_credentials"):
        raise RefusedError(400, {"message": "missing or unknown grant type", "category": "BAD_GRANT_TYPE"})
    access, refresh = secrets.token_urlsafe(32), refresh or secrets.token_urlsafe(24)
    rows = [(access, "access", time.time() + TOKEN_SECONDS), (refresh, "refresh", 0)]
    with store.transaction() as db:
        db.executemany("INSERT OR IGNORE INTO hubspot_tokens (token, kind, expires_at) VALUES (?, ?, ?)", rows)
    issued = {"access_token": access, "refresh_token": refresh, "expires_in": TOKEN_SECONDS}
    return {**issued, "token_type": "bearer"}
