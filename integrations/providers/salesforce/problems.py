"""Salesforce's errors in our words: never the message itself, which quotes what a person entered. Pure.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm, SOAP API's StatusCode.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.providers import errors
from integrations.providers.base import Outcome, Reply
from integrations.providers.replies import raise_for_status, retry_after

DUPLICATES = "DUPLICATES_DETECTED"
OVER_LIMIT = "REQUEST_LIMIT_EXCEEDED"

_REASONS = {
    "INVALID_FIELD": ("unknown_field", "There is no field {field}, or its field-level security hides it"),
    "INVALID_FIELD_FOR_INSERT_UPDATE": ("read_only_field", "{field} is read only"),
    "REQUIRED_FIELD_MISSING": ("missing_field", "{field} is required"),
    "INVALID_EMAIL_ADDRESS": ("invalid_email", "The e-mail address is invalid"),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": ("invalid_option", "The value of {field} is not one of its choices"),
    "STRING_TOO_LONG": ("too_long", "The value of {field} is too long"),
    "JSON_PARSER_ERROR": ("invalid_value", "A value does not fit its field"),
    "DUPLICATE_VALUE": ("conflict", "Another record already has this value"),
    "DUPLICATE_EXTERNAL_ID": ("conflict", "Several records have the same external id"),
    "CANNOT_UPDATE_CONVERTED_LEAD": ("converted", "The lead was converted there, so it can't be changed any more"),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": ("refused", "A validation rule of the company refuses it"),
    "INSUFFICIENT_ACCESS_OR_READONLY": ("forbidden", "The user signed in may not write this record"),
    DUPLICATES: ("duplicate", "A duplicate rule holds it back, and which record it means can't be told"),
}
_PASSING = {OVER_LIMIT, "UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG", "UNKNOWN_EXCEPTION"}
# What these say is about the sign-in or the organisation, not about a person.
_SPEAKABLE = {401, 403}
_CODE = re.compile(r"[A-Z_]{1,80}\Z")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,80}\Z")
_NO_COLUMN = re.compile(r"No such column '([A-Za-z][A-Za-z0-9_]{0,80})' on")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: Salesforce's code, the field it is about, and the record a duplicate rule found."""

    code: str = ""
    field: str = ""
    match_id: str = ""

    @classmethod
    def of(cls, error: Any) -> "Problem":
        """Read an item of an error body, or of a record's `errors`."""
        told = error if isinstance(error, Mapping) else {}
        code = str(told.get("statusCode") or told.get("errorCode") or "")
        code = code if _CODE.match(code) else ""
        named = told.get("fields")
        fields = [name for name in named if _is(_FIELD, name)] if isinstance(named, list) else []
        if code == "INVALID_FIELD" and not fields and (found := _NO_COLUMN.search(str(told.get("message")))):
            fields = [found[1]]
        field = "Email" if code == "INVALID_EMAIL_ADDRESS" and not fields else next(iter(fields), "")
        return cls(code, field, _match_in(told))

    @property
    def reason(self) -> str:
        """Our stable code."""
        return _REASONS.get(self.code, ("refused", ""))[0]

    @property
    def words(self) -> str:
        """Salesforce's words without what a person entered."""
        return _REASONS.get(self.code, ("", self.code))[1].replace("{field}", self.field or "a field")

    def outcome(self) -> Outcome:
        """Return what it means for one record."""
        if self.code in _PASSING:
            return Outcome.retry("rate_limited" if self.code == OVER_LIMIT else "retry_later", self.code)
        return Outcome.rejected(self.reason, self.words, self.field)


def first_problem(body: bytes) -> tuple[Problem, str]:
    """Return what an error body, `[{"message", "errorCode", "fields"}]`, says first, and its message."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return Problem(), ""
    first = parsed[0] if isinstance(parsed, list) and parsed else parsed
    message = first.get("message") if isinstance(first, Mapping) else ""
    return Problem.of(first), message if isinstance(message, str) else ""


def raise_for(reply: Reply) -> None:
    """Raise what a reply without success means. Raises: errors.ProviderError."""
    if 200 <= reply.status < 300:
        return
    problem, message = first_problem(reply.body)
    if problem.code in _PASSING and reply.status in {400, 403}:
        code = "rate_limited" if problem.code == OVER_LIMIT else ""
        raise errors.RetryLater(problem.code, code=code, status=reply.status, after=retry_after(reply.headers))
    if reply.status == 300:
        words = "Several records have the same external id. Make the field unique, or merge them."
        raise errors.Refused(words, code="conflict", status=300)
    if reply.status == 400 and problem.code:
        raise errors.Refused(problem.words, code=problem.reason, status=400, field=problem.field)
    said = message[:200] if reply.status in _SPEAKABLE else problem.code
    raise_for_status(reply, said)


def _match_in(told: Mapping[str, Any]) -> str:
    """Return the one record a duplicate rule matched; empty where it names none or several."""
    # Salesforce itself spells it without the l.
    found = told.get("duplicateResut") or told.get("duplicateResult")
    results = _objects(found.get("matchResults")) if isinstance(found, Mapping) else []
    records = [record.get("record") for result in results for record in _objects(result.get("matchRecords"))]
    ids = {str(record.get("Id")) for record in records if isinstance(record, Mapping) and record.get("Id")}
    return ids.pop() if len(ids) == 1 else ""


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and bool(pattern.match(value))
