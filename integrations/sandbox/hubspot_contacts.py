"""HubSpot's contacts: kept, found and written as its CRM does it, without HTTP."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from integrations.sandbox.hubspot_properties import PROPERTIES, WRITABLE, invalid_values, problems
from integrations.sandbox.wire import utc_now

UNIQUE = ("email", "shopbotly_id")
# A column per property, NULL where it is not set: four times as fast as properties in JSON.
NAMES = tuple(name for name in PROPERTIES if name in WRITABLE)
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS hubspot_contacts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    {", ".join(f"{name} TEXT{' UNIQUE' if name in UNIQUE else ''}" for name in NAMES)}
);
"""
COLUMNS = f"id, created_at, updated_at, {', '.join(NAMES)}"
INSERT = f"INSERT INTO hubspot_contacts ({COLUMNS}) VALUES ({', '.join('?' * (3 + len(NAMES)))})"
UPDATE = f"UPDATE hubspot_contacts SET updated_at = ?, {', '.join(f'{name} = ?' for name in NAMES)} WHERE id = ?"
DEFAULT_PROPERTIES = ("email", "firstname", "lastname")
FIRST_ID = 101

Row = tuple[Any, ...]
Kept = tuple[dict[str, str], str]


@dataclass(frozen=True, slots=True)
class Write:
    """One contact to write: found by the unique property `by` = `key`, or by its id where `by` is empty."""

    by: str
    key: str
    properties: dict[str, str]


@dataclass(slots=True)
class Written:
    """What became of one write: a contact, or the body of an error."""

    contact: dict[str, Any] | None = None
    is_new: bool = False
    error: dict[str, Any] | None = None
    status: int = 200


def normal(name: str, value: str) -> str:
    """A value as it is compared and kept: e-mails in lower case."""
    return value.strip().lower() if name == "email" else value


def properties_of(row: Row) -> dict[str, str]:
    """The properties that are set."""
    return {name: value for name, value in zip(NAMES, row[3:], strict=True) if value is not None}


def shown(row: Row, names: Iterable[str] | None = None) -> dict[str, Any]:
    """A contact as the API gives it; a property that was asked for and is not set comes as null."""
    contact_id, created_at, updated_at = row[:3]
    kept = properties_of(row)
    wanted = kept if names is None else {name: kept.get(name) for name in names if name in PROPERTIES}
    return _described(contact_id, created_at, updated_at, wanted)


def _described(contact_id: int, created_at: str, updated_at: str, properties: dict[str, Any]) -> dict[str, Any]:
    own = {"createdate": created_at, "hs_object_id": str(contact_id), "lastmodifieddate": updated_at}
    return {
        "id": str(contact_id),
        "properties": {**properties, **own},
        "createdAt": created_at,
        "updatedAt": updated_at,
        "archived": False,
    }


def find(db: sqlite3.Connection, key: str, by: str = "") -> Row | None:
    """The contact with this id, or with this value of a unique property."""
    if by in UNIQUE:
        where, value = by, normal(by, key)
    else:
        where, value = "id", str(as_id(key))
    row: Row | None = db.execute(f"SELECT {COLUMNS} FROM hubspot_contacts WHERE {where} = ?", (value,)).fetchone()
    return row


def as_id(key: str) -> int | None:
    """A contact's id from a path or body, or None where it can't be one."""
    return int(key) if key.isascii() and key.isdigit() and len(key) < 19 else None


def write(db: sqlite3.Connection, writes: list[Write], *, creates: bool = True) -> list[Written]:
    """Check and write contacts in order; those with an error change nothing.

    All reading is one statement per unique property and all writing two, however many contacts there are.
    """
    rows, owners = _owners(db, writes)
    now = utc_now()
    next_id = _next_id(db)
    touched: dict[int, Kept] = {}
    new_ids: set[int] = set()
    results = []
    for item in writes:
        key = normal(item.by, item.key)
        found_id = owners.get((item.by, key)) if item.by else as_id(key)
        current = rows.get(found_id) if found_id else None
        if current is None and not creates:
            results.append(Written(error=not_found(), status=404))
            continue
        contact_id = next_id if current is None or found_id is None else found_id
        old, created_at = current or ({}, now)
        sent = _sent(item, key)
        if found := problems(sent):
            results.append(Written(error=invalid_values(found), status=400))
            continue
        taken_by = [owners.get((name, sent[name]), contact_id) for name in UNIQUE if sent.get(name)]
        if stranger := next((owner for owner in taken_by if owner != contact_id), None):
            results.append(Written(error=conflict(stranger), status=409))
            continue
        if current is None:
            new_ids.add(contact_id)
            next_id += 1
        kept = {name: value for name, value in (old | sent).items() if value != ""}
        touched[contact_id] = rows[contact_id] = (kept, created_at)
        for name in UNIQUE:
            if name in sent and old.get(name) != sent[name]:
                owners.pop((name, old.get(name, "")), None)
                owners[name, sent[name]] = contact_id
        results.append(Written(_described(contact_id, created_at, now, sent), is_new=current is None))
    _store(db, touched, new_ids, now)
    return results


def _sent(item: Write, key: str) -> dict[str, str]:
    sent = dict(item.properties)
    if item.by:
        sent.setdefault(item.by, key)
    if "email" in sent:
        sent["email"] = normal("email", sent["email"])
    return sent


def _owners(db: sqlite3.Connection, writes: list[Write]) -> tuple[dict[int, Kept], dict[tuple[str, str], int]]:
    """The contacts these writes may touch, by id, and who holds each unique value."""
    wanted = {"id": [str(as_id(item.key)) for item in writes if not item.by]}
    for name in UNIQUE:
        keys = {normal(name, item.key) for item in writes if item.by == name}
        keys.update(normal(name, item.properties[name]) for item in writes if item.properties.get(name))
        wanted[name] = list(keys)
    rows: dict[int, Kept] = {}
    owners: dict[tuple[str, str], int] = {}
    for column, candidates in wanted.items():
        values = [value for value in candidates if (column, value) not in owners]
        if not values:
            continue
        marks = ",".join("?" * len(values))
        for row in db.execute(f"SELECT {COLUMNS} FROM hubspot_contacts WHERE {column} IN ({marks})", values):
            if row[0] not in rows:
                kept = properties_of(row)
                rows[row[0]] = (kept, row[1])
                owners.update({(name, kept[name]): row[0] for name in UNIQUE if name in kept})
    return rows, owners


def _next_id(db: sqlite3.Connection) -> int:
    # sqlite_sequence remembers erased ids, which must not come back.
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'hubspot_contacts'").fetchone()
    return max(row[0] + 1, FIRST_ID) if row else FIRST_ID


def _store(db: sqlite3.Connection, touched: dict[int, Kept], new_ids: set[int], now: str) -> None:
    updates, inserts = [], []
    for contact_id, (kept, created_at) in touched.items():
        values = [kept.get(name) for name in NAMES]
        if contact_id in new_ids:
            inserts.append((contact_id, created_at, now, *values))
        else:
            updates.append((now, *values, contact_id))
    # Updates first: a new contact may take the e-mail one of them gives up.
    db.executemany(UPDATE, updates)
    db.executemany(INSERT, inserts)


def not_found() -> dict[str, Any]:
    return {"message": "resource not found", "category": "OBJECT_NOT_FOUND"}


def conflict(contact_id: int) -> dict[str, Any]:
    return {
        "message": f"Contact already exists. Existing ID: {contact_id}",
        "category": "CONFLICT",
    }
