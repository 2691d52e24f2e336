"""A named pipe by which processes of one machine tell the worker, at once, that work is due.

Used where no broker is set up. Whoever commits rings; a ring that nobody hears is lost and costs a second, because the
worker also looks by itself.
"""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

# A line up to this length is written whole or not at all (POSIX PIPE_BUF is at least 512).
_LONGEST_LINE = 512
_READ_AT_ONCE = 65_536


class Doorbell:
    """Rings at, or listens to, the pipe at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pipe: int | None = None
        self._opening = threading.Lock()

    def ring(self, kind: str, id: str) -> bool:
        """Tell whoever listens; False where nobody does, or too many rings have not been heard yet. Never waits."""
        line = f"{kind} {id}\n".encode()
        if len(line) > _LONGEST_LINE:
            return False
        try:
            os.write(self._open(), line)
        # The pipe is full: whoever listens is far behind and looks for itself anyway.
        except BlockingIOError:
            return False
        except OSError:
            self._close()
            return False
        return True

    def listen(self) -> None:
        """Begin to listen: from here on rings are kept until `heard` takes them. Raises: OSError."""
        if self._path.exists() and not stat.S_ISFIFO(self._path.stat().st_mode):
            self._path.unlink()
        if not self._path.exists():
            os.mkfifo(self._path, mode=0o600)
        # Open for writing, too: the pipe then has no end when the last of those who ring closes it.
        self._pipe = os.open(self._path, os.O_RDWR)

    def heard(self) -> Iterator[tuple[str, str]]:
        """Wait until somebody rings; yield each (kind, id) once, in order of their first ring."""
        assert self._pipe is not None, "listen first"  # noqa: S101 (a mistake of the caller)
        lines = dict.fromkeys(os.read(self._pipe, _READ_AT_ONCE).decode(errors="replace").splitlines())
        for line in lines:
            kind, _, id = line.partition(" ")
            if kind and id:
                yield kind, id

    def _open(self) -> int:
        with self._opening:
            if self._pipe is None:
                # Non-blocking from the start: otherwise opening itself waits until somebody listens.
                self._pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            return self._pipe

    def _close(self) -> None:
        """Let go of a pipe that nobody reads any more; the next ring looks for a new listener."""
        with self._opening:
            if self._pipe is not None:
                os.close(self._pipe)
                self._pipe = None
