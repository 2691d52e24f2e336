"""What HubSpot makes of a request's body before it looks at a record, and how it refuses one whole."""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Any

from integrations.sandbox import hubspot_contacts as contacts
from integrations.sandbox import vendor
from integrations.sandbox.hubspot_properties import PORTAL_ID

BATCH_LIMIT = 100
INPUT = frozenset({"id", "idProperty", "properties", "objectWriteTraceId"})
CATEGORIES = {401: "INVALID_AUTHENTICATION", 403: "MISSING_SCOPES", 404: "OBJECT_NOT_FOUND", 409: "CONFLICT"}
CATEGORIES |= {429: "RATE_LIMITS", 400: "VALIDATION_ERROR"}


class RefusedError(vendor.RefusedError):
    """A request HubSpot refuses whole; `about` is the body."""

    def __init__(self, status: int, body: dict[str, Any] | str) -> None:
        category = CATEGORIES.get(status, "ERROR")
        super().__init__(category, status=status, about=body)
        if isinstance(body, str):
            self.about = {"message": body, "category": category}


def members(body: Any, known: Set[str]) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise RefusedError(400, "Invalid input JSON on line 1, column 1: Cannot deserialize value from this token")
    if not body.keys() <= known:
        unknown = sorted(body.keys() - known)
        raise RefusedError(400, f'Invalid input JSON on line 1, column 1: Unrecognized field "{unknown[0]}"')
    return body


def batch_inputs(inputs: Any) -> list[dict[str, Any]]:
    """The inputs of a batch, checked as a whole."""
    if not isinstance(inputs, list):
        raise RefusedError(400, "Invalid request to flow: some required fields were not set: [inputs]")
    if len(inputs) > BATCH_LIMIT:
        raise RefusedError(
            400, f"The maximum number of inputs supported in a batch request for this object is {BATCH_LIMIT}"
        )
    parsed, seen, twice = [], set(), []
    for item in inputs:
        members(item, INPUT)
        if not isinstance(item.get("id"), str) or not item["id"].strip():
            raise RefusedError(400, "Some required fields were not set: [id]")
        by = id_property(str(item.get("idProperty") or "hs_object_id"), is_upsert=True)
        key = (by, contacts.normal(by, item["id"]))
        if key in seen:
            twice.append(item["id"])
        seen.add(key)
        parsed.append({**item, "idProperty": by, "properties": strings(item.get("properties"))})
    if twice:
        message = f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique"
        raise RefusedError(400, {"message": message, "context": {"ids": twice}, "category": "VALIDATION_ERROR"})
    return parsed


def id_property(name: str, *, is_upsert: bool = False) -> str:
    if name in contacts.UNIQUE:
        return name
    if name in ("", "hs_object_id") and not is_upsert:
        return ""
    raise RefusedError(
        400, f"Unable to perform update/upsert by non-unique 0-1 property {name} in portal ID {PORTAL_ID}"
    )


def strings(properties: Any) -> dict[str, str]:
    """Property values as HubSpot takes them: scalars become strings."""
    if not isinstance(properties, dict):
        raise RefusedError(400, "Some required fields were not set: [properties]")
    if all(type(value) is str for value in properties.values()):
        return properties
    texts = {}
    for name, value in properties.items():
        if isinstance(value, dict | list):
            raise RefusedError(
                400, "Invalid input JSON: Cannot deserialize value of type `java.lang.String` from this token"
            )
        texts[name] = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return texts


def number(value: Any) -> int:
    try:
        return max(0, int(value))
    except (TypeError, ValueError) as err:
        raise RefusedError(400, f"Invalid number {value!r}") from err
