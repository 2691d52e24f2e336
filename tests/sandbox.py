"""The sandbox vendors as a process of their own, for tests that need a vendor to talk to."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120
HUBSPOT_TOKEN = "pat-sandbox-hubspot"
BREVO_KEY = "xkeysib-sandbox-brevo"
KLAVIYO_KEY = "pk_sandbox_klaviyo"
MAILCHIMP_KEY = "0123456789abcdef-us21"
SHOPIFY_TOKEN = "shpat_sandbox"
ODOO_KEY = "odoo-sandbox-key"
REST_KEY = "sandbox-rest-key"
SALESFORCE_TOKEN = "00D000000000001!sandbox"
WOOCOMMERCE_KEY, WOOCOMMERCE_SECRET = "ck_sandbox", "cs_sandbox"


class SandboxApi:
    """What tests ask a running sandbox, at `url`."""

    url: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Call the sandbox's own API (below `/_`)."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if content else {}
        request = urllib.request.Request(f"{self.url}{path}", content, headers, method=method)
        # No proxy of the environment between us and this machine.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def reset(self) -> None:
        """Forget all records, effects and dials."""
        self.ask("POST", "/_reset")

    def fault(self, **dial: Any) -> int:
        """Set a fault dial, e.g. `fault(vendor="hubspot", status=503, count=2)`; returns its id."""
        return int(self.ask("POST", "/_faults", dial)["id"])

    def clear_faults(self) -> None:
        self.ask("DELETE", "/_faults")

    def effects(self, vendor: str = "") -> list[dict[str, Any]]:
        """Return what has changed at the vendors, oldest first."""
        found: list[dict[str, Any]] = self.ask("GET", f"/_effects?vendor={vendor}")["effects"]
        return found

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests that came in, oldest first."""
        found: list[dict[str, Any]] = self.ask("GET", "/_requests")["requests"]
        return found

    def rows(self, vendor: str, kind: str) -> list[dict[str, Any]]:
        """Return every record of one kind, e.g. `rows("odoo", "sale.order")`."""
        found: list[dict[str, Any]] = self.ask("GET", f"/_state/{vendor}/{kind}")["rows"]
        return found

    def change(self, vendor: str, kind: str, id: int, **values: Any) -> None:
        """Change a record as people at the company would, e.g. `change("woocommerce", "orders", 1001, status=…)`."""
        self.ask("POST", f"/_state/{vendor}/{kind}/{id}", values)

    def contacts(self) -> list[dict[str, Any]]:
        """Return the contacts of the sandbox CRM."""
        return self.rows("hubspot", "contacts")


class SandboxServer(SandboxApi):
    """`python -m integrations.sandbox` on a free port, its state in a file that goes with it."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="sandbox-")
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        self._directory.cleanup()

    @property
    def egress_allow(self) -> str:
        """The EGRESS_ALLOW entry that lets us talk to it."""
        return f"127.0.0.1:{self.port}"

    @property
    def hubspot_url(self) -> str:
        return f"{self.url}/hubspot"

    @property
    def brevo_url(self) -> str:
        return f"{self.url}/brevo"

    @property
    def mailchimp_url(self) -> str:
        return f"{self.url}/mailchimp"

    @property
    def salesforce_url(self) -> str:
        return f"{self.url}/salesforce"

    @property
    def shopify_url(self) -> str:
        return f"{self.url}/shopify"

    @property
    def odoo_url(self) -> str:
        return f"{self.url}/odoo"

    def start(self) -> None:
        """Start it, at the same port as before after a `stop`."""
        data = Path(self._directory.name) / "sandbox.sqlite3"
        command = [sys.executable, "-m", "integrations.sandbox", "--port", str(self.port), "--data", str(data)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "ready on" in line, f"the sandbox did not start: {line!r}"
        self.url = line.split()[-1].rstrip("/")
        self.port = int(self.url.rpartition(":")[2])
        self._wait()

    def _wait(self) -> None:
        ends_at = time.monotonic() + START_SECONDS
        while time.monotonic() < ends_at:
            try:
                self.ask("GET", "/_health")
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the sandbox does not answer")

    def stop(self) -> None:
        """Stop it; its state stays until the test is over."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def sandbox(sandbox_server: SandboxServer, settings: Any) -> SandboxServer:
    """The sandbox as on its first start, allowed as a target; a conftest that needs it imports both fixtures."""
    sandbox_server.reset()
    sandbox_server.clear_faults()
    settings.EGRESS_ALLOW = [sandbox_server.egress_allow]
    return sandbox_server
