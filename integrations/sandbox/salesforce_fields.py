"""The objects of the sandbox's Salesforce and their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
