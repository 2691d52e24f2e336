"""A program of the run and what it costs (Linux: reads /proc)."""

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 60.0
_STOP_SECONDS = 12.0


class Process:
    """A running program with everything it starts itself; what it says goes to a file."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_answers(self, url: str) -> None:
        """Wait until it answers there with 2xx."""
        ends_at = time.monotonic() + _START_SECONDS
        while not answers(url):
            assert self._process.poll() is None, f"it ended:\n{self.said()}"
            assert time.monotonic() < ends_at, f"{url} does not answer:\n{self.said()}"
            time.sleep(0.1)

    def said(self) -> str:
        """Return the end of what it has said."""
        return self._log.read_text(errors="replace")[-3000:]

    def cpu_seconds(self) -> float:
        """Return the processor time it and its children have used."""
        return cpu_seconds(family(self.pid))

    def rss(self) -> int:
        """Return the bytes of memory it and its children hold."""
        return sum(_memory(pid, "VmRSS") for pid in family(self.pid))

    def stop(self) -> None:
        """Ask it to stop; kill it where it doesn't."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


def answers(url: str) -> bool:
    """Say whether something answers 2xx there."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
            return 200 <= answer.status < 300
    except OSError:
        return False


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the processor time of processes, user and system."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += sum(int(ticks) for ticks in _stat(pid)[11:13])
    return total / _TICKS


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parents[int(entry.name)] = int(_stat(int(entry.name))[1])
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat from the third on (the name before may hold anything)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def peak(pid: int) -> int:
    """Return the most bytes of memory a process has held."""
    return _memory(pid, "VmHWM")


def _memory(pid: int, kind: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                return int(line.split()[1]) * 1024
    return 0
