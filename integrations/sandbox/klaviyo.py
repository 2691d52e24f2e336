"""Klaviyo's API, as far as a connector for profiles and subscriptions needs it.

- Everything is JSON:API with a media type and a `revision` header of its own; without them it is refused.
- An import of several profiles is accepted (202) and worked on: the first look at a job finds it processing.
- An import subscribes nobody. A list with double opt-in sends a mail; until it is confirmed nobody is on the list.
- Who has unsubscribed stays so until they confirm.

Source: https://developers.klaviyo.com/en/reference (revision 2026-07-15), klaviyo-api 25.0.0.
"""

from __future__ import annotations

import json
import math
import re
import secrets
import sqlite3
from typing import Any, ClassVar

from integrations.sandbox.limits import Window
from integrations.sandbox.store import Store, record_effects
from integrations.sandbox.vendor import Table, Vendor, route
from integrations.sandbox.wire import Reply, Request, json_reply, utc_now

KEY = "pk_sandbox_klaviyo"
LIMIT = {"requests": 75, "window_ms": 1_000}
LISTS = {"Y6nRLr": ("Newsletter", "double_opt_in"), "Xk9Sng": ("Customers", "single_opt_in")}
MOST_PROFILES = 10_000
MEDIA_TYPE = "application/vnd.api+json"
ATTRIBUTES = {"email", "phone_number", "external_id", "first_name", "last_name", "organization", "title", "locale"}
ATTRIBUTES |= {"image", "location", "properties", "_kx"}
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+\Z")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}\Z")
_CODES = {401: "not_authenticated", 403: "permission_denied", 404: "not_found", 405: "method_not_allowed"}
_CODES |= {429: "throttled", 415: "unsupported_media_type"}


class RefusedError(Exception):
    """A refusal; `pointer` says what of the body it is about."""

    def __init__(self, code: str, detail: str, pointer: str = "/data", status: int = 400) -> None:
        super().__init__(detail)
        self.code, self.detail, self.pointer, self.status = code, detail, pointer, status

    def body(self) -> dict[str, Any]:
        """As an item of `errors`, or of an import's errors."""
        return {
            "code": self.code,
            "title": "Invalid input.",
            "detail": self.detail,
            "source": {"pointer": self.pointer},
        }


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

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._window = Window()

    def reload(self) -> None:
        """Begin with full limits."""
        self._window.clear()

    def respond(self, request: Request) -> Reply:
        request.path = request.path.rstrip("/")
        try:
            return super().respond(request)
        except RefusedError as refused:
            return self.finish(request, _errors(refused.status, refused.body()))

    def admit(self, request: Request) -> Reply | None:
        given = request.headers.get("Authorization", "")
        if not secrets.compare_digest(given.encode(), f"Klaviyo-API-Key {KEY}".encode()):
            return self.refuse(request, 401, "Missing or invalid private key.")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.pre)?", request.headers.get("Revision", "")):
            return self.refuse(request, 400, "The revision header is missing or invalid.")
        if request.body and request.headers.get("Content-Type", "").partition(";")[0] not in (
            MEDIA_TYPE,
            "application/json",
        ):
            return self.refuse(request, 415, "Unsupported media type.")
        return self._limit(request)

    def _limit(self, request: Request) -> Reply | None:
        limit = request.dials.value("rate_limit") or LIMIT
        is_allowed, left = self._window.take(**limit)
        seconds = math.ceil(limit["window_ms"] / 1000)
        told = {"Limit": f"{limit['requests']}, {limit['requests']};w={seconds}", "Remaining": left, "Reset": seconds}
        request.note["limits"] = {f"RateLimit-{name}": str(value) for name, value in told.items()}
        if is_allowed:
            return None
        reply = self.refuse(request, 429, "Request was throttled.")
        reply.headers["Retry-After"] = str(seconds)
        return self.finish(request, reply)

    def finish(self, request: Request, reply: Reply) -> Reply:
        if request.note.get("limits"):
            reply.headers.update(request.note["limits"])
        if reply.body:
            reply.headers["Content-Type"] = MEDIA_TYPE
        return reply

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        return _errors(status, {"code": _CODES.get(status, "error"), "title": "Error", "detail": message or "Failed."})

    def write(self, request: Request) -> Reply:
        """Create or update one profile."""
        given = _attributes(request, "profile")
        with self.store.transaction() as db:
            is_new = self._save(db, request, given, "/data/attributes")
            row = _known(db, str(given["email"]))
        with_subscriptions = "subscriptions" in request.parameter("additional-fields[profile]")
        return json_reply(201 if is_new else 200, {"data": _shown(row, with_subscriptions=with_subscriptions)})

    def profiles(self, request: Request) -> Reply:
        """The profiles, the newest first, at most a hundred."""
        with self.store.transaction() as db:
            found = [_shown(row) for row in _all(db)[:-101:-1]]
        return json_reply(200, {"data": found, "links": {"self": request.path, "next": None}})

    def profile(self, request: Request, profile_id: str) -> Reply:
        """One profile."""
        with self.store.transaction() as db:
            found = [row for row in _all(db) if _id(row) == profile_id]
        if not found:
            raise RefusedError("not_found", "A profile with this id does not exist.", status=404)
        return json_reply(200, {"data": _shown(found[0], with_subscriptions=True)})

    def start(self, request: Request) -> Reply:
        """Take up to 10,000 profiles to import; what is wrong with each is told by the job."""
        every = _profiles(_attributes(request, "profile-bulk-import-job"))
        if not 0 < len(every) <= MOST_PROFILES:
            raise RefusedError("invalid", "A job takes from 1 to 10,000 profiles.", "/data/attributes/profiles")
        job, failed = secrets.token_urlsafe(12), []
        with self.store.transaction() as db:
            for place, given in enumerate(every):
                try:
                    self._save(db, request, given, f"/data/attributes/profiles/data/{place}/attributes")
                except RefusedError as refused:
                    failed.append({**refused.body(), "original_payload": given})
            row = (job, len(every), json.dumps(failed), 0, utc_now())
            db.execute("INSERT INTO klaviyo_jobs VALUES (?, ?, ?, ?, ?)", row)
            return json_reply(202, {"data": _job(_found_job(db, job), request)})

    def job(self, request: Request, job: str) -> Reply:
        """How far a job is."""
        with self.store.transaction() as db:
            row = _found_job(db, job)
            db.execute("UPDATE klaviyo_jobs SET looks = looks + 1 WHERE id = ?", (job,))
            return json_reply(200, {"data": _job({**row, "looks": row["looks"] + 1}, request)})

    def job_errors(self, request: Request, job: str) -> Reply:
        """What went wrong, in pages."""
        with self.store.transaction() as db:
            failed = _found_job(db, job)["failed"]
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
        attributes = _attributes(request, "profile-subscription-bulk-create-job")
        list_id = _list_of(request)
        with self.store.transaction() as db:
            for given in _profiles(attributes):
                if not _says(given, "SUBSCRIBED"):
                    raise RefusedError("invalid", "A subscription needs a consent.", "/data/attributes/profiles")
                self._save(db, request, {"email": given.get("email")}, "/data/attributes/profiles")
                self._agree(db, request, str(given["email"]).lower(), list_id)
        return Reply(202)

    def _agree(self, db: sqlite3.Connection, request: Request, email: str, list_id: str) -> None:
        row = _known(db, email)
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
        attributes = _attributes(request, "profile-subscription-bulk-delete-job")
        with self.store.transaction() as db:
            for given in _profiles(attributes):
                if not _says(given, "UNSUBSCRIBED"):
                    raise RefusedError("invalid", "Only a consent can be taken back.", "/data/attributes/profiles")
                email = str(given.get("email")).lower()
                self._save(db, request, {"email": email}, "/data/attributes/profiles")
                sql = (
                    "UPDATE klaviyo_profiles SET consent = 'UNSUBSCRIBED', lists = '[]', awaits = '[]', changed_at = ?"
                )
                db.execute(f"{sql} WHERE email = ?", (utc_now(), email))
                record_effects(db, self.key, request.request_id, [("unsubscribe", email, {})])
        return Reply(202)

    def forget(self, request: Request) -> Reply:
        """Delete a person."""
        profile = _attributes(request, "data-privacy-deletion-job").get("profile")
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

    def _save(self, db: sqlite3.Connection, request: Request, given: dict[str, Any], pointer: str) -> bool:
        """Write one profile; returns whether it is new. Raises: RefusedError."""
        email = str(given.get("email") or "").lower()
        if not _EMAIL.match(email) or request.dials.fails(email):
            raise RefusedError("invalid", f"'{email}' is not a valid email address.", f"{pointer}/email")
        if unknown := sorted(set(given) - ATTRIBUTES):
            raise RefusedError("invalid", f"'{unknown[0]}' is not a valid field.", f"{pointer}/{unknown[0]}")
        if given.get("phone_number") and not _PHONE.match(given["phone_number"]):
            raise RefusedError("invalid", "Invalid phone number format.", f"{pointer}/phone_number")
        row = _find(db, email)
        before = row["held"] if row else {}
        own = {**before.get("properties", {}), **(given.get("properties") or {})}
        held = {**before, **given, "email": email, "properties": own}
        sql = (
            "INSERT INTO klaviyo_profiles (email, held, consent, lists, awaits, changed_at)"
            " VALUES (?, ?, 'NEVER_SUBSCRIBED', '[]', '[]', ?)"
            " ON CONFLICT (email) DO UPDATE SET held = excluded.held"
        )
        db.execute(sql, (email, json.dumps(held), utc_now()))
        if row is None or set(given) > {"email"}:
            sent = {name: str(value) for name, value in given.items() if name != "email"}
            record_effects(db, self.key, request.request_id, [("update" if row else "create", email, sent)])
        return row is None

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        if kind != "profiles":
            return None
        with self.store.transaction() as db:
            return [{**_shown(row)["attributes"], **_standing(row), "id": _id(row)} for row in _all(db)]

    def tables(self) -> list[Table]:
        found = self.rows("profiles") or []
        names = ("id", "email", "first_name", "last_name", "consent", "lists", "awaits", "updated")
        rows = [tuple(_told(row.get(name, "")) for name in names) for row in found[:-51:-1]]
        columns = ("ID", "E-mail", "First name", "Last name", "Consent", "Lists", "Asked to confirm", "Changed")
        return [Table("Profiles in Klaviyo", columns, rows, len(found))]


COLUMNS = "number, email, held, consent, lists, awaits, changed_at"


def _told(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _row(row: tuple[Any, ...]) -> dict[str, Any]:
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    return values | {name: json.loads(values[name]) for name in ("held", "lists", "awaits")}


def _all(db: sqlite3.Connection) -> list[dict[str, Any]]:
    return [_row(row) for row in db.execute(f"SELECT {COLUMNS} FROM klaviyo_profiles ORDER BY number").fetchall()]


def _find(db: sqlite3.Connection, email: str) -> dict[str, Any] | None:
    row = db.execute(f"SELECT {COLUMNS} FROM klaviyo_profiles WHERE email = ?", (email,)).fetchone()
    return _row(row) if row else None


def _known(db: sqlite3.Connection, email: str) -> dict[str, Any]:
    row = _find(db, email.lower())
    if row is None:
        raise RefusedError("not_found", "There is no such profile.", status=404)
    return row


def _id(row: dict[str, Any]) -> str:
    return f"01SANDBOX{row['number']:017d}"


def _standing(row: dict[str, Any]) -> dict[str, Any]:
    return {"consent": row["consent"], "lists": row["lists"], "awaits": row["awaits"]}


def _shown(row: dict[str, Any], *, with_subscriptions: bool = False) -> dict[str, Any]:
    attributes = {**row["held"], "created": row["changed_at"], "updated": row["changed_at"]}
    if with_subscriptions:
        left = [{"reason": "UNSUBSCRIBE", "timestamp": row["changed_at"]}] if row["consent"] == "UNSUBSCRIBED" else []
        marketing = {"can_receive_email_marketing": not left, "consent": row["consent"], "suppression": left}
        marketing |= {"list_suppressions": [], "last_updated": row["changed_at"]}
        attributes["subscriptions"] = {"email": {"marketing": marketing}}
    return {"type": "profile", "id": _id(row), "attributes": attributes, "links": {"self": f"/api/profiles/{_id(row)}"}}


def _found_job(db: sqlite3.Connection, job: str) -> dict[str, Any]:
    row = db.execute("SELECT id, total, failed, looks, created_at FROM klaviyo_jobs WHERE id = ?", (job,)).fetchone()
    if row is None:
        raise RefusedError("not_found", "There is no such job.", status=404)
    values = dict(zip(("id", "total", "failed", "looks", "created_at"), row, strict=True))
    return values | {"failed": json.loads(values["failed"])}


def _job(row: dict[str, Any], request: Request) -> dict[str, Any]:
    status = ("queued", "processing", "complete")[min(row["looks"], 2)]
    told = {"status": status, "created_at": row["created_at"], "total_count": row["total"]}
    if status == "complete":
        told |= {"completed_count": row["total"] - len(row["failed"]), "failed_count": len(row["failed"])}
    link = f"{request.base_url}/api/profile-bulk-import-jobs/{row['id']}"
    return {"type": "profile-bulk-import-job", "id": row["id"], "attributes": told, "links": {"self": link}}


def _data(request: Request) -> dict[str, Any]:
    body = request.json()
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        raise RefusedError("invalid", "The body must be a JSON:API document.")
    return data


def _attributes(request: Request, kind: str) -> dict[str, Any]:
    data = _data(request)
    attributes = data.get("attributes")
    if data.get("type") != kind or not isinstance(attributes, dict):
        raise RefusedError("invalid", f"The body must be a {kind}.", "/data/type")
    return {name: value for name, value in attributes.items() if value is not None}


def _profiles(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        return [item["attributes"] for item in attributes["profiles"]["data"]]
    except (KeyError, TypeError):
        raise RefusedError("invalid", "The profiles are missing.", "/data/attributes/profiles") from None


def _list_of(request: Request) -> str:
    try:
        list_id = str(_data(request)["relationships"]["list"]["data"]["id"])
    except (KeyError, TypeError):
        list_id = ""
    if list_id not in LISTS:
        raise RefusedError("not_found", "There is no such list.", "/data/relationships/list", 404)
    return list_id


def _says(given: dict[str, Any], wanted: str) -> bool:
    try:
        return bool(given["subscriptions"]["email"]["marketing"]["consent"] == wanted)
    except (KeyError, TypeError):
        return False


def _errors(status: int, error: dict[str, Any]) -> Reply:
    told = {"id": secrets.token_hex(8), "status": status, **error}
    return json_reply(status, {"errors": [told]}, {"Content-Type": MEDIA_TYPE})
