"""Django's cache where counting is exact and cheap: in a SQLite file of its own, or on a Redis server.

Nothing in the file is needed after a power cut, so it never waits for the disk (`synchronous=OFF`); the main database
pays nothing for a counter.
"""

import pickle
import sqlite3
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.cache.backends import redis
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

_SCHEMA = "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value, expires REAL) WITHOUT ROWID"
_LIVE = "(expires IS NULL OR expires > :now)"
# One write in so many also drops what has expired.
_CULL_EVERY = 500
_PATIENCE_SECONDS = 20.0


# Each thread has its own: SQLite's connections are not for several. By the file's path, as several caches may share it.
_connections = threading.local()


def failures() -> tuple[type[Exception], ...]:
    """Return what a cache that doesn't work raises: `except failures()`."""
    # Redis's client takes 5 MB: whoever hasn't loaded it can't be told of its troubles.
    client = sys.modules.get("redis")
    return (OSError, sqlite3.Error, *([client.RedisError] if client else []))


class FileCache(BaseCache):
    """A cache backend over one SQLite file; `incr` and `add` are atomic across threads and processes.

    Whole numbers are stored as such, so that they can be counted in SQL; everything else is pickled.
    """

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._path = location
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

    def validate_key(self, key: str) -> None:
        """Take any text: what memcached would not take costs nothing here."""

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
        mine: dict[str, sqlite3.Connection] = _connections.__dict__
        if self._path in mine:
            return mine[self._path]
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_PATIENCE_SECONDS, isolation_level=None)
        with suppress(OSError):
            Path(self._path).chmod(0o600)
        _choose_wal(connection)
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(_SCHEMA)
        mine[self._path] = connection
        return connection


def _choose_wal(connection: sqlite3.Connection) -> None:
    """Choose the journal; where others open a new file in this moment, SQLite itself doesn't wait for them."""
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.01)
        else:
            return


class _RedisClient(redis.RedisCacheClient):
    """Django's client builds one of redis-py for every command, and counts in two that are not one step."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._only = super().get_client(write=True)

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        return self._only

    def add(self, key: Any, value: Any, timeout: Any) -> bool:
        if type(value) is not int or type(timeout) is not int or timeout <= 0:
            return super().add(key, value, timeout)
        # A counter. The command as such: what redis-py does around it costs more than the server's answer.
        return bool(self._only.execute_command("SET", key, value, "EX", timeout, "NX"))  # type: ignore[no-untyped-call]

    def incr(self, key: Any, delta: int) -> int:
        count = self._only.execute_command("EVAL", _COUNT, 1, key, delta)  # type: ignore[no-untyped-call]
        if count is None:
            raise ValueError(f"Key {key!r} not found")
        return int(count)


_COUNT = "if redis.call('EXISTS', KEYS[1]) == 0 then return nil end return redis.call('INCRBY', KEYS[1], ARGV[1])"


class RedisCache(redis.RedisCache):
    """Django's cache on a Redis server; `incr` is one atomic step, and one message there and back."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _RedisClient

    def validate_key(self, key: str) -> None:
        """Take any text: what memcached would not take costs nothing here."""


def _load(value: Any) -> Any:
    return value if isinstance(value, int) else pickle.loads(value)  # noqa: S301 (our own file, mode 0600)
