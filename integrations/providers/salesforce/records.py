"""What a lead or contact looks like to Salesforce, and what its answers say about each. Pure.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/ (sObject Collections, describe).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.providers import errors
from integrations.providers.base import Contact, FieldType, Limits, Outcome, Reply, VendorField
from integrations.providers.replies import number_in
from integrations.providers.salesforce.problems import OVER_LIMIT, Problem, first_problem

_USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})")
# The limit counts the last 24 hours, so some of it comes back all the time.
_LOOK_AGAIN_SECONDS = 900.0
_LEAD_ONLY = {"Company", "Status", "Rating", "Industry", "Website"}
_RECORD_ID = re.compile(r"[A-Za-z0-9]{15,18}\Z")
_TYPES: Mapping[str, FieldType] = {
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "picklist": "choice",
    "multipicklist": "choices",
    **dict.fromkeys(("int", "double", "currency", "percent", "long"), "number"),
}


def record(contact: Contact, kind: str) -> dict[str, Any]:
    """Return a contact's fields; several choices joined by semicolons, and none that only leads have for others."""
    mapped = {name: _value(value) for name, value in contact.fields.items()}
    return mapped if kind == "Lead" else {name: value for name, value in mapped.items() if name not in _LEAD_ONLY}


def _value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return ";".join(str(item) for item in value)
    return value if isinstance(value, bool | int | float) else str(value)


def collection(contacts: Sequence[Contact], kind: str, external_id: str) -> dict[str, Any]:
    """Return the body of an upsert of many, each found by our id in the field `external_id`."""
    records = [{"attributes": {"type": kind}, **record(contact, kind), external_id: contact.id} for contact in contacts]
    return {"allOrNone": False, "records": records}


def results(count: int, body: Any) -> list[Outcome | Problem]:
    """Return what became of each record of `[{"id", "success", "errors": [{"statusCode", …}]}]`, in order."""
    told = body if isinstance(body, list) and len(body) == count else [None] * count
    return [_result(item) for item in told]


def _result(item: Any) -> Outcome | Problem:
    if not isinstance(item, Mapping):
        return Outcome.unknown()
    if item.get("success") is True and is_record_id(item.get("id")):
        return Outcome.delivered(item["id"])
    problems = item.get("errors")
    if item.get("success") is False and isinstance(problems, list) and problems:
        return Problem.of(problems[0])
    return Outcome.unknown()


def is_record_id(value: Any) -> bool:
    """Tell whether a value is an id of Salesforce's."""
    return isinstance(value, str) and bool(_RECORD_ID.match(value))


def found_ids(body: Any, email: str) -> set[str]:
    """Return the ids of the records of a search that have exactly this address."""
    rows = body.get("searchRecords") if isinstance(body, Mapping) else None
    if not isinstance(rows, list):
        raise errors.RetryLater("The answer was no result of a search.", code="garbled_reply")
    same = (row for row in rows if isinstance(row, Mapping) and str(row.get("Email") or "").lower() == email)
    return {row["Id"] for row in same if is_record_id(row.get("Id"))}


def described(body: Any) -> list[Mapping[str, Any]]:
    """Return the fields of a description of an object. Raises: RetryLater where it is none."""
    found = body.get("fields") if isinstance(body, Mapping) else None
    if not isinstance(found, list):
        raise errors.RetryLater("The answer was no description of an object.", code="garbled_reply")
    return [item for item in found if isinstance(item, Mapping) and isinstance(item.get("name"), str)]


def vendor_field(item: Mapping[str, Any]) -> VendorField:
    """Return a field of a description."""
    kind = _TYPES.get(str(item.get("type")), "text")
    length = item.get("length")
    choices = item.get("picklistValues") if item.get("restrictedPicklist") is True else None
    known = [choice for choice in choices if isinstance(choice, Mapping)] if isinstance(choices, list) else []
    can_write = item.get("createable") is True and item.get("updateable") is True
    must = item.get("nillable") is False and item.get("defaultedOnCreate") is not True and kind != "boolean"
    return VendorField(
        name=item["name"],
        label=str(item.get("label") or ""),
        type=kind,
        is_required=can_write and must,
        is_read_only=not can_write,
        options=tuple(str(choice["value"]) for choice in known if choice.get("active") is True and "value" in choice),
        max_length=length if kind == "text" and isinstance(length, int) and length > 0 else None,
    )


def limits(reply: Reply) -> Limits | None:
    """Return the calls of the last 24 hours, which every answer tells in `Sforce-Limit-Info: api-usage=18/5000`."""
    is_over = reply.status in {403, 429} and first_problem(reply.body)[0].code == OVER_LIMIT
    used = _USAGE.search(reply.headers.get("Sforce-Limit-Info") or "")
    if not used and not is_over:
        return None
    most = int(used[2]) if used else None
    left = 0 if is_over or not used else max(0, int(used[2]) - int(used[1]))
    after = number_in(reply.headers, "Retry-After") or _LOOK_AGAIN_SECONDS
    return Limits(daily=most, daily_remaining=left, daily_resets_in=after if left == 0 else None, is_over=is_over)
