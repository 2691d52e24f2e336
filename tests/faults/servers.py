"""Servers that one run may break: a PostgreSQL, a RabbitMQ, a Redis, each a program of its own."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pika
import psycopg
import pytest
import redis
from pika.exceptions import AMQPError

from tests.demo import wait_for
from tests.ports import free_port

_HOST = "127.0.0.1"


@dataclass
class Servers:
    """What one installation runs on, and the environment that says so; absent servers are the embedded ones."""

    postgres: "Postgres | None" = None
    broker: "Rabbit | Redis | None" = None
    cache: "Redis | None" = None
    variables: dict[str, str] = field(default_factory=lambda: {"DATABASE_URL": "", "BROKER_URL": "", "CACHE_URL": ""})


def start(stack: ExitStack) -> Servers:
    """Start own servers of the kinds that DATABASE_URL and BROKER_URL name; `stack` ends them."""
    servers = Servers()
    if os.environ.get("DATABASE_URL", "").startswith("postgres"):
        servers.postgres = stack.enter_context(Postgres())
        del servers.variables["DATABASE_URL"]
    broker = os.environ.get("BROKER_URL", "")
    if broker.startswith("amqp"):
        servers.broker = stack.enter_context(Rabbit())
    elif broker:
        servers.broker = servers.cache = stack.enter_context(Redis())
        servers.variables["CACHE_URL"] = servers.cache.url(1)
    if servers.broker:
        servers.variables["BROKER_URL"] = servers.broker.url()
    return servers


class _Program:
    """A server program with a directory of its own, on a free port."""

    def __init__(self, name: str, user: str | None = None) -> None:
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix=f"shopbotly-{name}-"))
        self._user = user if user and os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            shutil.chown(self.directory, self._user)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end(signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self) -> None:
        """Start it and wait until it answers."""
        wait_for(self._has_started, f"{type(self).__name__} at port {self.port}")

    def end(self, number: signal.Signals) -> None:
        """End it with a signal; SIGKILL is a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Answer nobody inside the `with`."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    def _has_started(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(self._command(), **self._how())
        with suppress(OSError, psycopg.OperationalError, redis.RedisError):
            return self._answers()
        return False

    def _how(self) -> Any:
        null = subprocess.DEVNULL
        return {"cwd": self.directory, "stdin": null, "stdout": null, "stderr": null, "user": self._user} | {
            "start_new_session": True
        }

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError


class Postgres(_Program):
    """A PostgreSQL with a cluster of its own; what has committed outlives the crash of it, not of the machine."""

    def __init__(self) -> None:
        self._programs = _postgres_programs()
        super().__init__("postgres", "postgres")
        initdb = [str(self._programs / "initdb"), "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8"]
        done = subprocess.run(
            [*initdb, "--locale=C", str(self.directory / "data")],
            cwd="/",
            user=self._user,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{_HOST}:{self.port}/postgres"

    def _command(self) -> list[str]:
        options = {"listen_addresses": _HOST, "port": self.port, "unix_socket_directories": "", "fsync": "off"}
        settings = [f"--{name}={value}" for name, value in options.items()]
        return [str(self._programs / "postgres"), "-D", str(self.directory / "data"), *settings]

    def _answers(self) -> bool:
        with psycopg.connect(self.url, connect_timeout=5) as connection:
            return bool(connection.execute("SELECT 1").fetchone())


def _postgres_programs() -> Path:
    found = [Path(path) for path in (shutil.which("initdb"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        pytest.skip("no initdb here: a PostgreSQL of our own, which may be broken, needs one")
    return found[-1].parent


class Redis(_Program):
    """A Redis that keeps nothing: what dies with it is gone."""

    def __init__(self) -> None:
        if not shutil.which("redis-server"):
            pytest.skip("no redis-server here: a broker of our own, which may be broken, needs one")
        super().__init__("redis")

    def url(self, number: int = 0) -> str:
        return f"redis://{_HOST}:{self.port}/{number}"

    def down(self) -> None:
        """Crash, and with it everything in it."""
        self.end(signal.SIGKILL)

    def up(self) -> None:
        """Come back, empty."""
        self.start()

    def wipe(self) -> None:
        """Drop every message."""
        with redis.Redis(host=_HOST, port=self.port) as client:
            client.flushdb()

    def flush(self) -> None:
        """Drop every counter."""
        with redis.Redis(host=_HOST, port=self.port, db=1) as client:
            client.flushdb()

    def _command(self) -> list[str]:
        return ["redis-server", "--bind", _HOST, "--port", str(self.port), "--save", "", "--appendonly", "no"]

    def _answers(self) -> bool:
        with redis.Redis(host=_HOST, port=self.port) as client:
            return bool(client.ping())


class Rabbit(_Program):
    """A RabbitMQ node of its own, which can be killed; what is in it dies with it."""

    def __init__(self) -> None:
        super().__init__("rabbit")
        self._name = f"{self.directory.name}@localhost"
        self._far = free_port()
        (self.directory / "rabbitmq.conf").write_text(f"listeners.tcp.default = {_HOST}:{self.port}\n")
        (self.directory / "plugins").write_text("[].")

    def url(self) -> str:
        return f"amqp://guest:guest@{_HOST}:{self.port}"

    def down(self) -> None:
        """Crash, and with it everything in it."""
        self.end(signal.SIGKILL)
        shutil.rmtree(self.directory / "data", ignore_errors=True)

    def up(self) -> None:
        """Come back, empty."""
        self.start()

    def wipe(self) -> None:
        """Drop every queue and message under the feet of those who use them."""
        for command in (("delete_vhost", "/"), ("add_vhost", "/"), ("set_permissions", "guest", ".*", ".*", ".*")):
            program = [str(_rabbitmq_programs() / "rabbitmqctl"), "-q", "-n", self._name, *command]
            done = subprocess.run(program, env=self._environment, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, f"rabbitmqctl {command[0]}: {done.stdout}{done.stderr}"

    def end(self, number: signal.Signals) -> None:
        if self._process is not None:
            # The node is a child of its script.
            os.killpg(self._process.pid, number)
            self._process.wait(60)
            self._process = None

    @property
    def _environment(self) -> dict[str, str]:
        at = {
            "MNESIA_BASE": "data",
            "LOG_BASE": "log",
            "CONFIG_FILE": "rabbitmq.conf",
            "ENABLED_PLUGINS_FILE": "plugins",
        }
        own = {f"RABBITMQ_{name}": str(self.directory / path) for name, path in at.items()}
        named = {"RABBITMQ_NODENAME": self._name, "RABBITMQ_DIST_PORT": str(self._far)}
        # Its cookie is in its home.
        return {**os.environ, **own, **named, "HOME": str(self.directory), "RABBITMQ_CONF_ENV_FILE": os.devnull}

    def _how(self) -> Any:
        return {**super()._how(), "env": self._environment}

    def _command(self) -> list[str]:
        return [str(_rabbitmq_programs() / "rabbitmq-server")]

    def _answers(self) -> bool:
        try:
            pika.BlockingConnection(pika.URLParameters(self.url())).close()
        except AMQPError:
            return False
        return True


def _rabbitmq_programs() -> Path:
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"))
    if not found:
        pytest.skip("no rabbitmq-server here: a broker of our own, which may be broken, needs one")
    return found[-1].parent
