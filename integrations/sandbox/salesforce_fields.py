"""The objects of the sandbox's Salesforce and their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from integrations.sandbox.vendor import EMAIL, RefusedError

EXTERNAL_ID = "ShopBotly_Id__c"
PREFIXES = {"Lead": "00Q", "Contact": "003"}
KINDS = tuple(PREFIXES)


@dataclass(frozen=True, slots=True)
class Field:
    """One field, as far as writing needs it."""

    name: str
    label: str
    type: str = "string"
    length: int = 80
    is_required: bool = False
    is_read_only: bool = False
    choices: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """As `describe` shows it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "length": self.length,
            "createable": not self.is_read_only,
            "updateable": not self.is_read_only,
            "nillable": not self.is_required,
            "defaultedOnCreate": False,
            "externalId": self.name == EXTERNAL_ID,
            "unique": self.name == EXTERNAL_ID,
            "custom": self.name.endswith("__c"),
            "restrictedPicklist": bool(self.choices),
            "picklistValues": [{"value": value, "label": value, "active": True} for value in self.choices],
        }


_BOTH = (
    Field("Id", "Record ID", "id", 18, is_read_only=True),
    Field("FirstName", "First Name", length=40),
    Field("LastName", "Last Name", is_required=True),
    Field("Email", "Email", "email"),
    Field("Phone", "Phone", "phone", 40),
    Field("Description", "Description", "textarea", 32_000),
    Field("LeadSource", "Lead Source", "picklist", 255, choices=("Web", "Chat", "Partner")),
    Field("NumberOfSeats__c", "Number of seats", "double", 0),
    Field(EXTERNAL_ID, "ShopBotly Id", length=64),
    Field("CreatedDate", "Created Date", "datetime", 0, is_read_only=True),
)
_LEAD = (
    Field("Company", "Company", length=255, is_required=True),
    Field("Industry", "Industry", length=255),
    Field("IsConverted", "Converted", "boolean", 0, is_read_only=True),
)


def fields_of(kind: str) -> dict[str, Field]:
    """The fields of an object, by name."""
    return {field.name: field for field in (*_BOTH, *(_LEAD if kind == "Lead" else ()))}


def describe(kind: str) -> dict[str, Any]:
    """The description of an object."""
    fields = [field.described() for field in fields_of(kind).values()]
    return {"name": kind, "label": kind, "createable": True, "updateable": True, "fields": fields}


def known_kind(kind: str) -> str:
    """The name of an object. Raises: RefusedError."""
    if kind not in KINDS:
        raise RefusedError("NOT_FOUND", "The requested resource does not exist", status=404)
    return kind


def check_external(kind: str, field: str) -> None:
    """Raises: RefusedError where records can't be found by a field."""
    if field != EXTERNAL_ID:
        message = f"Provided external ID field does not exist or is not accessible: {field}"
        raise RefusedError("NOT_FOUND", message, status=404)


def check_known(kind: str, values: dict[str, Any]) -> None:
    """Raises: RefusedError where a field is not there."""
    known = fields_of(kind)
    for name in values:
        if name != "attributes" and name not in known:
            raise RefusedError("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind}")


def check_values(kind: str, held: dict[str, Any], given: dict[str, Any]) -> None:
    """Raises: RefusedError where a required field is empty, or a value doesn't fit."""
    known = fields_of(kind)
    missing = [name for name, field in known.items() if field.is_required and not held.get(name)]
    if missing:
        raise RefusedError("REQUIRED_FIELD_MISSING", f"Required fields are missing: {missing}", about=tuple(missing))
    for name, value in given.items():
        field = known[name]
        if field.is_read_only:
            message = "Unable to create/update fields; check the security settings of this field."
            raise RefusedError("INVALID_FIELD_FOR_INSERT_UPDATE", message, about=(name,))
        if field.length and isinstance(value, str) and len(value) > field.length:
            message = f"{field.label}: data value too large: {value} (max length={field.length})"
            raise RefusedError("STRING_TOO_LONG", message, about=(name,))
        if field.type == "email" and value and not EMAIL.match(str(value)):
            raise RefusedError("INVALID_EMAIL_ADDRESS", f"{name}: invalid email address: {value}", about=(name,))
        if field.choices and value not in field.choices:
            message = f"{field.label}: bad value for restricted picklist field: {value}"
            raise RefusedError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, about=(name,))
