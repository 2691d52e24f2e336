"""Work that takes longer than a message may: it runs in a program of its own, one piece at a time per worker.

The actor that a wake-up starts returns at once. The row's lease is renewed by the work itself; should the program die,
the lease runs out and another takes the row up again. In the worker itself a file of a million rows would leave what
it took of memory behind, and would share one core with everything that is being sent.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

import structlog
from django.conf import settings

from runtime import jobs

log = structlog.get_logger(__name__)

_SHORTEST_REST, _LONGEST_REST = 10.0, 600.0


class _Failures:
    """Lets work rest whose program ended badly, longer each time: one that dies before its claim stays due."""

    def __init__(self) -> None:
        self._rests: dict[tuple[str, str], tuple[float, float]] = {}

    def rests(self, kind: str, id: str) -> bool:
        """Tell whether it is too early to try again."""
        until, _ = self._rests.get((kind, id), (0.0, 0.0))
        return time.monotonic() < until

    def note(self, kind: str, id: str) -> None:
        """Have it rest from now on."""
        _, before = self._rests.get((kind, id), (0.0, 0.0))
        rest = min(_LONGEST_REST, 2 * before) or _SHORTEST_REST
        self._rests[kind, id] = time.monotonic() + rest, rest


_failures = _Failures()
_turn = threading.Lock()
_program: subprocess.Popen[bytes] | None = None
_works: dict[str, str] = {}


def register(kind: str, path: str) -> None:
    """Say what does a kind of work: `path` is `module:function`, which takes an id."""
    _works[kind] = path


def carry_out(kind: str, id: str) -> None:
    """Do one piece of work, in this program. Raises: KeyError for a kind that nobody registered."""
    module, _, name = _works[kind].partition(":")
    work: Callable[[str], None] = getattr(import_module(module), name)
    work(id)


def start(kind: str, id: str) -> bool:
    """Have one piece of work done; False where the clock has to come back to it: another is under way, or it failed."""
    if jobs.stopping.is_set() or _failures.rests(kind, id) or not _turn.acquire(blocking=False):
        return False
    try:
        threading.Thread(target=_see_through, args=(kind, id), name=f"long-{kind}", daemon=True).start()
    except RuntimeError:
        # A limit of processes counts threads, too: where none is to be had now, there may be one at the next look.
        _turn.release()
        raise
    return True


def stop(patience_seconds: float) -> None:
    """Have the program leave off where it is, which it notes; it is waited for."""
    program = _program
    if program is not None:
        program.terminate()
        with suppress(subprocess.TimeoutExpired):
            program.wait(patience_seconds)


def _see_through(kind: str, id: str) -> None:
    global _program
    # The tether is to this thread: it has to live as long as the program. By its path, for the folder to stay the
    # worker's, which settings may be relative to.
    tether = [sys.executable, "-P", str(settings.BASE_DIR / "runtime" / "tether.py"), str(os.getpid())]
    try:
        _program = subprocess.Popen(  # noqa: S603 (the command is our own)
            [*tether, *_command(kind, id)], stdin=subprocess.DEVNULL
        )
        code = _program.wait()
        if code and not jobs.stopping.is_set():
            log.error("long_work.failed", kind=kind, id=id, code=code)
            _failures.note(kind, id)
    except Exception:
        log.exception("long_work.failed", kind=kind, id=id)
        _failures.note(kind, id)
    finally:
        _program = None
        _turn.release()


def _command(kind: str, id: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), "long_work", kind, id]
