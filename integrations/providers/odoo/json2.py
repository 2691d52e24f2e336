"""Odoo's JSON-2 API (19 and later): calls of model methods, and what its errors mean.

Source: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html, addons/rpc/controllers/json2.py.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from integrations.providers import errors
from integrations.providers.base import Reply, Session
from integrations.providers.replies import raise_for_status

_UNKNOWN_FIELD = re.compile(r"Invalid field '?(?:[a-z_][\w.]{0,80}\.)?(\w{1,80})'?")
# Said about the key or the address; other messages may quote what a person entered.
_SPEAKABLE = ("werkzeug.exceptions.", "odoo.exceptions.AccessError")
_CALLERS_MISTAKES = {"ValueError", "TypeError", "KeyError", "AttributeError"}


class Json2:
    """Calls methods of models; arguments are always bound as JSON values, never put into a text."""

    def __init__(self, session: Session, *, database: str = "", company_id: int | None = None) -> None:
        self._session = session
        self._headers = {"X-Odoo-Database": database} if database else {}
        self._context: dict[str, Any] = {"allowed_company_ids": [company_id]} if company_id else {}

    def call(self, model: str, method: str, *, purpose: str, **arguments: Any) -> Any:
        """Return what a method of a model returned. Raises: errors.ProviderError."""
        context = {"context": self._context} if self._context else {}
        reply = self._session.request(
            "POST",
            f"/json/2/{model}/{method}",
            purpose=purpose,
            json={**arguments, **context},
            headers=self._headers,
        )
        raise_for(reply, model)
        return reply.json()

    def search_read(
        self, model: str, domain: list[Any], fields: tuple[str, ...], *, purpose: str, limit: int
    ) -> list[Mapping[str, Any]]:
        """Return the records a domain finds, as `{"id", **fields}`. Raises: errors.ProviderError."""
        arguments = {"domain": domain, "fields": list(fields), "limit": limit}
        found = self.call(model, "search_read", purpose=purpose, **arguments)
        if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
            raise errors.RetryLater("The answer was not a list of records.", code="garbled_reply")
        return found


def raise_for(reply: Reply, model: str) -> None:
    """Raise what a reply without success means.

    A mistake of the caller, such as an unknown field, is a 500 there: trying again would not help. The `debug` part
    of an error holds a traceback and is never looked at.
    """
    if 200 <= reply.status < 300:
        return
    name, message = _error(reply)
    if reply.status == 404:
        words = f"Odoo knows no {model}: is the app that brings it installed, and is this Odoo 19 or later?"
        raise errors.Misconfigured(words, code="misconfigured", status=404)
    if reply.status == 500 and name.rpartition(".")[2] in _CALLERS_MISTAKES:
        unknown = _UNKNOWN_FIELD.search(message)
        if unknown:
            words = f"Odoo does not know the field {unknown[1]} of {model}."
            raise errors.Refused(words, code="unknown_field", status=500, field=unknown[1])
        raise errors.Refused(f"Odoo could not make sense of the request ({name}).", status=500)
    words = message.partition("\n")[0][:200] if name.startswith(_SPEAKABLE) else name
    raise_for_status(reply, words)


def _error(reply: Reply) -> tuple[str, str]:
    """Return an error's exception name and message; empty where the body is a page."""
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    name = str(body.get("name") or "")
    return (name if re.fullmatch(r"[\w.]{1,100}", name) else ""), str(body.get("message") or "")[:2000]
