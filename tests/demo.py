"""The whole product as `manage.py up --demo` starts it, for tests that need everything running (Linux: uses /proc)."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import uuid4

import psycopg

from tests import migrated
from tests.ports import free_port
from tests.sandbox import SandboxApi

ROOT = Path(__file__).resolve().parent.parent
# Generous: what they bound is a program that hangs, not one that a busy machine slows down.
START_SECONDS = 300.0
STOP_SECONDS = 10.0
T = TypeVar("T")
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "DATABASE_URL", "BROKER_URL", "CACHE_URL")
_ROLES = {"granian": "web", "manage.py worker": "worker", "integrations.sandbox": "sandbox"}


def wait_for(look: Callable[[], T], what: str, seconds: float = 120.0) -> T:
    """Return the first true answer of `look`; fail, naming `what` was awaited, where there is none in time."""
    ends_at = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        assert time.monotonic() < ends_at, f"after {seconds:g} s still not: {what}"
        time.sleep(0.05)


def environment(**more: str) -> dict[str, str]:
    """Return what a new user's shell would pass on, and the servers this run is for."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | more


def manage(*arguments: str, seconds: float = 180.0, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py to its end; standard error is with the output."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )


@dataclass(frozen=True)
class Reply:
    """An answer of the API."""

    status: int
    body: Any
    headers: Mapping[str, str]


def call(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
    """Send a request, past any proxy of the environment; an error status is an answer like any other.

    Raises: OSError where no answer came.
    """
    content = json.dumps(body).encode() if body is not None else None
    sent = {"Content-Type": "application/json"} if content else {}
    request = urllib.request.Request(url, content, {**sent, **(headers or {})}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            text, status, told = answer.read(), answer.status, answer.headers
    except urllib.error.HTTPError as err:
        with err:
            text, status, told = err.read(), err.code, err.headers
    is_json = "json" in told.get("Content-Type", "")
    return Reply(status, json.loads(text) if is_json else text.decode(errors="replace"), dict(told))


class DemoServer:
    """`manage.py up --demo` with a data directory of its own, on free ports; `variables` go into its environment.

    Its database is a file, or on PostgreSQL one made for it beside the one DATABASE_URL names. The file has its tables
    already, unless it is to start `from_nothing`, as a new user does.
    """

    command: ClassVar[tuple[str, ...]] = ("manage.py", "up", "--demo")

    def __init__(self, *, from_nothing: bool = False, **variables: str) -> None:
        self.data_dir = Path(tempfile.mkdtemp(prefix="shopbotly-demo-"))
        self.port = free_port()
        self.output: list[str] = []
        self.sandbox = SandboxApi()
        self._variables = variables
        self._database = _Database(os.environ.get("DATABASE_URL", ""), self.data_dir, from_nothing=from_nothing)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._database.create()
        try:
            self.start()
        except BaseException:
            self._clear_away()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._clear_away()

    def _clear_away(self) -> None:
        self.kill_everything()
        self._database.drop()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def launch(self) -> None:
        """Start it, again with the same data; don't wait for it."""
        self.output = []
        self._process = subprocess.Popen(
            # It ends with the tests also where those are killed.
            [sys.executable, "-m", "runtime.tether", str(os.getpid()), sys.executable, *self.command],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=self._collect, args=(self._process, self.output), daemon=True).start()

    def start(self) -> None:
        """Start it, again with the same data, and wait until it has said everything and is ready."""
        self.launch()
        wait_for(self._has_welcomed, f"ready; it said {self.output}", START_SECONDS)
        self.sandbox.url = self.told["sandbox_url"]
        assert self.call("GET", "/readyz").status == 200

    @staticmethod
    def _collect(process: subprocess.Popen[str], output: list[str]) -> None:
        assert process.stdout is not None
        output.extend(line.rstrip("\n") for line in process.stdout)

    def _has_welcomed(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"it ended: {self.output}"
        return any("demo.json" in line for line in self.output)

    @property
    def environment(self) -> dict[str, str]:
        """What it runs with."""
        own = {"DATA_DIR": str(self.data_dir), "PORT": str(self.port), **self._database.variables}
        return environment(**own, **self._variables)

    @property
    def told(self) -> dict[str, str]:
        """What demo.json says."""
        told: dict[str, str] = json.loads((self.data_dir / "demo.json").read_text())
        return told

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The number of the supervising process."""
        assert self._process is not None
        return self._process.pid

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Call the server without a credential; `Idempotency_Key="…"` and the like become headers."""
        return call(method, self.url + path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Call the API with the demo's secret key."""
        return self.call(method, path, body, **{"Authorization": f"Bearer {self.told['secret_key']}", **headers})

    def lead(self, lead_id: str) -> dict[str, Any]:
        """Return a lead as the API tells it."""
        reply = self.api("GET", f"/v1/leads/{lead_id}")
        assert reply.status == 200, reply
        found: dict[str, Any] = reply.body
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read from the database, past the program."""
        return self._database.run(sql)

    def write(self, sql: str) -> None:
        """Change the database, past the program."""
        self._database.run(f"{sql} RETURNING 1")

    def pids(self) -> dict[str, int]:
        """Return the programs the supervisor runs now, by role: web, worker, sandbox."""
        found = {}
        for pid in self.processes():
            with suppress(OSError, IndexError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
                role = next((role for mark, role in _ROLES.items() if mark in command), None)
                if parent == self.pid and role:
                    found[role] = pid
        return found

    def processes(self) -> set[int]:
        """Return every living process with our data directory in its environment, whoever its parent is by now."""
        mark = f"DATA_DIR={self.data_dir}".encode()
        found = set()
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdecimal() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
        return found - {os.getpid()}

    def kill(self, role: str) -> int:
        """Kill one program with -9; returns its number."""
        pid = self.pids()[role]
        os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to stop; returns the seconds that took. It must leave nothing running."""
        assert self._process is not None
        started = time.monotonic()
        self._process.send_signal(number)
        self._process.wait(120)
        seconds = time.monotonic() - started
        left = self.processes()
        assert not left, f"still running: {left}"
        return seconds

    def wait(self, seconds: float = 120.0) -> int:
        """Wait for its end; returns the exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def kill_everything(self) -> None:
        """Kill all of it at once with -9, as a power cut would."""
        while pids := self.processes():
            for pid in sorted(pids):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self._process is not None:
                self._process.wait(10)
            time.sleep(0.02)


class _Database:
    """The database of one demo: a file in its data directory, or one of its own on the named PostgreSQL server."""

    def __init__(self, url: str, data_dir: Path, *, from_nothing: bool = False) -> None:
        parts = urlsplit(url)
        self._file = data_dir / "shopbotly.sqlite3"
        self._from_nothing = from_nothing
        self.name = ""
        self.variables: dict[str, str] = {}
        if parts.scheme in {"postgres", "postgresql"}:
            self.name = f"{unquote(parts.path.strip('/')) or 'shopbotly'}_demo_{uuid4().hex[:8]}"
            self._server = urlunsplit(parts._replace(path="/postgres"))
            self.variables = {"DATABASE_URL": urlunsplit(parts._replace(path=f"/{self.name}"))}

    def create(self) -> None:
        if not self.name and not self._from_nothing:
            migrated.copy_to(self._file)
        if self.name:
            with psycopg.connect(self._server, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{self.name}"')

    def drop(self) -> None:
        if self.name:
            with psycopg.connect(self._server, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        if self.name:
            with psycopg.connect(self.variables["DATABASE_URL"]) as connection:
                return connection.execute(sql).fetchall()
        connection = sqlite3.connect(self._file, timeout=20)
        try:
            with connection:
                return connection.execute(sql).fetchall()
        finally:
            connection.close()
