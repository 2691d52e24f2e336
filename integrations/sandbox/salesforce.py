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
from integrations.sandbox.limits import Window
from integrations.sandbox.salesforce_fields import EXTERNAL_ID, KINDS, PREFIXES, describe, fields_of
from integrations.sandbox.store import Store, record_effects
from integrations.sandbox.vendor import Table, Vendor, route
from integrations.sandbox.wire import Reply, Request, json_reply, utc_now

TOKEN = "00D000000000001!sandbox"  # noqa: S105 - the sandbox's public example token
REFRESH_TOKEN = "refresh-sandbox-salesforce"  # noqa: S105 - likewise
ORGANISATION = "00D000000000001AAA"
LIMIT = {"requests": 100_000, "window_ms": 86_400_000}
MOST_RECORDS = 200
DATA = "/services/data/v{version}"
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+\Z")
_CODES = {401: "INVALID_SESSION_ID", 403: "API_DISABLED_FOR_ORG", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
_CODES |= {400: "JSON_PARSER_ERROR", 503: "SERVER_UNAVAILABLE"}


class RefusedError(Exception):
    """One refusal: of a record, or of the whole request."""

    def __init__(self, code: str, message: str, fields: tuple[str, ...] = (), status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.fields, self.status = code, message, list(fields), status


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

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._desk = oauth.Desk(self.key, self.name, store, TOKEN, REFRESH_TOKEN, takes_assertions=True)
        self._window = Window()

    def reload(self) -> None:
        """Begin with full limits."""
        self._window.clear()

    def respond(self, request: Request) -> Reply:
        # SDKs write the end of a path with a slash.
        request.path = request.path.rstrip("/")
        try:
            return super().respond(request)
        except RefusedError as refused:
            return self.finish(request, _errors(refused.status, _told(refused, "errorCode")))
        except oauth.GrantRefusedError as refused:
            return json_reply(400, {"error": refused.error, "error_description": refused.words})

    def admit(self, request: Request) -> Reply | None:
        if request.path.startswith("/services/oauth2/"):
            return None
        if not self._desk.knows(request.bearer()):
            return self.refuse(request, 401, "Session expired or invalid")
        limit = request.dials.value("rate_limit") or LIMIT
        is_allowed, left = self._window.take(**limit)
        request.note["usage"] = f"api-usage={limit['requests'] - left}/{limit['requests']}"
        if is_allowed:
            return None
        refused = RefusedError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        return self.finish(request, _errors(403, _told(refused, "errorCode")))

    def finish(self, request: Request, reply: Reply) -> Reply:
        if "usage" in request.note:
            reply.headers["Sforce-Limit-Info"] = request.note["usage"]
        return reply

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
        return json_reply(200, describe(_kind(kind)))

    def upsert_many(self, request: Request, version: str, kind: str, field: str) -> Reply:
        """Create or update up to 200 records, each found by its external id."""
        _check_external(_kind(kind), field)
        body = request.json()
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list) or not 0 < len(records) <= MOST_RECORDS:
            raise RefusedError("INVALID_BATCH_SIZE", "The batch size must be between 1 and 200.")
        if body.get("allOrNone") is not False:
            raise RefusedError("INVALID_FIELD", "The sandbox takes collections with allOrNone false alone.")
        for record in records:
            if not isinstance(record, dict) or (record.get("attributes") or {}).get("type") != kind:
                raise RefusedError("INVALID_TYPE", "Every record needs its type in attributes.")
            _check_known(kind, record)
        with self.store.transaction() as db:
            return json_reply(200, [self._result(db, request, kind, record) for record in records])

    def _result(self, db: sqlite3.Connection, request: Request, kind: str, record: dict[str, Any]) -> dict[str, Any]:
        values = {name: value for name, value in record.items() if name != "attributes"}
        if not values.get(EXTERNAL_ID):
            missing = RefusedError("MISSING_ARGUMENT", f"{EXTERNAL_ID} not specified")
            return {"success": False, "errors": [_told(missing, "statusCode")]}
        try:
            number, is_new = self._save(db, request, kind, _find(db, kind, EXTERNAL_ID, values[EXTERNAL_ID]), values)
        except RefusedError as refused:
            return {"success": False, "errors": [_told(refused, "statusCode")]}
        return {"id": _id(kind, number), "success": True, "errors": [], "created": is_new}

    def create(self, request: Request, version: str, kind: str) -> Reply:
        """Create one record."""
        values = _object(request, _kind(kind))
        with self.store.transaction() as db:
            number, _ = self._save(db, request, kind, None, values)
        return json_reply(201, {"id": _id(kind, number), "success": True, "errors": []})

    def upsert(self, request: Request, version: str, kind: str, field: str, value: str) -> Reply:
        """Create or update one record found by its external id."""
        _check_external(_kind(kind), field)
        values = _object(request, kind)
        with self.store.transaction() as db:
            number, is_new = self._save(db, request, kind, _find(db, kind, field, value), {**values, field: value})
        told = {"id": _id(kind, number), "success": True, "errors": [], "created": is_new}
        return json_reply(201 if is_new else 200, told)

    def update(self, request: Request, version: str, kind: str, record_id: str) -> Reply:
        """Change one record."""
        values = _object(request, _kind(kind))
        with self.store.transaction() as db:
            self._save(db, request, kind, _known(db, kind, "Id", record_id), values)
        return Reply(204)

    def read(self, request: Request, version: str, kind: str, record_id: str) -> Reply:
        """One record."""
        return self.read_by(request, version, kind, "Id", record_id)

    def read_by(self, request: Request, version: str, kind: str, field: str, value: str) -> Reply:
        """One record found by its external id."""
        with self.store.transaction() as db:
            return json_reply(200, _shown(_known(db, _kind(kind), field, value)))

    def delete(self, request: Request, version: str, kind: str, record_id: str) -> Reply:
        """Delete one record."""
        return self.delete_by(request, version, kind, "Id", record_id)

    def delete_by(self, request: Request, version: str, kind: str, field: str, value: str) -> Reply:
        """Delete one record found by its external id."""
        with self.store.transaction() as db:
            row = _known(db, _kind(kind), field, value)
            db.execute("DELETE FROM salesforce_records WHERE number = ?", (row["number"],))
            record_effects(db, self.key, request.request_id, [("erase", row["held"].get("Email") or value, {})])
        return Reply(204)

    def search(self, request: Request, version: str) -> Reply:
        """Records of one object that have an e-mail address."""
        body = request.json()
        kind = _kind(body["sobjects"][0]["name"])
        with self.store.transaction() as db:
            rows = [row for row in _all(db, kind) if row["held"].get("Email", "").lower() == body["q"].lower()]
        found = [{"attributes": {"type": kind}, "Id": _shown(row)["Id"], "Email": row["held"]["Email"]} for row in rows]
        return json_reply(200, {"searchRecords": found})

    def _save(
        self, db: sqlite3.Connection, request: Request, kind: str, row: dict[str, Any] | None, values: dict[str, Any]
    ) -> tuple[int, bool]:
        """Write one record; returns its number and whether it is new. Raises: RefusedError."""
        held = {**(row["held"] if row else {}), **{name: value for name, value in values.items() if value is not None}}
        _check_values(kind, held, values)
        email = str(held.get("Email") or "").lower()
        if email and request.dials.fails(email):
            raise RefusedError("FIELD_CUSTOM_VALIDATION_EXCEPTION", f"{email} is refused by a rule")
        if row is None and email and (found := [r for r in _all(db, kind) if r["email"] == email]):
            raise DuplicateError([_id(kind, other["number"]) for other in found])
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
            return [_shown(row) for row in _all(db, kind)]

    def tables(self) -> list[Table]:
        found = []
        for kind in KINDS:
            rows = self.rows(kind) or []
            names = ("Id", "Email", "FirstName", "LastName", "Company", "Phone", "Description", "LastModifiedDate")
            shown = [tuple(row.get(name, "") for name in names) for row in rows[:-51:-1]]
            columns = ("ID", "E-mail", "First name", "Last name", "Company", "Phone", "Description", "Changed")
            found.append(Table(f"{kind}s in Salesforce", columns, shown, len(rows)))
        return found


class DuplicateError(RefusedError):
    """A duplicate rule holds a record back, and names those it matched."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__("DUPLICATES_DETECTED", "Use one of these records?")
        self.ids = ids


COLUMNS = "number, kind, external_id, email, held, changed_at"


def _all(db: sqlite3.Connection, kind: str) -> list[dict[str, Any]]:
    sql = f"SELECT {COLUMNS} FROM salesforce_records WHERE kind = ? ORDER BY number"
    return [_row(row) for row in db.execute(sql, (kind,)).fetchall()]


def _row(row: tuple[Any, ...]) -> dict[str, Any]:
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    return values | {"held": json.loads(values["held"])}


def _find(db: sqlite3.Connection, kind: str, field: str, value: str) -> dict[str, Any] | None:
    column, key = ("number", _number(kind, value)) if field == "Id" else ("external_id", value)
    sql = f"SELECT {COLUMNS} FROM salesforce_records WHERE kind = ? AND {column} = ?"
    row = db.execute(sql, (kind, key)).fetchone()
    return _row(row) if row else None


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


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise RefusedError("NOT_FOUND", "The requested resource does not exist", status=404)
    return kind


def _check_external(kind: str, field: str) -> None:
    if field != EXTERNAL_ID:
        message = f"Provided external ID field does not exist or is not accessible: {field}"
        raise RefusedError("NOT_FOUND", message, status=404)


def _object(request: Request, kind: str) -> dict[str, Any]:
    body = request.json()
    if not isinstance(body, dict):
        raise RefusedError("JSON_PARSER_ERROR", "The body must be an object")
    _check_known(kind, body)
    return body


def _check_known(kind: str, values: dict[str, Any]) -> None:
    known = fields_of(kind)
    for name in values:
        if name != "attributes" and name not in known:
            raise RefusedError("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind}")


def _check_values(kind: str, held: dict[str, Any], given: dict[str, Any]) -> None:
    """Raises: RefusedError where a required field is empty, or a value doesn't fit."""
    known = fields_of(kind)
    missing = [name for name, field in known.items() if field.is_required and not held.get(name)]
    if missing:
        raise RefusedError("REQUIRED_FIELD_MISSING", f"Required fields are missing: {missing}", tuple(missing))
    for name, value in given.items():
        field = known[name]
        if field.is_read_only:
            message = "Unable to create/update fields; check the security settings of this field."
            raise RefusedError("INVALID_FIELD_FOR_INSERT_UPDATE", message, (name,))
        if field.length and isinstance(value, str) and len(value) > field.length:
            message = f"{field.label}: data value too large: {value} (max length={field.length})"
            raise RefusedError("STRING_TOO_LONG", message, (name,))
        if field.type == "email" and value and not _EMAIL.match(str(value)):
            raise RefusedError("INVALID_EMAIL_ADDRESS", f"{name}: invalid email address: {value}", (name,))
        if field.choices and value not in field.choices:
            message = f"{field.label}: bad value for restricted picklist field: {value}"
            raise RefusedError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, (name,))


def _told(refused: RefusedError, code: str) -> dict[str, Any]:
    told: dict[str, Any] = {code: refused.code, "message": refused.message, "fields": refused.fields}
    if isinstance(refused, DuplicateError):
        records = [{"record": {"Id": record_id}} for record_id in refused.ids]
        told["duplicateResut"] = {"matchResults": [{"matchRecords": records}]}
    return told


def _errors(status: int, error: dict[str, Any]) -> Reply:
    return json_reply(status, [error])
