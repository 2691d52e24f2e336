"""HubSpot's error bodies in our words: never the message itself, which quotes what a person entered. Pure.

Source: https://developers.hubspot.com/docs/api-reference/error-handling
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.providers import errors
from integrations.providers.base import Outcome, Reply
from integrations.providers.replies import raise_for_status, retry_after

_REASONS = {
    "PROPERTY_DOESNT_EXIST": ("unknown_field", 'Property "{field}" does not exist'),
    "INVALID_EMAIL": ("invalid_email", "The e-mail address is invalid"),
    "INVALID_OPTION": ("invalid_option", 'The value of "{field}" is not one of the allowed options'),
    "READ_ONLY_VALUE": ("read_only_field", 'Property "{field}" is read only'),
    "CONFLICT": ("conflict", "Another contact already has this value"),
}
_PASSING = {"RATE_LIMITS", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "MIGRATION_IN_PROGRESS", "TIMEOUT"}
# What these say is about the key or the account, not about a person.
_SPEAKABLE = {401, 403, 404, 429}
_WORD = re.compile(r"[A-Za-z0-9_]{1,80}\Z")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: HubSpot's code, the property it is about, and which inputs (trace ids, e-mails)."""

    code: str
    field: str
    about: tuple[str, ...]

    @classmethod
    def of(cls, error: Mapping[str, Any]) -> "Problem":
        """Read an error body, or an item of `errors`."""
        code, field = next(_details(error), ("", ""))
        if code not in _REASONS:
            code = _word(error.get("category")) or code
        context = error.get("context")
        named = [*_texts(context, "objectWriteTraceId"), *_texts(context, "ids")]
        return cls(code, field or ("email" if code == "INVALID_EMAIL" else ""), tuple(named))

    @property
    def reason(self) -> str:
        """Our stable code."""
        return _REASONS.get(self.code, ("refused", ""))[0]

    @property
    def words(self) -> str:
        """HubSpot's words without what a person entered."""
        words = _REASONS.get(self.code, ("", self.code))[1]
        return words.replace("{field}", self.field)

    def outcome(self) -> Outcome:
        """Return what it means for one contact."""
        if self.code in _PASSING:
            return Outcome.retry("rate_limited" if self.code == "RATE_LIMITS" else "retry_later", self.words)
        return Outcome.rejected(self.reason, self.words, self.field)


def raise_for(reply: Reply, *, items: int = 1) -> None:
    """Raise what a reply without success means. Raises: errors.ProviderError."""
    if 200 <= reply.status < 300:
        return
    body = _parsed(reply.body)
    problem = Problem.of(body)
    if reply.status == 409:
        code = "batch_conflict" if items > 1 else "conflict"
        raise errors.Refused(problem.words, code=code, status=409)
    if reply.status in {400, 422} and problem.code not in _PASSING:
        raise errors.Refused(problem.words, code=problem.reason, status=reply.status, field=problem.field)
    if reply.status in {400, 403, 422} and problem.code in _PASSING:
        code = "rate_limited" if problem.code == "RATE_LIMITS" else ""
        after = retry_after(reply.headers)
        raise errors.RetryLater(problem.words, code=code, status=reply.status, after=after)
    said = body.get("message") if reply.status in _SPEAKABLE else problem.words
    raise_for_status(reply, said[:300] if isinstance(said, str) else "")


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, Mapping) else {}


def _details(error: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (code, property) of each detail: from `errors`, else from the list hidden as JSON in the message."""
    details = error.get("errors")
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, Mapping):
            named = _texts(detail.get("context"), "propertyName")
            yield _word(detail.get("code")), _word(named[0] if named else detail.get("in"))
    _, _, hidden = str(error.get("message") or "").partition("Property values were not valid: ")
    for detail in _hidden(hidden):
        if isinstance(detail, Mapping):
            yield _word(detail.get("error")), _word(detail.get("name"))


def _hidden(text: str) -> list[Any]:
    try:
        parsed = json.loads(text) if text.startswith("[") else []
    except (ValueError, RecursionError):
        return []
    return parsed if isinstance(parsed, list) else []


def _texts(context: Any, name: str) -> list[str]:
    values = context.get(name) if isinstance(context, Mapping) else None
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _word(value: Any) -> str:
    """Return an identifier as such, and nothing where it is a sentence (which might hold what a person entered)."""
    return value if isinstance(value, str) and _WORD.match(value) else ""
