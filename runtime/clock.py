"""The one source of due and lease times."""

import functools
import threading
import time
from datetime import UTC, datetime, timedelta

from django.db import connection

# How long a measured difference between this machine's clock and the database's is trusted.
_TRUSTED_SECONDS = 5.0

offset = timedelta(0)
"""Added to every time; tests move it, nothing else does."""

_lock = threading.Lock()
_measured: tuple[datetime, float] | None = None


@functools.cache
def _is_this_machines() -> bool:
    """Say whether the database has this machine's clock; asked thousands of times a second, and never different."""
    return connection.vendor == "sqlite"


def db_now() -> datetime:
    """Return the database server's time (aware, UTC).

    On SQLite that is this machine's clock. On PostgreSQL it is measured every few seconds and carried on by the
    monotonic clock in between, so that it costs no statement per row and a jump of the local clock does no harm.
    """
    if _is_this_machines():
        return datetime.now(UTC) + offset
    global _measured
    with _lock:
        measured = _measured
    ticks = time.monotonic()
    if measured is None or ticks - measured[1] > _TRUSTED_SECONDS:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            measured = (cursor.fetchone()[0].astimezone(UTC), time.monotonic())
        with _lock:
            _measured = measured
        ticks = measured[1]
    return measured[0] + timedelta(seconds=ticks - measured[1]) + offset
