"""Django's cache in a SQLite file of its own: counters that are exact across processes, without a server.

Nothing in it is needed after a power cut, so it never waits for the disk (`synchronous=OFF`); the main database pays
nothing for a counter.
"""

import pickle
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

_SCHEMA = "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value, expires REAL) WITHOUT ROWID"
_LIVE = "(expires IS NULL OR expires > :now)"
# One write in so many also drops what has expired.
_CULL_EVERY = 500


class FileCache(BaseCache):
    """A cache backend over one SQLite file; `incr` and `add` are atomic across threads and processes.

    Whole numbers are stored as such, so that they can be counted in SQL; everything else is pickled.
    """

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._path = location
        self._local = threading.local()
        self._writes = 0

    def add(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        row = self._row(key, value, timeout, version)
        sql = (
            "INSERT INTO entries VALUES (:key, :value, :expires) ON CONFLICT (key) DO UPDATE "
            "SET value = excluded.value, expires = excluded.expires "
            "WHERE entries.expires IS NOT NULL AND entries.expires <= :now"
        )
        return self._write(sql, row).rowcount == 1

    def set(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        row = self._row(key, value, timeout, version)
        self._write("INSERT OR REPLACE INTO entries VALUES (:key, :value, :expires)", row)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        row = {"key": self.make_and_validate_key(key, version=version), "now": time.time()}
        found = self._connection().execute(f"SELECT value FROM entries WHERE key = :key AND {_LIVE}", row).fetchone()
        return default if found is None else _load(found[0])

    def touch(self, key: str, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        row = self._row(key, None, timeout, version)
        return self._write(f"UPDATE entries SET expires = :expires WHERE key = :key AND {_LIVE}", row).rowcount == 1

    def delete(self, key: str, version: int | None = None) -> bool:
        row = {"key": self.make_and_validate_key(key, version=version), "now": time.time()}
        return self._write(f"DELETE FROM entries WHERE key = :key AND {_LIVE}", row).rowcount == 1

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        row = {"key": self.make_and_validate_key(key, version=version), "delta": delta, "now": time.time()}
        sql = f"UPDATE entries SET value = value + :delta WHERE key = :key AND {_LIVE} RETURNING value"
        found = self._write(sql, row).fetchone()
        if found is None:
            raise ValueError(f"Key {key!r} not found")
        return int(found[0])

    def clear(self) -> None:
        self._connection().execute("DELETE FROM entries")

    def close(self, **kwargs: Any) -> None:
        """Keep the connection: Django calls this after every request, and reopening costs more than the work."""

    def _row(self, key: str, value: Any, timeout: float | None, version: int | None) -> dict[str, Any]:
        return {
            "key": self.make_and_validate_key(key, version=version),
            "value": value if type(value) is int else pickle.dumps(value, pickle.HIGHEST_PROTOCOL),
            "expires": self.get_backend_timeout(timeout),
            "now": time.time(),
        }

    def _write(self, sql: str, row: dict[str, Any]) -> sqlite3.Cursor:
        self._writes += 1
        connection = self._connection()
        if self._writes % _CULL_EVERY == 0:
            connection.execute("DELETE FROM entries WHERE expires <= ?", (time.time(),))
        return connection.execute(sql, row)

    def _connection(self) -> sqlite3.Connection:
        existing: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if existing is not None:
            return existing
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=20, isolation_level=None)
        with suppress(OSError):
            Path(self._path).chmod(0o600)
        for pragma in ("journal_mode=WAL", "synchronous=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(_SCHEMA)
        self._local.connection = connection
        return connection


def _load(value: Any) -> Any:
    return value if isinstance(value, int) else pickle.loads(value)  # noqa: S301 (our own file, mode 0600)
