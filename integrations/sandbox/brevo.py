"""Brevo's API v3, as far as a connector for contacts and subscriptions needs it.

- An attribute that the account doesn't have, or a value that doesn't fit its type, is dropped without a word.
- A contact that exists is refused (400 duplicate_parameter) unless `updateEnabled` is true; then the answer is 204.
- Ten requests a second; a 429 has no Retry-After but `x-sib-ratelimit-reset`, in seconds.

Source: https://developers.brevo.com/reference, getbrevo/brevo-go api/swagger.yaml.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any, ClassVar

from integrations.sandbox.store import Rows, record_effects
from integrations.sandbox.vendor import EMAIL, RefusedError, Table, Vendor, is_key, route
from integrations.sandbox.wire import Reply, Request, json_reply, utc_now

KEY = "xkeysib-sandbox-brevo"
LISTS = (2, 7)
TEMPLATE = 5
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
_CODES = {401: "unauthorized", 404: "document_not_found", 405: "method_not_allowed", 403: "permission_denied"}
_FITS = {
    "text": lambda value: isinstance(value, str | int | float),
    "date": lambda value: isinstance(value, str) and bool(re.match(r"\d{4}-\d{2}-\d{2}", value)),
    "boolean": lambda value: isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


class Brevo(Vendor):
    """The imitation of api.brevo.com."""

    key: ClassVar[str] = "brevo"
    name: ClassVar[str] = "Brevo"
    schema: ClassVar[str] = (
        "CREATE TABLE IF NOT EXISTS brevo_contacts (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL UNIQUE,"
        " attributes TEXT NOT NULL, lists TEXT NOT NULL, blacklisted INTEGER NOT NULL, awaits TEXT NOT NULL,"
        " changed_at TEXT NOT NULL);"
    )
    routes = (
        route("POST", "/v3/contacts", "create"),
        route("GET", "/v3/contacts/attributes", "attributes"),
        route("POST", "/v3/contacts/doubleOptinConfirmation", "invite"),
        route("GET", "/v3/contacts/{identifier}", "read"),
        route("PUT", "/v3/contacts/{identifier}", "update"),
        route("DELETE", "/v3/contacts/{identifier}", "delete"),
    )
    limit = {"requests": 10, "window_ms": 1_000}

    def admit(self, request: Request) -> Reply | None:
        if not is_key(request.headers.get("Api-Key", ""), KEY):
            raise RefusedError("unauthorized", "Key not found", 401)
        passage = self.take(request)
        told = {"limit": passage.requests, "remaining": passage.left, "reset": passage.seconds}
        request.note["headers"] = {f"x-sib-ratelimit-{name}": str(value) for name, value in told.items()}
        if not passage.is_allowed:
            raise RefusedError("too_many_requests", "Too many requests have been sent.", 429)
        return None

    def tell(self, request: Request, refused: RefusedError) -> Reply:
        return _error(refused.status, refused.code, refused.message)

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        return _error(status, _CODES.get(status, "bad_request"), message or "Something went wrong")

    def attributes(self, request: Request) -> Reply:
        """The attributes of contacts."""
        return json_reply(200, {"attributes": list(ATTRIBUTES)})

    def create(self, request: Request) -> Reply:
        """Create a contact, or update it where `updateEnabled` says so."""
        body = _members(
            request.json(),
            {"email", "attributes", "emailBlacklisted", "smsBlacklisted", "listIds", "updateEnabled", "ext_id"},
        )
        email = _email(body.get("email"))
        if request.dials.fails(email):
            raise RefusedError("invalid_parameter", "Contact could not be saved")
        with self.store.transaction() as db:
            row = CONTACTS.one(db, email=email)
            if row is not None and body.get("updateEnabled") is not True:
                raise RefusedError("duplicate_parameter", "Contact already exist")
            self._save(db, request, email, body, "create" if row is None else "update")
            if row is not None:
                return Reply(204)
            return json_reply(201, {"id": _found(db, email)["id"]})

    def invite(self, request: Request) -> Reply:
        """Send the mail that asks for a confirmation; until then the contact is on no list."""
        body = _members(
            request.json(), {"email", "attributes", "includeListIds", "excludeListIds", "templateId", "redirectionUrl"}
        )
        email = _email(body.get("email"))
        lists = _lists(body.get("includeListIds"))
        if (
            body.get("templateId") != TEMPLATE
            or not str(body.get("redirectionUrl", "")).startswith("http")
            or not lists
        ):
            raise RefusedError("invalid_parameter", "templateId is not a valid double opt-in template")
        with self.store.transaction() as db:
            is_new = CONTACTS.one(db, email=email) is None
            if is_new:
                self._save(db, request, email, {"attributes": body.get("attributes") or {}}, "create")
            db.execute("UPDATE brevo_contacts SET awaits = ? WHERE email = ?", (json.dumps(lists), email))
            record_effects(db, self.key, request.request_id, [("invite", email, {"lists": str(lists)})])
        return Reply(201 if is_new else 204)

    def read(self, request: Request, identifier: str) -> Reply:
        """One contact by e-mail or id."""
        with self.store.transaction() as db:
            return json_reply(200, _shown(_known(db, identifier)))

    def update(self, request: Request, identifier: str) -> Reply:
        """Change one contact."""
        body = _members(
            request.json(), {"attributes", "emailBlacklisted", "smsBlacklisted", "listIds", "unlinkListIds"}
        )
        with self.store.transaction() as db:
            self._save(db, request, _known(db, identifier)["email"], body, "update")
        return Reply(204)

    def delete(self, request: Request, identifier: str) -> Reply:
        """Delete one contact."""
        with self.store.transaction() as db:
            email = _known(db, identifier)["email"]
            db.execute("DELETE FROM brevo_contacts WHERE email = ?", (email,))
            record_effects(db, self.key, request.request_id, [("erase", email, {})])
        return Reply(204)

    def _save(self, db: sqlite3.Connection, request: Request, email: str, body: dict[str, Any], done: str) -> None:
        row = CONTACTS.one(db, email=email) or {"attributes": {}, "lists": [], "blacklisted": False}
        kept = {**row["attributes"], **_fitting(body.get("attributes"))}
        lists = sorted({*row["lists"], *_lists(body.get("listIds"))} - set(_lists(body.get("unlinkListIds"))))
        blacklisted = bool(body.get("emailBlacklisted", row["blacklisted"]))
        db.execute(
            "INSERT INTO brevo_contacts (email, attributes, lists, blacklisted, awaits, changed_at)"
            " VALUES (?, ?, ?, ?, '[]', ?) ON CONFLICT (email) DO UPDATE SET attributes = excluded.attributes,"
            " lists = excluded.lists, blacklisted = excluded.blacklisted, changed_at = excluded.changed_at",
            (email, json.dumps(kept), json.dumps(lists), blacklisted, utc_now()),
        )
        sent = {name: str(value) for name, value in body.items() if name != "email"}
        record_effects(db, self.key, request.request_id, [(done, email, sent)])

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        if kind != "contacts":
            return None
        with self.store.transaction() as db:
            return [_shown(row) for row in CONTACTS.all(db)]

    def tables(self) -> list[Table]:
        columns = ("ID", "E-mail", "First name", "Last name", "Lists", "State", "Changed")
        return [Table.newest("Contacts in Brevo", columns, self.rows("contacts") or [], _cells)]


_JSON = ("attributes", "lists", "awaits")
CONTACTS = Rows("brevo_contacts", ("id", "email", *_JSON, "blacklisted", "changed_at"), _JSON, "id")


def _found(db: sqlite3.Connection, email: str) -> dict[str, Any]:
    row = CONTACTS.one(db, email=email)
    if row is None:
        raise RefusedError("document_not_found", "Contact does not exist", 404)
    return row


def _known(db: sqlite3.Connection, identifier: str) -> dict[str, Any]:
    return _found(db, identifier.lower())


def _shown(row: dict[str, Any]) -> dict[str, Any]:
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


def _cells(contact: dict[str, Any]) -> tuple[Any, ...]:
    names = [contact["attributes"].get(name, "") for name in ("FIRSTNAME", "LASTNAME")]
    state = "unsubscribed" if contact["emailBlacklisted"] else "asked to confirm" if contact["awaits"] else ""
    lists = ", ".join(map(str, contact["listIds"]))
    return contact["id"], contact["email"], *names, lists, state, contact["modifiedAt"]


def _members(body: Any, known: set[str]) -> dict[str, Any]:
    if not isinstance(body, dict) or set(body) - known:
        raise RefusedError("invalid_parameter", "Input must be a valid JSON object with known members")
    return body


def _email(value: Any) -> str:
    if not isinstance(value, str) or not EMAIL.match(value):
        raise RefusedError("invalid_parameter", "Invalid email address")
    return value.lower()


def _lists(value: Any) -> list[int]:
    found = value if isinstance(value, list) else []
    if any(item not in LISTS for item in found):
        raise RefusedError("invalid_parameter", "List ID is not valid")
    return found


def _fitting(value: Any) -> Mapping[str, Any]:
    """What the account has attributes for, of values that fit; the rest goes without a word."""
    given = value if isinstance(value, dict) else {}
    types = {item["name"]: item["type"] for item in ATTRIBUTES if item["category"] != "calculated"}
    return {name: text for name, text in given.items() if name in types and _FITS[types[name]](text)}


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"code": code, "message": message})
