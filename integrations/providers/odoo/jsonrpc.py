"""Odoo's JSON-RPC API (up to 18, deprecated after): one address, the key in every body, errors come with status 200.

Source: https://www.odoo.com/documentation/18.0/developer/reference/external_api.html, odoo/service/model.py.
"""

from collections.abc import Mapping
from typing import Any

from integrations.providers import errors
from integrations.providers.base import KEY_IN_BODY
from integrations.providers.odoo.api import NO_MODEL_SAID, Api, garbled, raise_for
from integrations.providers.replies import raise_for_status
from integrations.providers.values import text

# The statuses that the same exceptions have over JSON-2; whatever else is the server's own trouble.
_STATUSES = {"AccessDenied": 401, "AccessError": 403, "MissingError": 404, "UserError": 422, "ValidationError": 422}


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
        told = [self._database, self._user, KEY_IN_BODY]
        user_id = self._ask("common", "login", told, "sign in", "res.users")
        if user_id is False:
            raise errors.NotAuthorised("Odoo knows no such user, or not with this key.", status=200)
        if type(user_id) is not int:
            raise garbled()
        return user_id

    def _ask(self, service: str, method: str, told: Any, purpose: str, model: str, max_bytes: int = 1_000_000) -> Any:
        params = {"service": service, "method": method, "args": told}
        body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
        reply = self._session.request("POST", "/jsonrpc", purpose=purpose, json=body, max_bytes=max_bytes)
        raise_for_status(reply)
        said = reply.json()
        if not isinstance(said, dict) or not ("result" in said or "error" in said):
            raise garbled()
        if "error" in said:
            error = said["error"].get("data") if isinstance(said["error"], dict) else None
            raise_for(reply, error, model, _status(error))
            raise garbled()
        return said["result"]


def _status(error: Any) -> int:
    """Return the status that an error would have over JSON-2."""
    told = error if isinstance(error, Mapping) else {}
    if told.get("name") == "werkzeug.exceptions.NotFound" or NO_MODEL_SAID.fullmatch(text(told.get("message"))):
        return 404
    module, name = text(told.get("name")).rpartition(".")[::2]
    return _STATUSES.get(name, 500) if module == "odoo.exceptions" else 500
