"""The sandbox's state in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.sandbox.wire import utc_now

SCHEMA_VERSION = 11
EFFECTS = """
CREATE TABLE IF NOT EXISTS effects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL, vendor TEXT NOT NULL, operation TEXT NOT NULL, key TEXT NOT NULL, request_id TEXT NOT NULL,
    sent TEXT NOT NULL
);
"""

Effect = tuple[str, str, Mapping[str, str]]
"""What was done, to what, and what was said of it (operation, key, properties)."""


class ClearedMeanwhileError(Exception):
    """The store was cleared since this request began: what it asks for belongs to what is gone."""


class Store:
    """One connection shared by all threads under one lock: writes are short, and a second writer could only wait."""

    def __init__(self, path: str, schemas: Iterable[str]) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._schema = EFFECTS + "".join(schemas)
        self._lock = threading.RLock()
        self._times_cleared = 0
        self._request = threading.local()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute("PRAGMA wal_autocheckpoint=8000")
        self._connection.execute("PRAGMA cache_size=-65536")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        self.is_new = version != SCHEMA_VERSION
        if self.is_new:
            self.clear()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Have this thread's transactions refused from the moment on that the store is cleared."""
        self._request.began = self._times_cleared
        try:
            yield
        finally:
            del self._request.began

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is committed before this returns, or nothing is; only one thread is inside.

        Raises: ClearedMeanwhileError.
        """
        with self._lock:
            if getattr(self._request, "began", self._times_cleared) != self._times_cleared:
                raise ClearedMeanwhileError
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep every other thread out of the store."""
        with self._lock:
            yield

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, tuple(parameters)).fetchall()

    def clear(self) -> None:
        """Drop whatever is there, also what an older layout left behind, and begin empty."""
        with self._lock:
            self._times_cleared += 1
            names = [name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                if not name.startswith("sqlite_"):
                    self._connection.execute(f'DROP TABLE "{name}"')
            if "sqlite_sequence" in names:
                self._connection.execute("DELETE FROM sqlite_sequence")
            self._connection.executescript(self._schema)
            self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def close(self) -> None:
        """Wait for the transaction that is open, then close."""
        with self._lock:
            self._connection.close()

    def effects(self, *, vendor: str = "", after: int = 0, limit: int = -1) -> list[dict[str, Any]]:
        """What requests have changed, oldest first; `sent` is what they said of it."""
        columns = ("seq", "at", "vendor", "operation", "key", "request_id", "sent")
        rows = self.rows(
            f"SELECT {', '.join(columns)} FROM effects WHERE seq > ? AND (? = '' OR vendor = ?) ORDER BY seq LIMIT ?",
            (after, vendor, vendor, limit),
        )
        return [dict(zip(columns, (*row[:-1], json.loads(row[-1])), strict=True)) for row in rows]


@dataclass(frozen=True, slots=True)
class Rows:
    """A vendor's table, its rows told as dicts in the order of a column; those in `json` hold JSON."""

    table: str
    columns: tuple[str, ...]
    json: tuple[str, ...]
    order: str

    def all(self, db: sqlite3.Connection, **wanted: Any) -> list[dict[str, Any]]:
        """The rows whose columns have these values."""
        where = " AND ".join(f"{name} = ?" for name in wanted) or "TRUE"
        sql = f"SELECT {', '.join(self.columns)} FROM {self.table} WHERE {where} ORDER BY {self.order}"
        told = [dict(zip(self.columns, row, strict=True)) for row in db.execute(sql, tuple(wanted.values()))]
        return [row | {name: json.loads(row[name]) for name in self.json} for row in told]

    def one(self, db: sqlite3.Connection, **wanted: Any) -> dict[str, Any] | None:
        """The first of them."""
        return next(iter(self.all(db, **wanted)), None)


def record_effects(
    db: sqlite3.Connection, vendor: str, request_id: str, effects: Iterable[Effect], at: str = ""
) -> None:
    """Note effects in the transaction that makes them true."""
    now = at or utc_now()
    db.executemany(
        "INSERT INTO effects (at, vendor, operation, key, request_id, sent) VALUES (?, ?, ?, ?, ?, ?)",
        [(now, vendor, operation, key, request_id, json.dumps(sent)) for operation, key, sent in effects],
    )
