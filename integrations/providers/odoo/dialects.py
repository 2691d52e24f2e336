"""Odoo's two APIs: JSON-2 (19 and later) and JSON-RPC (up to 18, deprecated after).

Source: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html, addons/rpc/controllers/json2.py;
https://www.odoo.com/documentation/18.0/developer/reference/external_api.html, odoo/service/model.py.
"""

from collections.abc import Mapping
from typing import Any

from integrations.providers import errors
from integrations.providers.base import KEY_IN_BODY
from integrations.providers.jsonrpc import ask
from integrations.providers.odoo.api import Api, raise_for
from integrations.providers.replies import error_in, garbled


class Json2(Api):
    """Calls over JSON-2; the key travels in a header."""

    def call(self, model: str, method: str, *, purpose: str, max_bytes: int = 1_000_000, **arguments: Any) -> Any:
        body = {**({"context": self._context} if self._context else {}), **arguments}
        headers = {"X-Odoo-Database": self._database} if self._database else {}
        path = f"/json/2/{model}/{method}"
        reply = self._session.request("POST", path, purpose=purpose, json=body, headers=headers, max_bytes=max_bytes)
        if not 200 <= reply.status < 300:
            raise_for(reply, error_in(reply), model)
        return reply.json()


class JsonRpc(Api):
    """Calls over JSON-RPC for a user, named by login or, which saves a request each time, by number."""

    def __init__(self, session: Any, config: Mapping[str, Any]) -> None:
        super().__init__(session, config)
        self._user = str(config.get("user") or "")
        self._user_id = int(self._user) if self._user.isdecimal() else 0

    def call(self, model: str, method: str, *, purpose: str, max_bytes: int = 1_000_000, **arguments: Any) -> Any:
        if not self._user_id:
            self._user_id = self._sign_in()
        named = {**({"context": self._context} if self._context else {}), **arguments}
        # Which records, and what is to be created, is told by place there.
        placed = [named.pop(name) for name in ("ids", "vals_list") if name in named]
        told = [self._database, self._user_id, KEY_IN_BODY, model, method, placed, named]
        return self._ask("object", "execute_kw", told, purpose, model, max_bytes)

    def _sign_in(self) -> int:
        if not (self._user and self._database):
            raise errors.Misconfigured("Enter the database and the user on the connector: this Odoo needs both.")
        user_id = self._ask("common", "login", [self._database, self._user, KEY_IN_BODY], "sign in", "res.users")
        if user_id is False:
            raise errors.NotAuthorised("Odoo knows no such user, or not with this key.", status=200)
        if type(user_id) is not int:
            raise garbled()
        return user_id

    def _ask(self, service: str, method: str, told: Any, purpose: str, model: str, max_bytes: int = 1_000_000) -> Any:
        params, options = {"service": service, "method": method, "args": told}, {"max_bytes": max_bytes}
        result, error, reply = ask(self._session, "/jsonrpc", "call", params, purpose=purpose, **options)
        if error is not None:
            raise_for(reply, error, model)
        return result
