"""The profiles and jobs of the sandbox's Klaviyo, and what it makes of a JSON:API document."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

from integrations.sandbox.store import Rows, record_effects
from integrations.sandbox.vendor import EMAIL, RefusedError
from integrations.sandbox.wire import Request, utc_now

LISTS = {"Y6nRLr": ("Newsletter", "double_opt_in"), "Xk9Sng": ("Customers", "single_opt_in")}
ATTRIBUTES = {"email", "phone_number", "external_id", "first_name", "last_name", "organization", "title", "locale"}
ATTRIBUTES |= {"image", "location", "properties", "_kx"}
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}\Z")
_JSON = ("held", "lists", "awaits")
PROFILES = Rows("klaviyo_profiles", ("number", "email", *_JSON, "consent", "changed_at"), _JSON, "number")
JOBS = Rows("klaviyo_jobs", ("id", "total", "failed", "looks", "created_at"), ("failed",), "created_at")


def problem(refused: RefusedError) -> dict[str, Any]:
    """A refusal as an item of `errors`, or of an import's errors; `about` is what of the body it is about."""
    pointer = {"pointer": refused.about or "/data"}
    return {"code": refused.code, "title": "Invalid input.", "detail": refused.message, "source": pointer}


def save(db: sqlite3.Connection, request: Request, given: dict[str, Any], pointer: str) -> bool:
    """Write one profile; returns whether it is new. Raises: RefusedError."""
    email = str(given.get("email") or "").lower()
    if not EMAIL.match(email) or request.dials.fails(email):
        raise RefusedError("invalid", f"'{email}' is not a valid email address.", about=f"{pointer}/email")
    if unknown := sorted(set(given) - ATTRIBUTES):
        raise RefusedError("invalid", f"'{unknown[0]}' is not a valid field.", about=f"{pointer}/{unknown[0]}")
    if given.get("phone_number") and not _PHONE.match(given["phone_number"]):
        raise RefusedError("invalid", "Invalid phone number format.", about=f"{pointer}/phone_number")
    row = PROFILES.one(db, email=email)
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
        record_effects(db, "klaviyo", request.request_id, [("update" if row else "create", email, sent)])
    return row is None


def known(db: sqlite3.Connection, email: str) -> dict[str, Any]:
    """One profile. Raises: RefusedError."""
    row = PROFILES.one(db, email=email.lower())
    if row is None:
        raise RefusedError("not_found", "There is no such profile.", status=404)
    return row


def public_id(row: dict[str, Any]) -> str:
    """The id a profile is told by."""
    return f"01SANDBOX{row['number']:017d}"


def held(row: dict[str, Any]) -> dict[str, Any]:
    """A profile with where it stands, as the page shows it."""
    standing = {name: row[name] for name in ("consent", "lists", "awaits")}
    return {**shown(row)["attributes"], **standing, "id": public_id(row)}


def shown(row: dict[str, Any], *, with_subscriptions: bool = False) -> dict[str, Any]:
    """One profile as the API tells it."""
    attributes = {**row["held"], "created": row["changed_at"], "updated": row["changed_at"]}
    if with_subscriptions:
        left = [{"reason": "UNSUBSCRIBE", "timestamp": row["changed_at"]}] if row["consent"] == "UNSUBSCRIBED" else []
        marketing = {"can_receive_email_marketing": not left, "consent": row["consent"], "suppression": left}
        marketing |= {"list_suppressions": [], "last_updated": row["changed_at"]}
        attributes["subscriptions"] = {"email": {"marketing": marketing}}
    return {
        "type": "profile",
        "id": public_id(row),
        "attributes": attributes,
        "links": {"self": f"/api/profiles/{public_id(row)}"},
    }


def known_job(db: sqlite3.Connection, job: str) -> dict[str, Any]:
    """A job. Raises: RefusedError."""
    row = JOBS.one(db, id=job)
    if row is None:
        raise RefusedError("not_found", "There is no such job.", 404)
    return row


def shown_job(row: dict[str, Any], request: Request) -> dict[str, Any]:
    """A job as the API tells it: the first look finds it being worked on."""
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


def attributes(request: Request, kind: str) -> dict[str, Any]:
    """The attributes of a document of one kind. Raises: RefusedError."""
    data = _data(request)
    attributes = data.get("attributes")
    if data.get("type") != kind or not isinstance(attributes, dict):
        raise RefusedError("invalid", f"The body must be a {kind}.", about="/data/type")
    return {name: value for name, value in attributes.items() if value is not None}


def several(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """The attributes of the profiles of a job. Raises: RefusedError."""
    try:
        return [item["attributes"] for item in attributes["profiles"]["data"]]
    except (KeyError, TypeError):
        raise RefusedError("invalid", "The profiles are missing.", about="/data/attributes/profiles") from None


def list_of(request: Request) -> str:
    """The list that a document is about. Raises: RefusedError."""
    try:
        list_id = str(_data(request)["relationships"]["list"]["data"]["id"])
    except (KeyError, TypeError):
        list_id = ""
    if list_id not in LISTS:
        raise RefusedError("not_found", "There is no such list.", 404, about="/data/relationships/list")
    return list_id


def says(given: dict[str, Any], wanted: str) -> bool:
    """Whether a profile carries this consent."""
    try:
        return bool(given["subscriptions"]["email"]["marketing"]["consent"] == wanted)
    except (KeyError, TypeError):
        return False
