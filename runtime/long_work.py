"""Work that takes longer than a message may: it runs in a thread of its own, one piece at a time per process.

The actor that a wake-up starts returns at once. The row's lease is renewed by the work itself; should the process die,
the lease runs out and another takes the row up again.
"""

import threading
from collections.abc import Callable

import structlog
from django.db import close_old_connections, connection

log = structlog.get_logger(__name__)

_turn = threading.Lock()


def start(kind: str, id: str, work: Callable[[str], None]) -> bool:
    """Do one piece of work in a thread; False where another is under way here: the clock comes back to it."""
    if not _turn.acquire(blocking=False):
        return False
    threading.Thread(target=_run, args=(kind, id, work), name=f"long-{kind}", daemon=True).start()
    return True


def _run(kind: str, id: str, work: Callable[[str], None]) -> None:
    try:
        close_old_connections()
        work(id)
    except Exception:
        log.exception("long_work.failed", kind=kind, id=id)
    finally:
        connection.close()
        _turn.release()
