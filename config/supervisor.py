"""Keeps a few processes running: starts them, starts them again when they die, stops them all together."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

_voice = threading.Lock()
_STOP_SECONDS = 9.0
# A pipe that select calls writable takes this much at once (PIPE_BUF), so no write can hold us up.
_PIPE_TAKES = 4096
_LOOK_SECONDS = 0.2
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
# A process that ran this long was well: its next death is a new story.
_WELL_SECONDS = 30.0


@dataclass
class Child:
    """A process to keep running; its output is passed on line by line, marked with its name.

    One that `stops_last` is needed by the others until they have finished.
    """

    name: str
    command: Sequence[str]
    stops_last: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    pause: float = _FIRST_PAUSE

    def start(self) -> None:
        """Start it, tied to this process: it ends when we end, however that happens."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 (the commands are our own)
            [sys.executable, "-m", "runtime.tether", str(os.getpid()), *self.command],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C in the terminal is for us; we tell the children in our own time.
            start_new_session=True,
        )
        threading.Thread(target=self._pass_on, args=(self.process,), daemon=True).start()

    def _pass_on(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None  # noqa: S101 (for the type checker: it is a pipe)
        for line in process.stdout:
            say(f"{self.name:<8}| {line.rstrip()}")

    def signal(self, number: int) -> None:
        """Send a signal to the process and whatever it started itself."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)


class Supervisor:
    """Runs children until it is told to stop. Use from the main thread: the tether is to the thread that starts."""

    def __init__(self, children: Sequence[Child]) -> None:
        self.children = children
        self._stopped = threading.Event()
        self._exit_code = 0

    def run(self, after_start: Callable[[], None]) -> int:
        """Start everything, call `after_start` once, and watch until `stop`; then stop everything.

        Returns the exit code for the whole program.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stop())
        try:
            for child in self.children:
                child.start()
            threading.Thread(target=after_start, daemon=True).start()
            while not self._stopped.wait(_LOOK_SECONDS):
                for child in self.children:
                    self._look_after(child)
        finally:
            self._stop_children()
        return self._exit_code

    def stop(self, exit_code: int = 0) -> None:
        """Have `run` end."""
        self._exit_code = exit_code
        self._stopped.set()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None:
            if now - child.started_at > _WELL_SECONDS:
                child.pause = _FIRST_PAUSE
            say(f"{child.name} ended ({_reason(child.process.returncode)}); starting it again in {child.pause:g} s.")
            # What it had started itself must not go on beside the new one.
            _kill_group(child.process.pid)
            child.process, child.start_again_at = None, now + child.pause
            child.pause = min(child.pause * 2, _LONGEST_PAUSE)
        elif child.process is None and now >= child.start_again_at:
            child.start()

    def _stop_children(self) -> None:
        ends_at = time.monotonic() + _STOP_SECONDS
        for stops_last in (False, True):
            self._stop([child for child in self.children if child.stops_last is stops_last], ends_at)

    def _stop(self, children: Sequence[Child], ends_at: float) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
        for child in children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, ends_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                say(f"{child.name} did not stop in time and was killed; what it held is taken up at the next start.")
            _kill_group(child.process.pid)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"killed by {signal.Signals(-code).name}"


def say(text: str) -> None:
    """Write lines to our output, each whole; where nobody reads them any more, they are dropped, never waited for."""
    with _voice:
        for line in text.split("\n"):
            with suppress(OSError, ValueError):
                output = sys.stdout.fileno()
                if select.select([], [output], [], 0)[1]:
                    os.write(output, line.encode("utf-8", "replace")[: _PIPE_TAKES - 1] + b"\n")
