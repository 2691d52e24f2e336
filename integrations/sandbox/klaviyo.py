"""Klaviyo's API, as far as a connector for profiles and subscriptions needs it.

- Everything is JSON:API with a media type and a `revision` header of its own; without them it is refused.
- An import of several profiles is accepted (202) and worked on: the first look at a job finds it processing.
- An import subscribes nobody. A list with double opt-in sends a mail; until it is confirmed nobody is on the list.
- Who has unsubscribed stays so until they confirm.

Source: https://developers.klaviyo.com/en/reference (revision 2026-07-15), klaviyo-api 25.0.0.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from typing import Any, ClassVar

from integrations.sandbox import klaviyo_profiles as records
from integrations.sandbox.klaviyo_profiles import LISTS, PROFILES
from integrations.sandbox.store import record_effects
from integrations.sandbox.vendor import RefusedError, Table, Vendor, is_key, route
from integrations.sandbox.wire import Reply, Request, json_reply, utc_now

KEY = "pk_sandbox_klaviyo"
MOST_PROFILES = 10_000
MEDIA_TYPE = "application/vnd.api+json"
CODES = {401: "authentication_failed", 403: "permission_denied", 404: "not_found", 405: "method_not_allowed"}
CODES |= {429: "throttled", 415: "unsupported_media_type"}


class Klaviyo(Vendor):
    """The imitation of a.klaviyo.com."""

    key: ClassVar[str] = "klaviyo"
    name: ClassVar[str] = "Klaviyo"
    schema: ClassVar[str] = (
        "CREATE TABLE IF NOT EXISTS klaviyo_profiles (number INTEGER PRIMARY KEY AUTOINCREMENT,"
        " email TEXT NOT NULL UNIQUE, held TEXT NOT NULL, consent TEXT NOT NULL, lists TEXT NOT NULL,"
        " awaits TEXT NOT NULL, changed_at TEXT NOT NULL);"
        "CREATE TABLE IF NOT EXISTS klaviyo_jobs (id TEXT PRIMARY KEY, total INTEGER NOT NULL, failed TEXT NOT NULL,"
        " looks INTEGER NOT NULL, created_at TEXT NOT NULL);"
    )
    routes = (
        route("POST", "/api/profile-import", "write"),
        route("GET", "/api/profiles", "profiles"),
        route("GET", "/api/profiles/{profile_id}", "profile"),
        route("POST", "/api/profile-bulk-import-jobs", "start"),
        route("GET", "/api/profile-bulk-import-jobs/{job}", "job"),
        route("GET", "/api/profile-bulk-import-jobs/{job}/import-errors", "job_errors"),
        route("POST", "/api/profile-subscription-bulk-create-jobs", "subscribe"),
        route("POST", "/api/profile-subscription-bulk-delete-jobs", "unsubscribe"),
        route("POST", "/api/data-privacy-deletion-jobs", "forget"),
        route("GET", "/api/lists", "lists"),
    )

    limit = {"requests": 75, "window_ms": 1_000}

    def respond(self, request: Request) -> Reply:
        request.path = request.path.rstrip("/")
        return super().respond(request)

    def admit(self, request: Request) -> Reply | None:
        if not is_key(request.headers.get("Authorization", ""), f"Klaviyo-API-Key {KEY}"):
            return self.refuse(request, 401, "Incorrect authentication credentials.")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.pre)?", request.headers.get("Revision", "")):
            return self.refuse(request, 400, "The revision header is missing or invalid.")
        media_type = request.headers.get("Content-Type", "").partition(";")[0]
        if request.body and media_type not in (MEDIA_TYPE, "application/json"):
            return self.refuse(request, 415, "Unsupported media type.")
        return self._limit(request)

    def _limit(self, request: Request) -> Reply | None:
        passage = self.take(request)
        if passage.is_allowed:
            limit = f"{passage.requests}, {passage.requests};w={passage.seconds}"
            # The reset of a window that isn't used up is 0 there, however long it is.
            told = {"Limit": limit, "Remaining": passage.left, "Reset": 0}
            request.note["headers"] = {f"RateLimit-{name}": str(value) for name, value in told.items()}
            return None
        reply = self.refuse(request, 429, f"Request was throttled. Expected available in {passage.seconds} second.")
        reply.headers["Retry-After"] = str(passage.seconds)
        return self.finish(request, reply)

    def finish(self, request: Request, reply: Reply) -> Reply:
        if reply.body:
            reply.headers["Content-Type"] = MEDIA_TYPE
        return super().finish(request, reply)

    def tell(self, request: Request, refused: RefusedError) -> Reply:
        return _errors(refused.status, records.problem(refused))

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        return _errors(status, {"code": CODES.get(status, "error"), "title": "Error", "detail": message or "Failed."})

    def write(self, request: Request) -> Reply:
        """Create or update one profile."""
        given = records.attributes(request, "profile")
        with self.store.transaction() as db:
            is_new = records.save(db, request, given, "/data/attributes")
            row = records.known(db, str(given["email"]))
        with_subscriptions = "subscriptions" in request.parameter("additional-fields[profile]")
        return json_reply(201 if is_new else 200, {"data": records.shown(row, with_subscriptions=with_subscriptions)})

    def profiles(self, request: Request) -> Reply:
        """The profiles, the newest first, at most a hundred."""
        with self.store.transaction() as db:
            found = [records.shown(row) for row in PROFILES.all(db)[:-101:-1]]
        return json_reply(200, {"data": found, "links": {"self": request.path, "next": None}})

    def profile(self, request: Request, profile_id: str) -> Reply:
        """One profile."""
        with self.store.transaction() as db:
            found = [row for row in PROFILES.all(db) if records.public_id(row) == profile_id]
        if not found:
            raise RefusedError("not_found", "A profile with this id does not exist.", status=404)
        return json_reply(200, {"data": records.shown(found[0], with_subscriptions=True)})

    def start(self, request: Request) -> Reply:
        """Take up to 10,000 profiles to import; what is wrong with each is told by the job."""
        every = records.several(records.attributes(request, "profile-bulk-import-job"))
        if not 0 < len(every) <= MOST_PROFILES:
            raise RefusedError("invalid", "A job takes from 1 to 10,000 profiles.", about="/data/attributes/profiles")
        job, failed = secrets.token_urlsafe(12), []
        with self.store.transaction() as db:
            for place, given in enumerate(every):
                try:
                    records.save(db, request, given, f"/data/attributes/profiles/data/{place}/attributes")
                except RefusedError as refused:
                    failed.append({**records.problem(refused), "original_payload": given})
            row = (job, len(every), json.dumps(failed), 0, utc_now())
            db.execute("INSERT INTO klaviyo_jobs VALUES (?, ?, ?, ?, ?)", row)
            return json_reply(202, {"data": records.shown_job(records.known_job(db, job), request)})

    def job(self, request: Request, job: str) -> Reply:
        """How far a job is."""
        with self.store.transaction() as db:
            row = records.known_job(db, job)
            db.execute("UPDATE klaviyo_jobs SET looks = looks + 1 WHERE id = ?", (job,))
            return json_reply(200, {"data": records.shown_job({**row, "looks": row["looks"] + 1}, request)})

    def job_errors(self, request: Request, job: str) -> Reply:
        """What went wrong, in pages."""
        with self.store.transaction() as db:
            failed = records.known_job(db, job)["failed"]
        start, size = int(request.parameter("page[cursor]", "0")), int(request.parameter("page[size]", "20"))
        page = [
            {"type": "import-error", "id": str(start + number), "attributes": error}
            for number, error in enumerate(failed[start : start + size])
        ]
        link = f"{request.base_url}{request.path}?page%5Bcursor%5D={start + size}"
        more = link if start + size < len(failed) else None
        return json_reply(200, {"data": page, "links": {"self": request.path, "next": more}})

    def subscribe(self, request: Request) -> Reply:
        """Take consents: a list with double opt-in asks by mail first."""
        attributes = records.attributes(request, "profile-subscription-bulk-create-job")
        list_id = records.list_of(request)
        with self.store.transaction() as db:
            for given in records.several(attributes):
                if not records.says(given, "SUBSCRIBED"):
                    raise RefusedError("invalid", "A subscription needs a consent.", about="/data/attributes/profiles")
                records.save(db, request, {"email": given.get("email")}, "/data/attributes/profiles")
                self._agree(db, request, str(given["email"]).lower(), list_id)
        return Reply(202)

    def _agree(self, db: sqlite3.Connection, request: Request, email: str, list_id: str) -> None:
        row = records.known(db, email)
        asks = LISTS[list_id][1] == "double_opt_in"
        column = "awaits" if asks else "lists"
        db.execute(
            f"UPDATE klaviyo_profiles SET {column} = ?, consent = ?, changed_at = ? WHERE email = ?",
            (
                json.dumps(sorted({*row[column], list_id})),
                row["consent"] if asks else "SUBSCRIBED",
                utc_now(),
                email,
            ),
        )
        record_effects(
            db, self.key, request.request_id, [("invite" if asks else "subscribe", email, {"list": list_id})]
        )

    def unsubscribe(self, request: Request) -> Reply:
        """Take consents back; a profile that isn't there is made."""
        attributes = records.attributes(request, "profile-subscription-bulk-delete-job")
        with self.store.transaction() as db:
            for given in records.several(attributes):
                if not records.says(given, "UNSUBSCRIBED"):
                    raise RefusedError(
                        "invalid", "Only a consent can be taken back.", about="/data/attributes/profiles"
                    )
                email = str(given.get("email")).lower()
                records.save(db, request, {"email": email}, "/data/attributes/profiles")
                sql = (
                    "UPDATE klaviyo_profiles SET consent = 'UNSUBSCRIBED', lists = '[]', awaits = '[]', changed_at = ?"
                )
                db.execute(f"{sql} WHERE email = ?", (utc_now(), email))
                record_effects(db, self.key, request.request_id, [("unsubscribe", email, {})])
        return Reply(202)

    def forget(self, request: Request) -> Reply:
        """Delete a person."""
        profile = records.attributes(request, "data-privacy-deletion-job").get("profile")
        email = str(profile["data"]["attributes"]["email"]).lower() if isinstance(profile, dict) else ""
        with self.store.transaction() as db:
            if db.execute("DELETE FROM klaviyo_profiles WHERE email = ?", (email,)).rowcount:
                record_effects(db, self.key, request.request_id, [("erase", email, {})])
        return Reply(202)

    def lists(self, request: Request) -> Reply:
        """The lists, or those that are asked for."""
        asked = re.findall(r'"([^"]+)"', request.parameter("filter"))
        found = [
            {
                "type": "list",
                "id": list_id,
                "attributes": {"name": name, "opt_in_process": process},
                "links": {"self": f"{request.base_url}/api/lists/{list_id}"},
            }
            for list_id, (name, process) in LISTS.items()
            if not asked or list_id in asked
        ]
        return json_reply(200, {"data": found, "links": {"self": request.path, "next": None}})

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        if kind != "profiles":
            return None
        with self.store.transaction() as db:
            return [records.held(row) for row in PROFILES.all(db)]

    def tables(self) -> list[Table]:
        names = ("id", "email", "first_name", "last_name", "consent", "lists", "awaits", "updated")
        columns = ("ID", "E-mail", "First name", "Last name", "Consent", "Lists", "Asked to confirm", "Changed")
        rows = self.rows("profiles") or []
        return [
            Table.newest("Profiles in Klaviyo", columns, rows, lambda row: tuple(_told(row, name) for name in names))
        ]


def _told(row: dict[str, Any], name: str) -> str:
    value = row.get(name, "")
    return ", ".join(value) if isinstance(value, list) else str(value)


def _errors(status: int, error: dict[str, Any]) -> Reply:
    told = {"id": secrets.token_hex(8), "status": status, **error}
    return json_reply(status, {"errors": [told]}, {"Content-Type": MEDIA_TYPE})
