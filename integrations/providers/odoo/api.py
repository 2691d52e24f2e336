"""What Odoo's two APIs have in common: methods of models are called, and errors carry a Python exception's name."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.providers import errors
from integrations.providers.base import Reply, Session
from integrations.providers.replies import raise_for_status
from integrations.providers.values import Record, text

UNKNOWN_FIELD = "unknown_field"

_FIELD = re.compile(r"Invalid field '?(?:[a-z_][\w.]{0,80}\.)?(\w{1,80})'?")
NO_MODEL_SAID = re.compile(r"the model '[\w.]{1,80}' does not exist|Object [\w.]{1,80} doesn't exist")
# Said about the key or the address; other messages may quote what a person entered.
_SPEAKABLE = ("werkzeug.exceptions.", "odoo.exceptions.AccessError")
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

    @abstractmethod
    def call(self, model: str, method: str, *, purpose: str, **arguments: Any) -> Any:
        """Return what a method of a model, or of the records `ids`, returned. Raises: errors.ProviderError."""

    def search_read(self, model: str, domain: Sequence[Any], fields: Sequence[str], **options: Any) -> list[Record]:
        """Return the records a domain finds, as `{"id", **fields}`; without `optional` fields that aren't there."""
        optional = options.pop("optional", frozenset())
        try:
            found = self.call(model, "search_read", domain=domain, fields=list(fields), **options)
        except errors.Refused as refused:
            if refused.code != UNKNOWN_FIELD or refused.field not in optional:
                raise
            left = [name for name in fields if name != refused.field]
            return self.search_read(model, domain, left, optional=optional - {refused.field}, **options)
        if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
            raise garbled()
        return found

    def find(self, model: str, domain: Sequence[Any], *fields: str, purpose: str) -> list[Record]:
        """Return records with their ids, also archived ones; none where no app that would have them is installed."""
        context = {**self._context, "active_test": False}
        try:
            found = self.search_read(model, domain, ("id", *fields), purpose=purpose, limit=1000, context=context)
        except NoModel:
            return []
        if not all(type(record.get("id")) is int for record in found):
            raise garbled()
        return found

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


def garbled() -> errors.RetryLater:
    """Return the error for an answer of a shape that Odoo doesn't have."""
    return errors.RetryLater("The answer was not in Odoo's form.", code="garbled_reply")


def raise_for(reply: Reply, error: Any, model: str, status: int) -> None:
    """Raise what an error, `{"name", "message", "arguments", "context", "debug"}`, means.

    A mistake of the caller, such as an unknown field, is a 500 there: trying again would not help. The `debug` part
    holds a traceback and is never looked at.
    """
    told = error if isinstance(error, Mapping) else {}
    name, message = text(told.get("name")), text(told.get("message"))[:2000]
    name = name if re.fullmatch(r"[\w.]{1,100}", name) else ""
    if name == "odoo.exceptions.MissingError":
        raise errors.RetryLater("The record was deleted meanwhile.", code="conflict", status=status)
    if status == 404:
        words = f"Odoo knows no {model}: is the app that brings it installed, and its version right on the connector?"
        # An Odoo without an app, or no Odoo at all: only the first has nothing to forget.
        raise (NoModel if NO_MODEL_SAID.fullmatch(message) else errors.Misconfigured)(words, status=404)
    if status == 500 and name.rpartition(".")[2] in _CALLERS_MISTAKES:
        if unknown := _FIELD.search(message):
            words = f"Odoo does not know the field {unknown[1]} of {model}."
            raise errors.Refused(words, code=UNKNOWN_FIELD, status=500, field=unknown[1])
        raise errors.Refused(f"Odoo could not make sense of the request ({name}).", status=500)
    words = message.partition("\n")[0][:200] if name.startswith(_SPEAKABLE) else name
    raise_for_status(Reply(status, reply.headers, reply.body), words)
