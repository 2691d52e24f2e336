"""What Odoo's two APIs have in common: methods of models are called, and errors carry a Python exception's name."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.providers import errors
from integrations.providers.base import Page, Reply, Session
from integrations.providers.replies import garbled, identified, raise_for_status
from integrations.providers.values import Record, text

UNKNOWN_FIELD = "unknown_field"
_FIELD = re.compile(r"Invalid field '?(?:[a-z_][\w.]{0,80}\.)?(\w{1,80})'?")
_NO_MODEL_SAID = re.compile(r"the model '[\w.]{1,80}' does not exist|Object [\w.]{1,80} doesn't exist")
# Said about the key or the address; other messages may quote what a person entered.
_SPEAKABLE = ("werkzeug.exceptions.", "odoo.exceptions.AccessError")
# They come with apps, or versions, that a company may do without; no answer is wrong without them.
_OPTIONAL = frozenset({"delivery_status", "picking_ids", "commitment_date", "carrier_tracking_ref"})
_PAGE = 100
# The statuses that exceptions have over JSON-2; whatever else is the server's own trouble.
_STATUSES = {"AccessDenied": 401, "AccessError": 403, "NotFound": 404, "UserError": 422, "ValidationError": 422}
_CALLERS_MISTAKES = {"ValueError", "TypeError", "KeyError", "AttributeError"}


class NoModel(errors.Misconfigured):
    """The app that would bring a model isn't installed."""


class Api(ABC):
    """Calls methods of models; arguments are always bound as JSON values, never put into a text."""

    def __init__(self, session: Session, config: Mapping[str, Any]) -> None:
        self._session = session
        self._database = str(config.get("database") or "")
        company_id = config.get("company_id")
        self._context: dict[str, Any] = {"allowed_company_ids": [int(company_id)]} if company_id else {}

    @property
    def archived_too(self) -> dict[str, Any]:
        """The context in which archived records are found, too."""
        return {**self._context, "active_test": False}

    @abstractmethod
    def call(self, model: str, method: str, *, purpose: str, **arguments: Any) -> Any:
        """Return what a method of a model, or of the records `ids`, returned. Raises: errors.ProviderError."""

    def search_read(self, model: str, domain: Sequence[Any], fields: Sequence[str], **options: Any) -> list[Record]:
        """Return the records a domain finds, as `{"id", **fields}`; without `optional` fields that aren't there."""
        optional = options.pop("optional", _OPTIONAL)
        try:
            found = self.call(model, "search_read", domain=domain, fields=list(fields), **options)
        except errors.Refused as refused:
            if refused.code != UNKNOWN_FIELD or refused.field not in optional:
                raise
            left = [name for name in fields if name != refused.field]
            return self.search_read(model, domain, left, optional=optional - {refused.field}, **options)
        return identified(found)

    def find(self, model: str, domain: Sequence[Any], *fields: str, purpose: str) -> list[Record]:
        """Return records with their ids, also archived ones; none where no app that would have them is installed."""
        asked: dict[str, Any] = {"purpose": purpose, "limit": 1000, "context": self.archived_too}
        try:
            return self.search_read(model, domain, fields or ["id"], **asked)
        except NoModel:
            return []

    def page(self, model: str, domain: list[Any], fields: Sequence[str], after: str, **options: Any) -> Page[Record]:
        """Return a hundred records by their ids, and the id after which the next ones come; empty at the end."""
        here, most = [*domain, ["id", ">", int(after or 0)]], 16_000_000
        found = self.search_read(model, here, fields, order="id", limit=_PAGE, max_bytes=most, **options)
        return Page(found, str(found[-1]["id"]) if len(found) == _PAGE else "")

    def create(self, model: str, purpose: str, **values: Any) -> int:
        """Make a record and return its id. Raises: errors.ProviderError."""
        made = self.call(model, "create", purpose=purpose, vals_list=[values])
        if not isinstance(made, list) or len(made) != 1 or type(made[0]) is not int:
            raise garbled()
        return made[0]

    def change(self, model: str, method: str, ids: Sequence[Any], *, purpose: str, **arguments: Any) -> None:
        """Do to records what answers `true`: `write` or `unlink`. Raises: errors.ProviderError."""
        if self.call(model, method, purpose=purpose, ids=ids, **arguments) is not True:
            raise garbled()


def raise_for(reply: Reply, error: Record, model: str) -> None:
    """Raise what an error, `{"name", "message", "arguments", "context", "debug"}`, means; JSON-RPC tells it with 200.

    A mistake of the caller, such as an unknown field, is a 500 there: trying again would not help. The `debug` part
    holds a traceback and is never looked at.
    """
    name, message = text(error.get("name")), text(error.get("message"))[:2000]
    name = name if re.fullmatch(r"[\w.]{1,100}", name) else ""
    kind = name.rpartition(".")[2]
    known = 404 if _NO_MODEL_SAID.fullmatch(message) else _STATUSES.get(kind, 500)
    status = known if 200 <= reply.status < 300 else reply.status
    if name == "odoo.exceptions.MissingError":
        raise errors.RetryLater("The record was deleted meanwhile.", code="conflict", status=status)
    if status == 404:
        words = f"Odoo knows no {model}: is the app that brings it installed, and its version right on the connector?"
        # An Odoo without an app, or no Odoo at all: only the first has nothing to forget.
        raise (NoModel if _NO_MODEL_SAID.fullmatch(message) else errors.Misconfigured)(words, status=404)
    if status == 500 and kind in _CALLERS_MISTAKES:
        if unknown := _FIELD.search(message):
            words = f"Odoo does not know the field {unknown[1]} of {model}."
            raise errors.Refused(words, code=UNKNOWN_FIELD, status=500, field=unknown[1])
        raise errors.Refused(f"Odoo could not make sense of the request ({name}).", status=500)
    words = message.partition("\n")[0][:200] if name.startswith(_SPEAKABLE) else name
    raise_for_status(Reply(status, reply.headers, reply.body), words)
