"""Salesforce's REST API, as far as a connector for leads and contacts needs it.

- A collection is answered 200 with `success` and `errors` per record; an unknown field refuses the whole request (400).
- A duplicate rule holds back a new record with the address of another (DUPLICATES_DETECTED), on every way in.
- Every answer tells the calls of the day in `Sforce-Limit-Info`; above them it is 403, without Retry-After.
- A value is what the field takes: choices that are restricted, texts up to their length, e-mail addresses.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/, simple-salesforce 1.12.10.
"""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any, ClassVar

from integrations.sandbox import oauth
from integrations.sandbox.salesforce_fields import (
    EXTERNAL_ID,
    KINDS,
    PREFIXES,
    check_external,
    check_known,
    check_values,
    describe,
    known_kind,
)
from integrations.sandbox.store import Rows, Store, record_effects
from integrations.sandbox.vendor import RefusedError, Table, Vendor, route
from integrations.sandbox.wire import Reply, Request, json_reply, utc_now

TOKEN = "00D000000000001!sandbox"  # noqa: S105 - the sandbox's public example token
REFRESH_TOKEN = "refresh-sandbox-salesforce"  # noqa: S105 - likewise
ORGANISATION = "00D000000000001AAA"
MOST_RECORDS = 200
DATA = "/services/data/v{version}"
_CODES = {401: "INVALID_SESSION_ID", 403: "API_DISABLED_FOR_ORG", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
_CODES |= {400: "JSON_PARSER_ERROR", 503: "SERVER_UNAVAILABLE"}


class Salesforce(Vendor):
    """The imitation of <org>.my.salesforce.com."""

    key: ClassVar[str] = "salesforce"
    name: ClassVar[str] = "Salesforce"
    schema: ClassVar[str] = (
        "CREATE TABLE IF NOT EXISTS salesforce_records (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
        " external_id TEXT, email TEXT NOT NULL, held TEXT NOT NULL, changed_at TEXT NOT NULL,"
        " UNIQUE (kind, external_id));" + oauth.schema("salesforce")
    )
    routes = (
        route("POST", "/services/oauth2/token", "token"),
        route("GET", "/services/oauth2/authorize", "authorize"),
        route("GET", f"{DATA}/sobjects/{{kind}}/describe", "describe"),
        route("PATCH", f"{DATA}/composite/sobjects/{{kind}}/{{field}}", "upsert_many"),
        route("POST", f"{DATA}/parameterizedSearch", "search"),
        route("POST", f"{DATA}/sobjects/{{kind}}", "create"),
        route("GET", f"{DATA}/sobjects/{{kind}}/{{record_id}}", "read"),
        route("PATCH", f"{DATA}/sobjects/{{kind}}/{{record_id}}", "update"),
        route("DELETE", f"{DATA}/sobjects/{{kind}}/{{record_id}}", "delete"),
        route("PATCH", f"{DATA}/sobjects/{{kind}}/{{field}}/{{value}}", "upsert"),
        route("GET", f"{DATA}/sobjects/{{kind}}/{{field}}/{{value}}", "read_by"),
        route("DELETE", f"{DATA}/sobjects/{{kind}}/{{field}}/{{value}}", "delete_by"),
    )

    limit = {"requests": 100_000, "window_ms": 86_400_000}

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._desk = oauth.Desk(self.key, self.name, store, TOKEN, REFRESH_TOKEN, takes_assertions=True)

    def respond(self, request: Request) -> Reply:
        # SDKs write the end of a path with a slash.
        request.path = request.path.rstrip("/")
        return super().respond(request)

    def admit(self, request: Request) -> Reply | None:
        if request.path.startswith("/services/oauth2/"):
            return None
        if not self._desk.knows(request.bearer()):
            return self.refuse(request, 401, "Session expired or invalid")
        passage = self.take(request)
        usage = f"api-usage={passage.requests - passage.left}/{passage.requests}"
        request.note["headers"] = {"Sforce-Limit-Info": usage}
        if not passage.is_allowed:
            raise RefusedError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
        return None

    def tell(self, request: Request, refused: RefusedError) -> Reply:
        if isinstance(refused, oauth.GrantRefusedError):
            return json_reply(400, {"error": refused.code, "error_description": refused.message})
        return _errors(refused.status, told(refused, "errorCode"))

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        code = _CODES.get(status, "UNKNOWN_EXCEPTION")
        return _errors(status, {"errorCode": code, "message": message or "The requested resource does not exist"})

    def token(self, request: Request) -> Reply:
        """Issue an access token, and say where it is good."""
        issued = self._desk.issue(request.body)
        # Salesforce doesn't say when a token ends.
        del issued["expires_in"]
        return json_reply(
            200, {**issued, "instance_url": request.base_url, "id": f"{request.base_url}/id/{ORGANISATION}"}
        )

    def authorize(self, request: Request) -> Reply:
        """The page on which a person agrees."""
        page = self._desk.consent({name: values[-1] for name, values in request.query.items()})
        return Reply(200, page, {"Content-Type": "text/html; charset=utf-8"})

    def describe(self, request: Request, version: str, kind: str) -> Reply:
        """The fields of an object."""
        return json_reply(200, describe(known_kind(kind)))

    def upsert_many(self, request: Request, version: str, kind: str, field: str) -> Reply:
        """Create or update up to 200 records, each found by its external id."""
        check_external(known_kind(kind), field)
        body = request.json()
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list) or not 0 < len(records) <= MOST_RECORDS:
            raise RefusedError("INVALID_BATCH_SIZE", "The batch size must be between 1 and 200.")
        if body.get("allOrNone") is not False:
            raise RefusedError("INVALID_FIELD", "The sandbox takes collections with allOrNone false alone.")
        for record in records:
            if not isinstance(record, dict) or (record.get("attributes") or {}).get("type") != kind:
                raise RefusedError("INVALID_TYPE", "Every record needs its type in attributes.")
            check_known(kind, record)
        with self.store.transaction() as db:
            return json_reply(200, [self._result(db, request, kind, record) for record in records])

    def _result(self, db: sqlite3.Connection, request: Request, kind: str, record: dict[str, Any]) -> dict[str, Any]:
        values = {name: value for name, value in record.items() if name != "attributes"}
        if not values.get(EXTERNAL_ID):
            missing = RefusedError("MISSING_ARGUMENT", f"{EXTERNAL_ID} not specified")
            return {"success": False, "errors": [told(missing, "statusCode")]}
        try:
            number, is_new = self._save(db, request, kind, _find(db, kind, EXTERNAL_ID, values[EXTERNAL_ID]), values)
        except RefusedError as refused:
            return {"success": False, "errors": [told(refused, "statusCode")]}
        return {"id": _id(kind, number), "success": True, "errors": [], "created": is_new}

    def create(self, request: Request, version: str, kind: str) -> Reply:
        """Create one record."""
        values = _object(request, known_kind(kind))
        with self.store.transaction() as db:
            number, _ = self._save(db, request, kind, None, values)
        return json_reply(201, {"id": _id(kind, number), "success": True, "errors": []})

    def upsert(self, request: Request, version: str, kind: str, field: str, value: str) -> Reply:
        """Create or update one record found by its external id."""
        check_external(known_kind(kind), field)
        values = _object(request, kind)
        with self.store.transaction() as db:
            number, is_new = self._save(db, request, kind, _find(db, kind, field, value), {**values, field: value})
        result = {"id": _id(kind, number), "success": True, "errors": [], "created": is_new}
        return json_reply(201 if is_new else 200, result)

    def update(self, request: Request, version: str, kind: str, record_id: str) -> Reply:
        """Change one record."""
        values = _object(request, known_kind(kind))
        with self.store.transaction() as db:
            self._save(db, request, kind, _known(db, kind, "Id", record_id), values)
        return Reply(204)

    def read(self, request: Request, version: str, kind: str, record_id: str) -> Reply:
        """One record."""
        return self.read_by(request, version, kind, "Id", record_id)

    def read_by(self, request: Request, version: str, kind: str, field: str, value: str) -> Reply:
        """One record found by its external id."""
        with self.store.transaction() as db:
            return json_reply(200, _shown(_known(db, known_kind(kind), field, value)))

    def delete(self, request: Request, version: str, kind: str, record_id: str) -> Reply:
        """Delete one record."""
        return self.delete_by(request, version, kind, "Id", record_id)

    def delete_by(self, request: Request, version: str, kind: str, field: str, value: str) -> Reply:
        """Delete one record found by its external id."""
        with self.store.transaction() as db:
            row = _known(db, known_kind(kind), field, value)
            db.execute("DELETE FROM salesforce_records WHERE number = ?", (row["number"],))
            record_effects(db, self.key, request.request_id, [("erase", row["held"].get("Email") or value, {})])
        return Reply(204)

    def search(self, request: Request, version: str) -> Reply:
        """Records of one object that have an e-mail address."""
        body = request.json()
        kind = known_kind(body["sobjects"][0]["name"])
        with self.store.transaction() as db:
            rows = [
                row for row in RECORDS.all(db, kind=kind) if row["held"].get("Email", "").lower() == body["q"].lower()
            ]
        found = [{"attributes": {"type": kind}, "Id": _shown(row)["Id"], "Email": row["held"]["Email"]} for row in rows]
        return json_reply(200, {"searchRecords": found})

    def _save(
        self, db: sqlite3.Connection, request: Request, kind: str, row: dict[str, Any] | None, values: dict[str, Any]
    ) -> tuple[int, bool]:
        """Write one record; returns its number and whether it is new. Raises: RefusedError."""
        held = {**(row["held"] if row else {}), **{name: value for name, value in values.items() if value is not None}}
        check_values(kind, held, values)
        email = str(held.get("Email") or "").lower()
        if email and request.dials.fails(email):
            raise RefusedError("FIELD_CUSTOM_VALIDATION_EXCEPTION", f"{email} is refused by a rule")
        if row is None and email and (found := RECORDS.all(db, kind=kind, email=email)):
            ids = [_id(kind, other["number"]) for other in found]
            raise RefusedError("DUPLICATES_DETECTED", "Use one of these records?", about=ids)
        written = (kind, held.get(EXTERNAL_ID), email, json.dumps(held), utc_now())
        if row:
            sql = "UPDATE salesforce_records SET kind = ?, external_id = ?, email = ?, held = ?, changed_at = ?"
            db.execute(f"{sql} WHERE number = ?", (*written, row["number"]))
            number = int(row["number"])
        else:
            sql = "INSERT INTO salesforce_records (kind, external_id, email, held, changed_at) VALUES (?, ?, ?, ?, ?)"
            number = int(db.execute(sql, written).lastrowid or 0)
        sent = {name: str(value) for name, value in values.items()}
        record_effects(db, self.key, request.request_id, [("update" if row else "create", email or str(number), sent)])
        return number, row is None

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        if kind not in KINDS:
            return None
        with self.store.transaction() as db:
            return [_shown(row) for row in RECORDS.all(db, kind=kind)]

    def tables(self) -> list[Table]:
        names = ("Id", "Email", "FirstName", "LastName", "Company", "Phone", "Description", "LastModifiedDate")
        columns = ("ID", "E-mail", "First name", "Last name", "Company", "Phone", "Description", "Changed")
        return [
            Table.newest(
                f"{kind}s in Salesforce",
                columns,
                self.rows(kind) or [],
                lambda row: tuple(row.get(n, "") for n in names),
            )
            for kind in KINDS
        ]


RECORDS = Rows(
    "salesforce_records", ("number", "kind", "external_id", "email", "held", "changed_at"), ("held",), "number"
)


def _find(db: sqlite3.Connection, kind: str, field: str, value: str) -> dict[str, Any] | None:
    wanted = {"number": _number(kind, value)} if field == "Id" else {"external_id": value}
    return RECORDS.one(db, kind=kind, **wanted)


def _known(db: sqlite3.Connection, kind: str, field: str, value: str) -> dict[str, Any]:
    row = _find(db, kind, field, value)
    if row is None:
        raise RefusedError("NOT_FOUND", "The requested resource does not exist", status=404)
    return row


def _id(kind: str, number: int) -> str:
    return f"{PREFIXES[kind]}5e{number:010d}AAA"


def _number(kind: str, record_id: str) -> int:
    found = re.fullmatch(rf"{PREFIXES[kind]}5e([0-9]{{10}})(AAA)?", record_id)
    return int(found[1]) if found else 0


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    record_id = _id(row["kind"], row["number"])
    return {"attributes": {"type": row["kind"]}, "Id": record_id, **row["held"], "LastModifiedDate": row["changed_at"]}


def _object(request: Request, kind: str) -> dict[str, Any]:
    body = request.json()
    if not isinstance(body, dict):
        raise RefusedError("JSON_PARSER_ERROR", "The body must be an object")
    check_known(kind, body)
    return body


def told(refused: RefusedError, code: str) -> dict[str, Any]:
    """A refusal in Salesforce's form; `about` are its fields or, of a duplicate rule, the records it matched."""
    about = list(refused.about or ())
    is_duplicate = refused.code == "DUPLICATES_DETECTED"
    found: dict[str, Any] = {code: refused.code, "message": refused.message, "fields": [] if is_duplicate else about}
    if is_duplicate:
        records = [{"record": {"Id": record_id}} for record_id in about]
        found["duplicateResut"] = {"matchResults": [{"matchRecords": records}]}
    return found


def _errors(status: int, error: dict[str, Any]) -> Reply:
    return json_reply(status, [error])
