"""Load on a web server: wrk with keep-alive, every e-mail address a new one."""

import http.client
import json
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

_SCRIPT = Path(__file__).with_name("capture.lua")


class LoadFailed(Exception):
    """Not every request was answered 2xx: the figures would mean nothing."""


@dataclass(frozen=True)
class Load:
    """What one run of load found; times are in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    cpu_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """The processor time of a request at the server."""
        return self.cpu_seconds / self.requests * 1e6


def middle(loads: list[Load]) -> Load:
    """Return the medians of several runs."""
    names = ("requests", "seconds", "p50", "p99", "cpu_seconds")
    return Load(**{name: median(getattr(load, name) for load in loads) for name in names})


def captures(
    url: str, *, server: Any, connections: int, seconds: float, key: str = "", leads_in_request: int = 1
) -> Load:
    """Send captures as fast as they are answered; `server` is the process whose processor time counts.

    Raises: LoadFailed where anything but 2xx came back.
    """
    assert shutil.which("wrk"), "wrk is needed for the load (Debian: apt-get install wrk)"
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:g}s"]
    command += ["--timeout", "20s", "--script", str(_SCRIPT), url, "--", secrets.token_hex(4), key]
    before = server.cpu_seconds()
    ran = subprocess.run([*command, str(leads_in_request)], capture_output=True, text=True, check=True)
    used = server.cpu_seconds() - before
    found = json.loads(ran.stdout.splitlines()[-1])
    if found["refused"] or found["broken"]:
        raise LoadFailed(f"{url}: not everything was answered 2xx: {found}")
    return Load(
        found["requests"], found["microseconds"] / 1e6, found["p50"] / 1000, found["p99"] / 1000, cpu_seconds=used
    )


class Caller:
    """One kept-alive connection that captures leads one by one."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}

    def capture(self, email: str) -> None:
        """Capture one new lead. Raises: LoadFailed where the answer isn't 201."""
        body = {"email": email, "first_name": "Anna", "message": "Do you ship to Norway?"}
        status, text = self.post("/v1/leads", body)
        if status != 201:
            raise LoadFailed(f"{status}: {text[:300]!r}")

    def post(self, path: str, body: Any) -> tuple[int, bytes]:
        """Send a request and return the status and the body of its answer."""
        self._connection.request("POST", path, json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        self._connection.close()
