"""HubSpot's contact properties: which there are, and HubSpot's words for a value it doesn't take."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

PORTAL_ID = 139876543
EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}"
)
LEAD_STATUSES = (
    ("NEW", "New"),
    ("OPEN", "Open"),
    ("IN_PROGRESS", "In progress"),
    ("OPEN_DEAL", "Open deal"),
    ("UNQUALIFIED", "Unqualified"),
    ("ATTEMPTED_TO_CONTACT", "Attempted to contact"),
    ("CONNECTED", "Connected"),
    ("BAD_TIMING", "Bad timing"),
)
LIFECYCLE_STAGES = (
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing qualified lead"),
    ("salesqualifiedlead", "Sales qualified lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
)


@dataclass(frozen=True, slots=True)
class Property:
    """One contact property."""

    name: str
    label: str
    kind: str = "string"
    field: str = "text"
    options: tuple[tuple[str, str], ...] = ()
    is_unique: bool = False
    is_read_only: bool = False
    is_own: bool = False

    def described(self) -> dict[str, Any]:
        """As `GET /crm/v3/properties/contacts` gives it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": self.kind,
            "fieldType": self.field,
            "description": "",
            "groupName": "contactinformation",
            "options": [
                {"label": label, "value": value, "description": "", "displayOrder": order, "hidden": False}
                for order, (value, label) in enumerate(self.options)
            ],
            "displayOrder": -1,
            "calculated": False,
            "externalOptions": False,
            "hasUniqueValue": self.is_unique,
            "hidden": False,
            "hubspotDefined": not self.is_own,
            "modificationMetadata": {
                "archivable": self.is_own,
                "readOnlyDefinition": not self.is_own,
                "readOnlyValue": self.is_read_only,
            },
            "formField": not self.is_read_only,
            "dataSensitivity": "non_sensitive",
        }


PROPERTIES = {
    item.name: item
    for item in (
        # HubSpot says false of e-mail's hasUniqueValue, and takes it as idProperty all the same.
        Property("email", "Email"),
        Property("firstname", "First name"),
        Property("lastname", "Last name"),
        Property("phone", "Phone number", field="phonenumber"),
        Property("company", "Company name"),
        Property("message", "Message", field="textarea"),
        Property("hs_lead_status", "Lead status", "enumeration", "radio", LEAD_STATUSES),
        Property("lifecyclestage", "Lifecycle stage", "enumeration", "radio", LIFECYCLE_STAGES),
        Property("website", "Website URL"),
        Property("city", "City"),
        Property("country", "Country/region"),
        Property("shopbotly_id", "ShopBotly id", is_unique=True, is_own=True),
        Property("hs_object_id", "Record ID", "number", "number", is_unique=True, is_read_only=True),
        Property("createdate", "Create date", "datetime", "date", is_read_only=True),
        Property("lastmodifieddate", "Last modified date", "datetime", "date", is_read_only=True),
    )
}
WRITABLE = frozenset(name for name, item in PROPERTIES.items() if not item.is_read_only)
CHOICES = {name: frozenset(value for value, _ in item.options) for name, item in PROPERTIES.items() if item.options}


def problems(properties: dict[str, str]) -> list[dict[str, Any]]:
    """What is wrong with these values, as HubSpot lists it inside its message."""
    found = []
    if not properties.keys() <= WRITABLE:
        for name in sorted(properties.keys() - WRITABLE):
            if name in PROPERTIES:
                message = f'"{name}" is a read only property; its value cannot be set.'
                found.append(_problem(name, "READ_ONLY_VALUE", message))
            else:
                found.append(_problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
    email = properties.get("email")
    if email and not EMAIL.fullmatch(email):
        found.append(_problem("email", "INVALID_EMAIL", f"Email address {email} is invalid"))
    for name, options in CHOICES.items():
        value = properties.get(name)
        if value and value not in options:
            message = f"{value} was not one of the allowed options: [{', '.join(sorted(options))}]"
            found.append(_problem(name, "INVALID_OPTION", message))
    return found


def _problem(name: str, code: str, message: str) -> dict[str, Any]:
    return {
        "isValid": False,
        "message": message,
        "error": code,
        "name": name,
        "localizedErrorMessage": message,
        "portalId": PORTAL_ID,
    }


def invalid_values(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The error body for such problems: the list as JSON inside the message, and once more as `errors`."""
    return {
        "message": f"Property values were not valid: {json.dumps(found, separators=(',', ':'), ensure_ascii=False)}",
        "errors": [
            {"message": item["message"], "code": item["error"], "context": {"propertyName": [item["name"]]}}
            for item in found
        ],
        "category": "VALIDATION_ERROR",
    }
