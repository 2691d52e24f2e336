"""`make test`: the whole suite on the embedded default, what must be the same elsewhere on the servers named, and the
short form of the fault suite on each.

TEST_DATABASE_URL, TEST_BROKER_URL (one or several, separated by spaces) and TEST_CACHE_URL name the servers; nothing is
ever tried on a server that nobody named. With REQUIRE_SERVICES=1 a missing one is a failure. The parts run side by
side, TEST_JOBS of them at once (default: one per processor); each prints its whole output when it has ended.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

_PAGES = ("tests/config", "tests/browser")
_FAULTS = "tests/faults"
_OTHER = ("DATABASE_URL", "BROKER_URL", "CACHE_URL", "DATA_DIR")
_SAY_EVERY_SECONDS = 20.0
# pytest's own: nothing was collected. A part may hold nothing of what the arguments ask for.
_NO_TESTS = 5
_INTERRUPTED = 2


@dataclass
class Part:
    """One run of pytest; parts that use the same thing don't run at the same time."""

    name: str
    arguments: Sequence[str]
    environment: dict[str, str]
    uses: frozenset[str] = frozenset()
    lines: list[str] = field(default_factory=list)
    started_at: float = 0.0
    seconds: float = 0.0
    code: int | None = None

    def run(self) -> None:
        """Run it to its end."""
        self.started_at = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", *self.arguments, *sys.argv[1:]]
        with subprocess.Popen(
            command, env=self.environment, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout is not None
            self.lines.extend(line.rstrip("\n") for line in process.stdout)
        self.seconds = time.monotonic() - self.started_at
        self.code = 0 if process.returncode == _NO_TESTS else process.returncode

    @property
    def is_running(self) -> bool:
        return self.started_at > 0 and self.code is None

    @property
    def progress(self) -> str:
        """How far it is, in pytest's own words."""
        shares = re.findall(r"\[ *(\d+%)\]", "\n".join(self.lines[-3:]))
        return shares[-1] if shares else "0%"

    @property
    def verdict(self) -> str:
        """How it ended."""
        words = "passed" if self.code == 0 else "FAILED"
        return f"== {self.name}: {words} in {self.seconds:.0f} s: {(self.lines or ['no output'])[-1]}"


class Lanes:
    """Runs parts side by side, longest first, and says where they are."""

    def __init__(self, parts: Sequence[Part], count: int) -> None:
        self._left = list(parts)
        self._parts = list(parts)
        self._count = count
        self._changed = threading.Condition()
        self._ended: list[Part] = []

    def run(self) -> int:
        """Run everything; returns 0 where all of it passed."""
        started = time.monotonic()
        with ThreadPoolExecutor(self._count) as pool:
            lanes = [pool.submit(self._lane) for _ in range(self._count)]
            for part in self._each_ended(started):
                print("\n".join([f"== {part.name}", *part.lines, part.verdict]), flush=True)
        for lane in lanes:
            lane.result()
        print("\n".join(part.verdict for part in self._parts), flush=True)
        return next((part.code for part in self._parts if part.code), 0)

    def stop(self) -> None:
        """Start nothing more."""
        with self._changed:
            for part in self._left:
                part.code = _INTERRUPTED
            self._ended += self._left
            self._left.clear()
            self._changed.notify_all()

    def _each_ended(self, started: float) -> Iterator[Part]:
        for _ in self._parts:
            while not (part := self._next_ended()):
                running = [f"{part.name} {part.progress}" for part in self._parts if part.is_running]
                print(f"… {time.monotonic() - started:.0f} s: {', '.join(running)}", flush=True)
            yield part

    def _next_ended(self) -> Part | None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended, _SAY_EVERY_SECONDS)
            return self._ended.pop(0) if self._ended else None

    def _lane(self) -> None:
        while part := self._take():
            try:
                part.run()
            finally:
                with self._changed:
                    part.code = 1 if part.code is None else part.code
                    self._ended.append(part)
                    self._changed.notify_all()

    def _take(self) -> Part | None:
        """Take the first part whose things nobody uses; none where all have been taken."""
        with self._changed:
            while self._left:
                used = frozenset[str]().union(*(part.uses for part in self._parts if part.is_running))
                if part := next((part for part in self._left if not part.uses & used), None):
                    self._left.remove(part)
                    part.started_at = time.monotonic()
                    return part
                self._changed.wait()
            return None


def parts() -> list[Part]:
    """Return what is to be run, longest first."""
    embedded = {name: value for name, value in os.environ.items() if name not in _OTHER}
    apart = [f"--ignore={path}" for path in (*_PAGES, _FAULTS)]
    found = [
        Part("SQLite: pages and start-up", [*_PAGES, "-m", "not conformance"], embedded),
        Part("SQLite: the rest", [*apart, "-m", "not conformance"], embedded),
    ]
    faults = [Part("SQLite: faults", [_FAULTS, "-m", "not conformance"], embedded)]
    database = os.environ.get("TEST_DATABASE_URL", "")
    for position, broker in enumerate(os.environ.get("TEST_BROKER_URL", "").split() if database else ()):
        name = f"PostgreSQL, {broker.partition(':')[0]}"
        own = embedded | {"DATABASE_URL": database, "BROKER_URL": broker}
        # The database's own behaviour does not depend on the broker: it is looked at once.
        which = "(db or broker) and not conformance" if position == 0 else "broker and not conformance"
        named = own | {
            "CACHE_URL": os.environ.get("TEST_CACHE_URL", ""),
            "TEST_DATABASE": f"test_shopbotly_{position}",
        }
        found.append(Part(name, [f"--ignore={_FAULTS}", "-m", which], named, frozenset({"cache"})))
        named = own | {"TEST_DATABASE": f"test_shopbotly_faults_{position}"}
        faults.append(Part(f"{name}: faults", [_FAULTS, "-m", "not conformance"], named))
    return found + faults


def main() -> int:
    planned = parts()
    lanes = Lanes(planned, int(os.environ.get("TEST_JOBS") or os.cpu_count() or 1))
    # What runs hears of a Ctrl-C by itself, and is waited for.
    signal.signal(signal.SIGINT, lambda *_: lanes.stop())
    code = lanes.run()
    if not any("PostgreSQL" in part.name for part in planned):
        print("skipped: PostgreSQL with a broker, because TEST_DATABASE_URL and TEST_BROKER_URL name none", flush=True)
        code = code or int(os.environ.get("REQUIRE_SERVICES") == "1")
    return code


if __name__ == "__main__":
    sys.exit(main())
