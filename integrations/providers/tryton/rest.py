"""Tryton's REST API for user applications: methods of models, and what its errors mean.

Everything is asked by POST with a JSON body, also what only reads: the domain of a GET stands in its address, and that
is for no address of a person.
Source: trytond 8.0.12, trytond/protocols/rest.py and wrappers.py.
"""

import base64
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from integrations.providers import errors
from integrations.providers.base import Reply, Session
from integrations.providers.replies import error_in, identified, raise_for_status
from integrations.providers.values import Record, text

# Tryton's own English templates, which is why English is asked for. No text of a person's stands in what is taken.
_REQUIRED = re.compile(r'A value is required for field "([^"]{1,60})" in ')
_MEANINGS = (
    ('The phone number "', "invalid_phone", "Tryton takes no such phone number.", "party.phone"),
    ('The email address "', "invalid_email", "Tryton takes no such e-mail address.", "party.email"),
)


class Rest:
    """Calls methods of models; `context` says for which company and, of stock, at which places."""

    def __init__(self, session: Session, database: str, *, company: int | None = None) -> None:
        self._session = session
        self._root = f"/{quote(database, safe='')}/rest/model"
        self._context: dict[str, Any] = {"company": company} if company else {}

    def call(
        self, path: str, *, purpose: str, context: Record | None = None, max_bytes: int = 1_000_000, **arguments: Any
    ) -> Any:
        """Return what `<model>/<method>`, or `<model>/<id>/<button>`, answers. Raises: errors.ProviderError."""
        reply = self._send("POST", path, purpose, arguments, context or {}, max_bytes)
        raise_for(reply)
        return reply.json() if reply.body else None

    def search(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], *, purpose: str, limit: int, **options: Any
    ) -> list[Record]:
        """Return the records a domain finds, oldest first, as `{"id", **fields}`. Raises: errors.ProviderError."""
        asked = {"domain": domain, "fields_names": list(fields), "limit": limit, "order": [["id", "ASC"]], **options}
        found = self.call(f"{model}/search_read", purpose=purpose, **asked)
        return identified(found)

    def create(self, model: str, values: Record, *, purpose: str, context: Record | None = None) -> int:
        """Make a record and return its id. Raises: errors.ProviderError."""
        made = self.call(model, purpose=purpose, context=context, **values)
        return int(identified([made])[0]["id"])

    def write(self, model: str, record_id: int, values: Record, *, purpose: str) -> None:
        """Change a record. Raises: errors.ProviderError."""
        raise_for(self._send("PUT", f"{model}/{record_id}", purpose, values, {}, 1_000_000))

    def delete(self, model: str, record_id: int, *, purpose: str) -> None:
        """Delete a record; one that is gone already is fine. Raises: errors.ProviderError."""
        reply = self._send("DELETE", f"{model}/{record_id}", purpose, None, {}, 1_000_000)
        if reply.status != 404:
            raise_for(reply)

    def _send(self, method: str, path: str, purpose: str, body: Any, context: Record, max_bytes: int) -> Reply:
        context = {**self._context, **context}
        told = base64.urlsafe_b64encode(json.dumps(context).encode()).decode("ascii")
        headers = {"Accept-Language": "en", **({"X-Tryton-Context": told} if context else {})}
        return self._session.request(
            method, f"{self._root}/{path}", purpose=purpose, json=body, headers=headers, max_bytes=max_bytes
        )


def raise_for(reply: Reply) -> None:
    """Raise what a reply without success means.

    Tryton answers 400 with JSON where it refuses a value, in words that quote it; and 400 with a page where it could
    not make sense of the request, such as a field or a model that it doesn't have.
    """
    if 200 <= reply.status < 300:
        return
    if reply.status == 404:
        words = "Tryton doesn't know this: is the database's name right, and is this Tryton's own address?"
        raise errors.Misconfigured(words, status=404)
    if reply.status == 400:
        raise _refused(text(error_in(reply).get("message")))
    raise_for_status(reply)


def _refused(message: str) -> errors.Refused:
    if not message:
        words = "Tryton could not make sense of the request: is the module activated, and are all mapped fields known?"
        return errors.Refused(words, code="unintelligible", status=400)
    for begin, code, words, field in _MEANINGS:
        if message.startswith(begin):
            return errors.Refused(words, code=code, status=400, field=field)
    if needed := _REQUIRED.match(message):
        return errors.Refused(f"Tryton needs “{needed[1]}”.", code="missing_field", status=400)
    return errors.Refused("Tryton refuses a value, or what it would lead to.", status=400)
