"""`manage.py up`: the web server, the worker and, in the demo, the sandbox vendors, as one program."""

import fcntl
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError

from config import demo, demo_environment
from config.demo_environment import CannotPrepare
from config.env import env_int, env_str
from config.startup import refuse_or_continue
from config.supervisor import Child, Supervisor, say
from runtime import metrics

_READY_SECONDS = 60.0


class Command(BaseCommand):
    """Prepares the database, starts every process and keeps them running until SIGTERM or Ctrl-C."""

    help = "Start ShopBotly: web server and worker; with --demo also the sandbox vendors and demo data."

    def handle(self, *args: Any, **options: Any) -> None:
        # Databases, keys and logs are for the user who runs this alone.
        os.umask(0o077)
        self._lock = _only_one(Path(settings.DATA_DIR))
        port, host = env_int("PORT", 8000), env_str("HOST", "127.0.0.1")
        _check_port(port, host)
        if settings.DEMO_MODE and demo_environment.obstacle(int(os.environ["SANDBOX_PORT"])):
            demo_environment.move_sandbox()
        _step("Preparing the database", _migrate)
        refuse_or_continue()
        metrics.forget_dead_processes()
        url = f"http://{_reachable(host)}:{port}"
        told = None
        if settings.DEMO_MODE:
            sandbox_url = f"http://127.0.0.1:{os.environ['SANDBOX_PORT']}"
            told = _step("Making the demo", lambda: demo.seed(url=url, sandbox_url=sandbox_url))
        supervisor = Supervisor(_children(port, host))
        sys.exit(supervisor.run(lambda: _when_ready(supervisor, url, told)))


def _children(port: int, host: str) -> list[Child]:
    python = sys.executable
    web = [python, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)]
    web += ["--workers", str(settings.WEB_PROCESSES), "--blocking-threads", str(settings.WEB_THREADS)]
    # Where one of them dies all end, and are started again with growing pauses: granian itself knows none.
    web += ["--workers-kill-timeout", "8", "--log-level", "error"]
    children = [
        Child("web", [*web, "config.wsgi:application"]),
        Child("worker", [python, str(settings.BASE_DIR / "manage.py"), "worker"]),
    ]
    if settings.DEMO_MODE:
        data = str(Path(settings.DATA_DIR) / "sandbox.sqlite3")
        sandbox = [python, "-m", "integrations.sandbox", "--port", os.environ["SANDBOX_PORT"], "--data", data]
        children.insert(0, Child("sandbox", sandbox, stops_last=True))
    return children


def _only_one(folder: Path) -> IO[str]:
    """Return a lock on the data directory, held as long as it is open: two would move each other's sandbox and keys."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (folder / "up.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        advice = "Stop it first, or give this one a folder of its own: DATA_DIR=… PORT=8001 make run."
        raise CannotPrepare(f"ShopBotly already runs on {folder}. {advice}") from err
    return lock


def _check_port(port: int, host: str) -> None:
    if why := demo_environment.obstacle(port, host):
        advice = "Stop what uses it, or choose another: PORT=8001 make run."
        raise CannotPrepare(f"Port {port} cannot be used: {why}. {advice}")


def _migrate() -> None:
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except OperationalError as err:
        words = str(err).strip().partition("\n")[0]
        raise CannotPrepare(f"The database cannot be used: {words}. Check DATABASE_URL, and that it runs.") from err


def _reachable(host: str) -> str:
    """Return a host to open for what listens on `host`, as it stands in an address."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 (compared, not listened on)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _step(words: str, work: Callable[[], Any]) -> Any:
    """Do a step; say so where it takes longer than a second."""
    slow = threading.Timer(1.0, lambda: say(f"  {words} …"))
    slow.start()
    try:
        return work()
    finally:
        slow.cancel()


def _when_ready(supervisor: Supervisor, url: str, told: dict[str, str] | None) -> None:
    ends_at = time.monotonic() + _READY_SECONDS
    say("  Starting …")
    while not _is_ready(f"{url}/readyz"):
        if time.monotonic() > ends_at:
            say(f"error: not ready after {_READY_SECONDS:g} s; the lines above say why.")
            supervisor.stop(exit_code=1)
            return
        time.sleep(0.1)
    if told is None:
        admin = f"https://{settings.ALLOWED_HOSTS[0].lstrip('.')}/admin/"
        say(f"ShopBotly runs at {url}, for the proxy in front of it; its admin is at {admin}. Stop it with Ctrl-C.")
        return
    demo.save(told)
    say(_welcome(told))


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _welcome(told: dict[str, str]) -> str:
    url, key = told["url"], told["secret_key"]
    lead = json.dumps({"email": "anna@example.com", "first_name": "Anna", "message": "Do you ship to Norway?"})
    ask = json.dumps({"prompt": "Where is my order S00041? I am anna@example.com"})

    def curl(path: str, body: str) -> str:
        return f"curl -s {url}{path} -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'"

    return f"""
ShopBotly runs. Stop it with Ctrl-C.

  Admin      {url}/admin/   user: {told["admin_user"]}   password: {told["admin_password"]}
  Sandbox    {told["sandbox_url"]}/   what arrived at the CRM, and the ERP's orders
  API        {url}/docs/
  Chat       {url}/demo/chat   a page that asks with the publishable key

  Secret key        {key}
  Publishable key   {told["publishable_key"]}   (for pages; its client lists which, now {url} alone)

Try it: capture a lead, ask for an order, let the shop report a shipment.

{curl("/v1/leads", lead)}

{curl("/v1/query", ask)}

curl -s {told["webhook_url"]} -H 'Content-Type: application/json' -d '{_EVENT}'

All of this is also in {demo.file()}.
"""


_EVENT = json.dumps({"event": "order_shipped", "customer_id": "12345", "tracking_number": "XYZ-987"})
