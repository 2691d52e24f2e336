"""Mailchimp's Marketing API 3.0, as far as a connector for members of an audience needs it.

- A member is called by the MD5 of the address; `status_if_new` counts for new members alone.
- A merge field that the audience doesn't have is dropped without a word; a value that doesn't fit is a 400.
- Who has left can't be set to subscribed (400, Member In Compliance State), only to pending; who was deleted for good
  can't be written again.
- More than ten requests at once: 429 without Retry-After (here by the dial `rate_limit` alone).

Source: https://mailchimp.com/developer/marketing/api/list-members/, /docs/errors/.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from typing import Any, ClassVar

from integrations.sandbox.store import Rows, record_effects
from integrations.sandbox.vendor import EMAIL, RefusedError, Table, Vendor, is_key, route
from integrations.sandbox.wire import Reply, Request, json_reply, utc_now

KEY = "0123456789abcdef-us21"
LIST = "3f2a91bc07"
MERGE_FIELDS: tuple[dict[str, Any], ...] = (
    {"tag": "FNAME", "name": "First name", "type": "text", "required": False, "options": {"size": 25}},
    {"tag": "LNAME", "name": "Last name", "type": "text", "required": False, "options": {"size": 25}},
    {"tag": "PHONE", "name": "Phone", "type": "phone", "required": False, "options": {"phone_format": "none"}},
    {"tag": "AGE", "name": "Age", "type": "number", "required": False, "options": {}},
    {"tag": "SIZE", "name": "Size", "type": "dropdown", "required": False, "options": {"choices": ["S", "M", "L"]}},
)
STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
_TITLES = {400: "Bad Request", 401: "API Key Invalid", 403: "Forbidden", 404: "Resource Not Found"}
_TITLES |= {405: "Method Not Allowed", 429: "Too Many Requests", 503: "Compliance Related"}
MEMBERS = "/3.0/lists/{list_id}/members/{member}"


class Mailchimp(Vendor):
    """The imitation of <dc>.api.mailchimp.com."""

    key: ClassVar[str] = "mailchimp"
    name: ClassVar[str] = "Mailchimp"
    schema: ClassVar[str] = (
        "CREATE TABLE IF NOT EXISTS mailchimp_members (hash TEXT PRIMARY KEY, email TEXT NOT NULL,"
        " status TEXT NOT NULL, fields TEXT NOT NULL, tags TEXT NOT NULL, changed_at TEXT NOT NULL);"
    )
    routes = (
        route("GET", "/3.0/lists/{list_id}", "audience"),
        route("GET", "/3.0/lists/{list_id}/merge-fields", "merge_fields"),
        route("GET", MEMBERS, "read"),
        route("PUT", MEMBERS, "put"),
        route("PATCH", MEMBERS, "patch"),
        route("POST", f"{MEMBERS}/tags", "tags"),
        route("POST", f"{MEMBERS}/actions/delete-permanent", "forget"),
    )

    def tell(self, request: Request, refused: RefusedError) -> Reply:
        return _problem(refused.status, refused.code, refused.message, refused.about)

    def admit(self, request: Request) -> Reply | None:
        if not is_key(request.basic()[1], KEY):
            return self.refuse(request, 401, "Your API key may be invalid, or you've attempted the wrong datacenter.")
        if not self.take(request).is_allowed:
            return self.refuse(request, 429, "You have exceeded the limit of 10 simultaneous connections.")
        return None

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        return _problem(status, _TITLES.get(status, "Internal Server Error"), message or "An error has occurred.")

    def audience(self, request: Request, list_id: str) -> Reply:
        """The audience."""
        _check_list(list_id)
        return json_reply(200, {"id": LIST, "name": "Newsletter"})

    def merge_fields(self, request: Request, list_id: str) -> Reply:
        """Its merge fields."""
        _check_list(list_id)
        return json_reply(200, {"list_id": LIST, "merge_fields": list(MERGE_FIELDS), "total_items": len(MERGE_FIELDS)})

    def read(self, request: Request, list_id: str, member: str) -> Reply:
        """One member."""
        _check_list(list_id)
        with self.store.transaction() as db:
            return json_reply(200, _shown(_known(db, member)))

    def put(self, request: Request, list_id: str, member: str) -> Reply:
        """Create or update a member."""
        _check_list(list_id)
        body = _object(request)
        email = str(body.get("email_address") or "")
        if not EMAIL.match(email) or hashlib.md5(email.lower().encode()).hexdigest() != member:  # noqa: S324
            raise RefusedError("Invalid Resource", f"{email} looks fake or invalid, please enter a real email.")
        if request.dials.fails(email.lower()):
            raise RefusedError("Invalid Resource", f"{email} was refused.")
        with self.store.transaction() as db:
            held = ROWS.one(db, hash=member)
            if held is None and body.get("status_if_new") not in STATUSES:
                raise RefusedError("Invalid Resource", "status_if_new is needed for a new member.")
            row = held or {"email": email, "status": body["status_if_new"], "fields": {}, "tags": []}
            if row["status"] == "forgotten":
                detail = f"{email} was permanently deleted and cannot be re-imported."
                raise RefusedError("Forgotten Email Not Subscribed", detail)
            row["status"] = _next(row["status"], body["status"]) if held and "status" in body else row["status"]
            row["fields"] = {**row["fields"], **_fitting(body.get("merge_fields"))}
            return self._save(db, request, member, row, "update" if held else "create", body)

    def patch(self, request: Request, list_id: str, member: str) -> Reply:
        """Change a member."""
        _check_list(list_id)
        body = _object(request)
        with self.store.transaction() as db:
            row = _known(db, member)
            if "status" in body:
                row["status"] = _next(row["status"], body["status"])
            row["fields"] = {**row["fields"], **_fitting(body.get("merge_fields"))}
            return self._save(db, request, member, row, "update", body)

    def tags(self, request: Request, list_id: str, member: str) -> Reply:
        """Add tags, and take them off."""
        _check_list(list_id)
        with self.store.transaction() as db:
            row = _known(db, member)
            kept = set(row["tags"])
            for tag in _object(request).get("tags", []):
                (kept.add if tag.get("status") == "active" else kept.discard)(str(tag.get("name")))
            self._save(db, request, member, {**row, "tags": sorted(kept)}, "tag", {"tags": ", ".join(sorted(kept))})
        return Reply(204)

    def forget(self, request: Request, list_id: str, member: str) -> Reply:
        """Delete a member for good."""
        _check_list(list_id)
        with self.store.transaction() as db:
            row = _known(db, member)
            db.execute("UPDATE mailchimp_members SET status = 'forgotten', fields = '{}' WHERE hash = ?", (member,))
            record_effects(db, self.key, request.request_id, [("erase", row["email"], {})])
        return Reply(204)

    def _save(
        self,
        db: sqlite3.Connection,
        request: Request,
        member: str,
        row: dict[str, Any],
        done: str,
        sent: dict[str, Any],
    ) -> Reply:
        values = (member, row["email"], row["status"], json.dumps(row["fields"]), json.dumps(row["tags"]), utc_now())
        db.execute("INSERT OR REPLACE INTO mailchimp_members VALUES (?, ?, ?, ?, ?, ?)", values)
        told = {name: str(value) for name, value in sent.items() if name != "email_address"}
        record_effects(db, self.key, request.request_id, [(done, row["email"], told)])
        return json_reply(200, _shown(_known(db, member)))

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        if kind != "members":
            return None
        with self.store.transaction() as db:
            return [_shown(row) for row in ROWS.all(db) if row["status"] != "forgotten"]

    def tables(self) -> list[Table]:
        columns = ("E-mail", "First name", "Last name", "Status", "Tags", "Changed")
        return [Table.newest("Members in Mailchimp", columns, self.rows("members") or [], _cells)]


_JSON = ("fields", "tags")
ROWS = Rows("mailchimp_members", ("hash", "email", "status", *_JSON, "changed_at"), _JSON, "changed_at")


def _known(db: sqlite3.Connection, member: str) -> dict[str, Any]:
    row = ROWS.one(db, hash=member)
    if row is None or row["status"] == "forgotten":
        raise RefusedError("Resource Not Found", "The requested resource could not be found.", 404)
    return row


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    every = {field["tag"]: "" for field in MERGE_FIELDS}
    return {
        "id": row["hash"],
        "email_address": row["email"],
        "unique_email_id": row["hash"][:10],
        "status": row["status"],
        "merge_fields": {**every, **row["fields"]},
        "tags": [{"id": number, "name": name} for number, name in enumerate(row["tags"], 1)],
        "list_id": LIST,
        "last_changed": row["changed_at"],
    }


def _cells(member: dict[str, Any]) -> tuple[Any, ...]:
    names = [member["merge_fields"].get(tag, "") for tag in ("FNAME", "LNAME")]
    tags = ", ".join(tag["name"] for tag in member["tags"])
    return member["email_address"], *names, member["status"], tags, member["last_changed"]


def _check_list(list_id: str) -> None:
    if list_id != LIST:
        raise RefusedError("Resource Not Found", "The requested resource could not be found.", 404)


def _object(request: Request) -> dict[str, Any]:
    body = request.json()
    if not isinstance(body, dict):
        raise RefusedError("JSON Parse Error", "The body must be an object.")
    return body


def _next(now: str, wanted: Any) -> str:
    """The status a member gets. Raises: RefusedError where only they themselves can come back."""
    if wanted not in STATUSES:
        raise RefusedError("Invalid Resource", "Value did not match any of the possible statuses.")
    if now in ("unsubscribed", "cleaned") and wanted in ("subscribed", "transactional"):
        detail = "This contact is in compliance state and cannot be subscribed by the API."
        raise RefusedError("Member In Compliance State", detail)
    return str(wanted)


def _fitting(value: Any) -> dict[str, Any]:
    """What the audience has merge fields for; an unknown tag goes without a word. Raises: RefusedError."""
    known = {field["tag"]: field for field in MERGE_FIELDS}
    kept = {tag: text for tag, text in (value if isinstance(value, dict) else {}).items() if tag in known}
    wrong = [tag for tag, text in kept.items() if not _fits(known[tag], text)]
    if wrong:
        told = [{"field": f"merge_fields.{tag}", "message": "Please enter a valid value"} for tag in wrong]
        raise RefusedError("Invalid Resource", "Your merge fields were invalid.", about=told)
    return kept


def _fits(field: dict[str, Any], value: Any) -> bool:
    if field["type"] == "number":
        return bool(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", str(value)))
    choices = field["options"].get("choices")
    return choices is None or value in choices


def _problem(status: int, title: str, detail: str, errors: list[dict[str, str]] | None = None) -> Reply:
    kind = "https://mailchimp.com/developer/marketing/docs/errors/"
    body: dict[str, Any] = {"type": kind, "title": title, "status": status, "detail": detail, "instance": "sandbox"}
    if errors:
        body["errors"] = errors
    return json_reply(status, body, {"Content-Type": "application/problem+json; charset=utf-8"})
