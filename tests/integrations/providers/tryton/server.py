"""A real Tryton server, in an environment and a database of its own.

The environment is made once and kept in `.test_cache`; the database is made anew on the PostgreSQL server that
TEST_DATABASE_URL or DATABASE_URL names, for on SQLite concurrent writes fail.
"""

import hashlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.ports import free_port

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
MODULES = "sale_opportunity"
SET_UP_SECONDS = 900
START_SECONDS = 120


def database_url() -> str:
    """Return the address of a PostgreSQL server, or nothing where none is named."""
    told = os.environ.get("TEST_DATABASE_URL") or os.environ.get("DATABASE_URL") or ""
    return told if told.startswith("postgres") else ""


class TrytonServer:
    """Made and furnished when entered, gone when left; `told` is what `furnish.py` says is in it."""

    def __init__(self) -> None:
        self._parts = urlsplit(database_url())
        self.database = f"{self._parts.path.strip('/')}_tryton"
        self.port = free_port()
        self.told: dict[str, Any] = {}
        self._directory = tempfile.TemporaryDirectory(prefix="tryton-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def egress_allow(self) -> str:
        return f"127.0.0.1/32:{self.port}"

    def __enter__(self) -> Self:
        self._bin = environment() / "bin"
        self._write_files()
        self._database(is_wanted=True)
        try:
            wanted = ["-d", self.database, "-u", MODULES, "--activate-dependencies", "--email", "a@example.com"]
            self._run("trytond-admin", "-c", self._configuration, *wanted, "-l", "en")
            self.told = json.loads(self._run("python", str(HERE / "furnish.py"), self.database).splitlines()[-1])
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        self._database(is_wanted=False)
        self._directory.cleanup()

    def _write_files(self) -> None:
        folder = Path(self._directory.name)
        # Tryton adds the database's name by itself.
        uri = urlunsplit(("postgresql", self._parts.netloc, "/", "", ""))
        (folder / "trytond.conf").write_text(f"[database]\nuri = {uri}\n[web]\nlisten = 127.0.0.1:{self.port}\n")
        (folder / "password").write_text(secrets.token_urlsafe(20))
        self._configuration = str(folder / "trytond.conf")
        passwords = {"TRYTONPASSFILE": str(folder / "password"), "TRYTOND_CONFIG": self._configuration}
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **passwords}

    def _database(self, *, is_wanted: bool) -> None:
        url = urlunsplit(("postgresql", self._parts.netloc, "/postgres", "", ""))
        name = sql.Identifier(self.database)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            if is_wanted:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
                # Nobody misses it after a power cut.
                connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))

    def _run(self, program: str, *arguments: str) -> str:
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=SET_UP_SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]
        return done.stdout

    def _start(self) -> None:
        command = [str(self._bin / "trytond"), "-c", self._configuration, "-d", self.database]
        self._process = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ends_at = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, "Tryton ended as it began"
            assert time.monotonic() < ends_at, "Tryton does not answer"
            time.sleep(0.2)

    def _answers(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(f"{self.url}/{self.database}/rest/model/res.user", timeout=30)
        except urllib.error.HTTPError as refused:
            return refused.code == 401
        except OSError:
            return False
        return True


def environment() -> Path:
    """Return the folder of Tryton's own Python environment; made where it isn't there as pinned."""
    pinned = HERE / "requirements.txt"
    folder = ROOT / ".test_cache" / f"tryton-{hashlib.sha256(pinned.read_bytes()).hexdigest()[:16]}"
    if not (folder / "complete").exists():
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(folder)], check=True)
        install = ["pip", "install", "--require-hashes", "--python", str(folder / "bin" / "python")]
        subprocess.run([*uv, *install, "-r", str(pinned)], check=True)
        (folder / "complete").touch()
    return folder
