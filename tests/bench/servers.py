"""The servers of the run: the product with a database of its own, process by process, and the floor."""

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.bench.processes import ROOT, Process
from tests.ports import free_port

_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR")
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Stack:
    """A database, a broker and a cache to run on; an empty address is the embedded one."""

    name: str
    database_url: str = ""
    broker_url: str = ""
    cache_url: str = ""

    def with_database(self, url: str) -> "Stack":
        return replace(self, database_url=url)

    @property
    def database(self) -> str:
        return "PostgreSQL" if self.database_url else "SQLite"


EMBEDDED = Stack("SQLite, embedded")


def named_stacks() -> list[Stack]:
    """Return the stacks that TEST_DATABASE_URL, TEST_BROKER_URL and TEST_CACHE_URL name, a stack per broker."""
    database, cache = os.environ.get("TEST_DATABASE_URL", ""), os.environ.get("TEST_CACHE_URL", "")
    names = {"amqp": "RabbitMQ", "amqps": "RabbitMQ", "redis": "Redis", "rediss": "Redis"}
    brokers = os.environ.get("TEST_BROKER_URL", "").split() if database else []
    return [Stack(f"PostgreSQL, {names[urlsplit(url).scheme]}", database, url, cache) for url in brokers]


class Database:
    """A database of one installation: a file in its folder, or one of its own on the named PostgreSQL server."""

    def __init__(self, url: str) -> None:
        self._server = url
        self.url = ""

    def create(self) -> None:
        if self._server:
            name = f"bench_{secrets.token_hex(6)}"
            self._execute(f'CREATE DATABASE "{name}"')
            self.url = urlunsplit(urlsplit(self._server)._replace(path=f"/{name}"))

    def drop(self) -> None:
        if self.url:
            self._execute(f'DROP DATABASE IF EXISTS "{urlsplit(self.url).path[1:]}" WITH (FORCE)')
            self.url = ""

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)


class Server:
    """A folder, a database and the processes that use them; all of it goes when the run is over."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.folder = Path(tempfile.mkdtemp(prefix="shopbotly-bench-"))
        self.port = free_port()
        self.database = Database(stack.database_url)
        self.processes: dict[str, Process] = {}

    def __enter__(self) -> Self:
        try:
            self.database.create()
            self.prepare()
        except BaseException:
            self.clear_away()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            for name, process in self.processes.items():
                print(f"-- the {name} process said:\n{process.said()}", file=sys.stderr)
            self.explain()
        self.clear_away()

    def prepare(self) -> None:
        """Make its tables."""
        raise NotImplementedError

    def explain(self) -> None:
        """Print what else may explain why a run broke."""

    def clear_away(self) -> None:
        """Stop everything and leave nothing."""
        for name in list(self.processes):
            self.stop(name)
        self.database.drop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"http://{_LOOPBACK}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {**passed_on, "DATA_DIR": str(self.folder), "DATABASE_URL": self.database.url}

    def spawn(self, name: str, command: Sequence[str]) -> Process:
        """Start a process of this server."""
        self.processes[name] = Process(command, self.environment, self.folder / f"{name}.log")
        return self.processes[name]

    def stop(self, name: str) -> None:
        """Stop one of its processes."""
        self.processes.pop(name).stop()

    def python(self, *arguments: str) -> str:
        """Run Python to its end, in this server's environment; return what it printed."""
        ran = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{' '.join(arguments[:3])} ended with {ran.returncode}:\n{ran.stderr[-3000:]}"
        return ran.stdout


class Installation(Server):
    """The product, its web server and worker started by the commands that `manage.py up` uses.

    Each sandbox it is given becomes a connector, in order; `quota` is `{"requests", "seconds"}` for each.
    """

    def __init__(self, stack: Stack, sandboxes: Sequence[str] = (), quota: dict[str, float] | None = None) -> None:
        super().__init__(stack)
        self._sandboxes = list(sandboxes)
        self._quota = quota
        self._keys = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        }
        self.told: dict[str, Any] = {}

    @property
    def environment(self) -> dict[str, str]:
        ports = ",".join(f"{_LOOPBACK}:{urlsplit(url).port}" for url in self._sandboxes)
        return {
            **super().environment,
            **self._keys,
            # What `up --demo` sets: plain HTTP from this machine, and vendors on it.
            "DEMO_MODE": "1",
            "ALLOWED_HOSTS": _LOOPBACK,
            "EGRESS_ALLOW": ports,
            "SANDBOX_PORT": str(urlsplit(self._sandboxes[0]).port if self._sandboxes else 1),
            "BROKER_URL": self.stack.broker_url,
            "CACHE_URL": self.stack.cache_url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }

    def prepare(self) -> None:
        self.told = self.inside("installation:prepare", port=self.port, sandboxes=self._sandboxes, quota=self._quota)

    def inside(self, name: str, **arguments: Any) -> Any:
        """Run a function of tests.bench.inside with the product's settings; return what it returns."""
        printed = self.python("-m", "tests.bench.inside", name, json.dumps(arguments))
        return json.loads(printed.splitlines()[-1])

    def start_web(self) -> Process:
        """Start the web server and wait until it answers."""
        web = self.spawn("web", self.told["commands"]["web"])
        web.wait_until_answers(f"{self.url}/healthz")
        return web

    def explain(self) -> None:
        if self.told:
            print(f"-- errors it answered: {self.inside('outbox:refusals')}", file=sys.stderr)

    def start_worker(self) -> Process:
        """Start the worker."""
        return self.spawn("worker", self.told["commands"]["worker"])

    @property
    def key(self) -> str:
        """A secret key of a client that may call as often as it likes."""
        return str(self.told["key"])


class Floor(Server):
    """The same web server in front of a Django view that inserts one row, and nothing else."""

    def __init__(self, stack: Stack, web_command: Sequence[str], product_port: int) -> None:
        super().__init__(stack)
        *options, _ = web_command
        self._command = [str(self.port) if word == str(product_port) else word for word in options]

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "DJANGO_SETTINGS_MODULE": "tests.bench.floor.settings"}

    def prepare(self) -> None:
        self.python("-m", "django", "migrate", "--run-syncdb", "--verbosity", "0")

    def start_web(self) -> Process:
        """Start the web server and wait until it answers."""
        web = self.spawn("web", [*self._command, "tests.bench.floor.wsgi:application"])
        web.wait_until_answers(f"{self.url}/rows")
        return web

    def rows(self) -> int:
        """Return how many rows there are."""
        code = "import django; django.setup(); from tests.bench.floor.models import Row; print(Row.objects.count())"
        return int(self.python("-c", code))
