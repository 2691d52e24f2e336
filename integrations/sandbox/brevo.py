"""Brevo's API v3, as far as a connector for contacts and subscriptions needs it.

- An attribute that the account doesn't have, or a value that doesn't fit its type, is dropped without a word.
- A contact that exists is refused (400 duplicate_parameter) unless `updateEnabled` is true; then the answer is 204.
- An import goes into a list, is accepted (202) and worked on: the first look at its process finds it going on. What it
  refused is in a file whose address the process tells; what it dropped is told nowhere.
- Ten requests a second; a 429 has no Retry-After but `x-sib-ratelimit-reset`, in seconds.

Source: https://developers.brevo.com/reference, getbrevo/brevo-go api/swagger.yaml.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar

from integrations.sandbox.brevo_contacts import (
    ATTRIBUTES,
    CONTACTS,
    IMPORT,
    email_of,
    found,
    imported,
    known,
    lists_of,
    members,
    save,
    shown,
)
from integrations.sandbox.store import record_effects
from integrations.sandbox.vendor import RefusedError, Table, Vendor, is_key, route
from integrations.sandbox.wire import Reply, Request, json_reply

KEY = "xkeysib-sandbox-brevo"
TEMPLATE = 5
_CODES = {401: "unauthorized", 404: "document_not_found", 405: "method_not_allowed", 403: "permission_denied"}


class Brevo(Vendor):
    """The imitation of api.brevo.com."""

    key: ClassVar[str] = "brevo"
    name: ClassVar[str] = "Brevo"
    schema: ClassVar[str] = (
        "CREATE TABLE IF NOT EXISTS brevo_contacts (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL UNIQUE,"
        " attributes TEXT NOT NULL, lists TEXT NOT NULL, blacklisted INTEGER NOT NULL, awaits TEXT NOT NULL,"
        " changed_at TEXT NOT NULL);"
        "CREATE TABLE IF NOT EXISTS brevo_processes (id INTEGER PRIMARY KEY AUTOINCREMENT, refused INTEGER NOT NULL,"
        " looks INTEGER NOT NULL);"
    )
    routes = (
        route("POST", "/v3/contacts", "create"),
        route("GET", "/v3/contacts", "search"),
        route("POST", "/v3/contacts/import", "take_in"),
        route("GET", "/v3/processes/{process}", "process"),
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
        body = members(
            request.json(),
            {"email", "attributes", "emailBlacklisted", "smsBlacklisted", "listIds", "updateEnabled", "ext_id"},
        )
        email = email_of(body.get("email"))
        if request.dials.fails(email):
            raise RefusedError("invalid_parameter", "Contact could not be saved")
        with self.store.transaction() as db:
            row = CONTACTS.one(db, email=email)
            if row is not None and body.get("updateEnabled") is not True:
                raise RefusedError("duplicate_parameter", "Contact already exist")
            save(db, request, email, body, "create" if row is None else "update")
            if row is not None:
                return Reply(204)
            return json_reply(201, {"id": found(db, email)["id"]})

    def invite(self, request: Request) -> Reply:
        """Send the mail that asks for a confirmation; until then the contact is on no list."""
        body = members(
            request.json(), {"email", "attributes", "includeListIds", "excludeListIds", "templateId", "redirectionUrl"}
        )
        email = email_of(body.get("email"))
        lists = lists_of(body.get("includeListIds"))
        if (
            body.get("templateId") != TEMPLATE
            or not str(body.get("redirectionUrl", "")).startswith("http")
            or not lists
        ):
            raise RefusedError("invalid_parameter", "templateId is not a valid double opt-in template")
        with self.store.transaction() as db:
            is_new = CONTACTS.one(db, email=email) is None
            if is_new:
                save(db, request, email, {"attributes": body.get("attributes") or {}}, "create")
            db.execute("UPDATE brevo_contacts SET awaits = ? WHERE email = ?", (json.dumps(lists), email))
            record_effects(db, self.key, request.request_id, [("invite", email, {"lists": str(lists)})])
        return Reply(201 if is_new else 204)

    def search(self, request: Request) -> Reply:
        """The contacts of lists that have changed since a time, the newest first."""
        lists = {int(each) for each in request.parameter("listIds").split(",") if each.isdigit()}
        limit, offset = int(request.parameter("limit", "50")), int(request.parameter("offset", "0"))
        if not 0 <= limit <= 1000:
            raise RefusedError("out_of_range", "Limit exceeds max value")
        since = request.parameter("modifiedSince")
        with self.store.transaction() as db:
            rows = [row for row in CONTACTS.all(db) if row["changed_at"] >= since]
        rows = [row for row in rows if not lists or lists & set(row["lists"])][::-1]
        return json_reply(200, {"contacts": [shown(row) for row in rows[offset : offset + limit]], "count": len(rows)})

    def take_in(self, request: Request) -> Reply:
        """Take contacts to import into lists."""
        body = members(request.json(), IMPORT)
        given = body.get("jsonBody")
        if not isinstance(given, list) or not given:
            raise RefusedError("missing_parameter", "Either fileUrl, fileBody or jsonBody is required")
        if not (lists := lists_of(body.get("listIds"))):
            raise RefusedError("missing_parameter", "Either listIds or newList is required")
        with self.store.transaction() as db:
            refused = sum(not imported(db, request, item, lists, body) for item in given)
            process = db.execute("INSERT INTO brevo_processes (refused, looks) VALUES (?, 0)", (refused,)).lastrowid
        return json_reply(202, {"processId": process}, {"Date": format_datetime(datetime.now(UTC), usegmt=True)})

    def process(self, request: Request, process: str) -> Reply:
        """How far an import is."""
        with self.store.transaction() as db:
            row = db.execute("SELECT refused, looks FROM brevo_processes WHERE id = ?", (process,)).fetchone()
            if row is None:
                raise RefusedError("invalid_parameter", "processId is invalid", 404)
            db.execute("UPDATE brevo_processes SET looks = looks + 1 WHERE id = ?", (process,))
        told = {"id": int(process), "name": "IMPORTUSER", "status": ("queued", "completed")[min(row[1], 1)]}
        if row[1]:
            file = "https://files.example.com/invalid.csv" if row[0] else None
            told["info"] = {"import": {"invalid_emails": file, "duplicate_email_id": None, "duplicate_phone_id": None}}
        return json_reply(200, told)

    def read(self, request: Request, identifier: str) -> Reply:
        """One contact by e-mail or id."""
        with self.store.transaction() as db:
            return json_reply(200, shown(known(db, identifier)))

    def update(self, request: Request, identifier: str) -> Reply:
        """Change one contact."""
        body = members(request.json(), {"attributes", "emailBlacklisted", "smsBlacklisted", "listIds", "unlinkListIds"})
        with self.store.transaction() as db:
            save(db, request, known(db, identifier)["email"], body, "update")
        return Reply(204)

    def delete(self, request: Request, identifier: str) -> Reply:
        """Delete one contact."""
        with self.store.transaction() as db:
            email = known(db, identifier)["email"]
            db.execute("DELETE FROM brevo_contacts WHERE email = ?", (email,))
            record_effects(db, self.key, request.request_id, [("erase", email, {})])
        return Reply(204)

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        if kind != "contacts":
            return None
        with self.store.transaction() as db:
            return [shown(row) for row in CONTACTS.all(db)]

    def tables(self) -> list[Table]:
        columns = ("ID", "E-mail", "First name", "Last name", "Lists", "State", "Changed")
        return [Table.newest("Contacts in Brevo", columns, self.rows("contacts") or [], _cells)]


def _cells(contact: dict[str, Any]) -> tuple[Any, ...]:
    names = [contact["attributes"].get(name, "") for name in ("FIRSTNAME", "LASTNAME")]
    state = "unsubscribed" if contact["emailBlacklisted"] else "asked to confirm" if contact["awaits"] else ""
    lists = ", ".join(map(str, contact["listIds"]))
    return contact["id"], contact["email"], *names, lists, state, contact["modifiedAt"]


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"code": code, "message": message})
