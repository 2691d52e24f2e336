"""Odoo's JSON-2 API (19 and later): an address per method, the status says what became of it.

Source: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html, addons/rpc/controllers/json2.py.
"""

import contextlib
import json
from typing import Any

from integrations.providers.odoo.api import Api, raise_for


class Json2(Api):
    """Calls over JSON-2; the key travels in a header."""

    def call(self, model: str, method: str, *, purpose: str, max_bytes: int = 1_000_000, **arguments: Any) -> Any:
        body = {**({"context": self._context} if self._context else {}), **arguments}
        headers = {"X-Odoo-Database": self._database} if self._database else {}
        path = f"/json/2/{model}/{method}"
        reply = self._session.request("POST", path, purpose=purpose, json=body, headers=headers, max_bytes=max_bytes)
        if not 200 <= reply.status < 300:
            error = None
            # A proxy's page is none of Odoo's errors.
            with contextlib.suppress(ValueError, RecursionError):
                error = json.loads(reply.body)
            raise_for(reply, error, model, reply.status)
        return reply.json()
