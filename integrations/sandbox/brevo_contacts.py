"""The contacts of the sandbox's Brevo: what it holds, takes and drops."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from integrations.sandbox.store import Rows, record_effects
from integrations.sandbox.vendor import EMAIL, RefusedError
from integrations.sandbox.wire import Request, utc_now

LISTS = (2, 7)
ATTRIBUTES: tuple[dict[str, Any], ...] = (
    {"name": "FIRSTNAME", "category": "normal", "type": "text"},
    {"name": "LASTNAME", "category": "normal", "type": "text"},
    {"name": "SMS", "category": "normal", "type": "text"},
    {"name": "COMPANY", "category": "normal", "type": "text"},
    {"name": "BIRTHDAY", "category": "normal", "type": "date"},
    {"name": "VIP", "category": "normal", "type": "boolean"},
    {"name": "SIZE", "category": "normal", "type": "float"},
    {
        "name": "SALUTATION",
        "category": "category",
        "type": "text",
        "enumeration": [{"value": 1, "label": "Ms"}, {"value": 2, "label": "Mr"}],
    },
    {"name": "DOUBLE_OPT-IN", "category": "calculated", "type": "float"},
)
_FITS = {
    "text": lambda value: isinstance(value, str | int | float),
    "date": lambda value: isinstance(value, str) and bool(re.match(r"\d{4}-\d{2}-\d{2}", value)),
    "boolean": lambda value: isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
IMPORT = {"jsonBody", "listIds", "updateExistingContacts", "emptyContactsAttributes", "disableNotification"}
_JSON = ("attributes", "lists", "awaits")
CONTACTS = Rows("brevo_contacts", ("id", "email", *_JSON, "blacklisted", "changed_at"), _JSON, "id")


def found(db: sqlite3.Connection, email: str) -> dict[str, Any]:
    """One contact by its address. Raises: RefusedError."""
    row = CONTACTS.one(db, email=email)
    if row is None:
        raise RefusedError("document_not_found", "Contact does not exist", 404)
    return row


def known(db: sqlite3.Connection, identifier: str) -> dict[str, Any]:
    """One contact as a path names it. Raises: RefusedError."""
    return found(db, identifier.lower())


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """One contact as the API tells it."""
    return {
        "id": row["id"],
        "email": row["email"],
        "emailBlacklisted": bool(row["blacklisted"]),
        "smsBlacklisted": False,
        "createdAt": row["changed_at"],
        "modifiedAt": row["changed_at"],
        "listIds": row["lists"],
        "attributes": row["attributes"],
        "awaits": row["awaits"],
    }


def members(body: Any, allowed: set[str]) -> dict[str, Any]:
    """The members of a body. Raises: RefusedError."""
    if not isinstance(body, dict) or set(body) - allowed:
        raise RefusedError("invalid_parameter", "Input must be a valid JSON object with known members")
    return body


def email_of(value: Any) -> str:
    """An address in lower case. Raises: RefusedError."""
    if not isinstance(value, str) or not EMAIL.match(value):
        raise RefusedError("invalid_parameter", "Invalid email address")
    return value.lower()


def lists_of(value: Any) -> list[int]:
    """The numbers of lists that are there. Raises: RefusedError."""
    numbers = value if isinstance(value, list) else []
    if any(item not in LISTS for item in numbers):
        raise RefusedError("invalid_parameter", "List ID is not valid")
    return numbers


def fitting(value: Any) -> Mapping[str, Any]:
    """What the account has attributes for, of values that fit; the rest goes without a word."""
    given = value if isinstance(value, dict) else {}
    types = {item["name"]: item["type"] for item in ATTRIBUTES if item["category"] != "calculated"}
    return {name: text for name, text in given.items() if name in types and _FITS[types[name]](text)}


def save(db: sqlite3.Connection, request: Request, email: str, body: dict[str, Any], done: str) -> None:
    """Write one contact. Raises: RefusedError."""
    row = CONTACTS.one(db, email=email) or {"attributes": {}, "lists": [], "blacklisted": False}
    kept = {**row["attributes"], **fitting(body.get("attributes"))}
    lists = sorted({*row["lists"], *lists_of(body.get("listIds"))} - set(lists_of(body.get("unlinkListIds"))))
    blacklisted = bool(body.get("emailBlacklisted", row["blacklisted"]))
    db.execute(
        "INSERT INTO brevo_contacts (email, attributes, lists, blacklisted, awaits, changed_at)"
        " VALUES (?, ?, ?, ?, '[]', ?) ON CONFLICT (email) DO UPDATE SET attributes = excluded.attributes,"
        " lists = excluded.lists, blacklisted = excluded.blacklisted, changed_at = excluded.changed_at",
        (email, json.dumps(kept), json.dumps(lists), blacklisted, utc_now()),
    )
    sent = {name: str(value) for name, value in body.items() if name != "email"}
    record_effects(db, "brevo", request.request_id, [(done, email, sent)])


def imported(db: sqlite3.Connection, request: Request, item: Any, lists: list[int], said: Mapping[str, Any]) -> bool:
    """Write one contact of an import, and say whether it was one; what wouldn't change it leaves it as it was."""
    given = item if isinstance(item, dict) else {}
    email = str(given.get("email") or "").lower()
    if not EMAIL.match(email) or request.dials.fails(email):
        return False
    row = CONTACTS.one(db, email=email)
    kept = {name: value for name, value in fitting(given.get("attributes")).items() if value != ""}
    is_as_it_was = row is not None and {**row["attributes"], **kept} == row["attributes"]
    if row and (said.get("updateExistingContacts") is False or (is_as_it_was and set(lists) <= set(row["lists"]))):
        return True
    save(db, request, email, {"attributes": kept, "listIds": lists}, "create" if row is None else "update")
    return True
