"""The whole product on the servers of one run, with what scenarios need to break it."""

import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Collection
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, ClassVar

import psycopg

from tests.demo import ROOT, DemoServer, Reply, wait_for
from tests.faults.history import Capture, History, World, check
from tests.faults.servers import Servers

# A call gets half of it: long enough for a busy machine, short enough to wait for.
LEASE_SECONDS = 4
_RETRIES = {"trouble": [0.5] * 200, "refusal": [0.5] * 3}
_GIVE_UP_SECONDS = 60.0
_QUIET_LOOKS = 5
_TOLD = """
SELECT lead.email, delivery.state, delivery.external_id FROM integrations_delivery AS delivery
  JOIN leads_lead AS lead ON lead.id = delivery.subject_id
 WHERE delivery.state <> 'superseded'
"""


class Installation(DemoServer):
    """A demo with short leases and short waits between tries, and the history of what was sent to it."""

    command: ClassVar[tuple[str, ...]] = ("-m", "tests.faults.up")

    def __init__(self, servers: Servers) -> None:
        super().__init__(JOB_LEASE_SECONDS=str(LEASE_SECONDS), **servers.variables)
        self.servers = servers
        self.history = History()
        self.is_sound = True
        # Who was captured in scenarios that are over: these were checked there, and the vendor may be told once more.
        self._earlier: set[str] = set()
        self._others: list[subprocess.Popen[bytes]] = []
        if servers.postgres:
            self._database = type(self._database)(servers.postgres.url, self.data_dir)

    def start(self) -> None:
        super().start()
        self.execute(f"UPDATE integrations_connector SET retry_policy = '{json.dumps(_RETRIES)}'")
        self.execute("UPDATE gateway_client SET rate_per_minute = 10000000")

    def kill_everything(self) -> None:
        super().kill_everything()
        for process in self._others:
            process.wait(10)
        self._others.clear()

    def begin(self) -> None:
        """Start a scenario: the vendor as new and trusted, nothing sent yet."""
        self.is_sound = False
        self.sandbox.clear_faults()
        self._await_quiet("the scenario before to have ended", _GIVE_UP_SECONDS)
        self._earlier |= {capture.email for capture in self.history.captures}
        self.history = History()
        self.sandbox.reset()
        self.forget_trouble()

    def _await_quiet(self, what: str, seconds: float) -> None:
        """Wait until nothing is due, under way or held by the vendor.

        Who lost a lease meanwhile may have one more thing to say a moment after its call: looked at more than once.
        """
        quiet_looks = 0

        def is_quiet() -> bool:
            nonlocal quiet_looks
            quiet_looks = quiet_looks + 1 if self.settled() and not self.request_open() else 0
            return quiet_looks > _QUIET_LOOKS

        wait_for(is_quiet, what, seconds)

    def execute(self, sql: str) -> int:
        """Change the database past the program; returns how many rows."""
        if self._database.name:
            with psycopg.connect(self._database.variables["DATABASE_URL"]) as connection:
                return connection.execute(sql).rowcount
        with closing(sqlite3.connect(self.data_dir / "shopbotly.sqlite3", timeout=20)) as file, file:
            return file.execute(sql).rowcount

    def forget_trouble(self) -> None:
        """Have the vendor asked again now: forget that it is held, broken or out of quota, and what waits is due."""
        if self.servers.cache:
            self.servers.cache.flush()
        else:
            with closing(sqlite3.connect(self.data_dir / "counters.sqlite3", timeout=20)) as file, file:
                file.execute("DELETE FROM entries WHERE key LIKE '%breaker:%' OR key LIKE '%quota:%'")
        self.execute("UPDATE integrations_connectorstate SET held_until = NULL, held_because = ''")
        self.execute("UPDATE integrations_delivery SET due_at = created_at WHERE state = 'waiting'")

    def capture(self, email: str = "", *, gives_up_after: float = _GIVE_UP_SECONDS) -> Capture:
        """Send a lead as a careful caller does: with a key, again until there is an answer; a refusal is a failure."""
        capture = self.history.sent(email or self.history.person())
        body = {"email": capture.email, "first_name": capture.first_name, "message": capture.text}
        ends_at = time.monotonic() + gives_up_after
        while time.monotonic() < ends_at:
            capture.tries += 1
            reply = self._answer(body, capture.text)
            if reply is not None and reply.status in {200, 201}:
                self.history.accepted(capture, reply.body["id"])
                return capture
            assert reply is None or reply.status in {409, 429} or reply.status >= 500, reply
            time.sleep(0.1)
        return capture

    def _answer(self, body: Any, key: str) -> Reply | None:
        with suppress(OSError, HTTPException, ValueError):
            return self.api("POST", "/v1/leads", body, Idempotency_Key=key)
        return None

    def capture_unannounced(self) -> Capture:
        """Capture a lead whose hint is lost before the worker can hear it; needs a broker."""
        worker = self.pids()["worker"]
        os.kill(worker, signal.SIGSTOP)
        try:
            captured = self.capture()
            time.sleep(0.5)  # for the hint to be on its way
            self.servers.broker.wipe()
        finally:
            os.kill(worker, signal.SIGCONT)
        return captured

    def another_worker(self) -> int:
        """Start one more worker beside the supervisor's; returns its number."""
        tethered = [sys.executable, "-m", "runtime.tether", str(os.getpid())]
        command = [*tethered, sys.executable, "manage.py", "worker", "--demo"]
        with (self.data_dir / "others.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._others.append(process)
        return process.pid

    def stand_still(self, pid: int) -> None:
        """Stop a process where it stands; not where it holds the one right to write that SQLite has."""

        def stands() -> bool:
            os.kill(pid, signal.SIGSTOP)
            wait_for(lambda: is_stopped(pid), "a process that stands still")
            if self._database.name or self._can_write():
                return True
            os.kill(pid, signal.SIGCONT)
            return False

        wait_for(stands, "a process that stands still outside of a transaction")

    def _can_write(self) -> bool:
        file = self.data_dir / "shopbotly.sqlite3"
        with file.with_name(f"{file.name}.turn").open("ab") as turn, closing(sqlite3.connect(file, timeout=0.2)) as db:
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                db.execute("BEGIN IMMEDIATE")
            except (BlockingIOError, sqlite3.OperationalError):
                return False
            return True

    def end_others(self) -> None:
        """Stop the workers that were started beside the supervisor's."""
        for process in self._others:
            process.terminate()
        for process in self._others:
            process.wait(120)
        self._others.clear()

    def await_new(self, role: str, old: int) -> int:
        """Wait until the supervisor has started a program again; returns the new number."""
        seen: list[int] = []

        def is_new() -> bool:
            # Kept as seen: at the next look it may just be turning into the program it runs, and have no name.
            seen.append(self.pids().get(role, old))
            return seen[-1] != old

        wait_for(is_new, f"a new {role}")
        return seen[-1]

    def restart(self, role: str, number: signal.Signals) -> None:
        """End a program, gently or not, and wait until its successor runs."""
        old = wait_for(lambda: self.pids().get(role), role)
        os.kill(old, number)
        self.await_new(role, old)

    def crm_requests(self) -> list[dict[str, Any]]:
        """Return what came to the CRM, oldest first; the ERP is asked by the clock, whatever a test does."""
        return [line for line in self.sandbox.requests() if line["path"].startswith("/hubspot/")]

    def request_open(self) -> bool:
        """Say whether a request hangs at the CRM now."""
        return any(line["outcome"] == "open" for line in self.crm_requests())

    def settled(self) -> bool:
        """Say whether no work is under way or due any more."""
        with suppress(psycopg.OperationalError):
            [(left,)] = self.rows("SELECT count(*) FROM integrations_delivery WHERE state IN ('waiting', 'sending')")
            return not left
        return False

    def check(self, *, held: Collection[str] = (), seconds: float = 60.0) -> None:
        """Let the dust settle and fail on every broken promise."""
        if not held:
            with suppress(AssertionError):
                self._await_quiet("the dust to have settled", seconds)
        world = self._world()
        assert self.history.promised, "nothing was accepted: the scenario shows nothing"
        findings = check(self.history, world, held=held)
        if findings:
            shown = "\n".join([*map(str, findings[:20]), "", *self.last_words()])
            raise AssertionError(f"{len(findings)} broken promises\n{shown}")
        self.is_sound = True

    def last_words(self) -> list[str]:
        """Return what its programs have said last."""
        with suppress(FileNotFoundError):
            return [*self.output[-30:], *(self.data_dir / "others.log").read_text(errors="replace").splitlines()[-30:]]
        return self.output[-30:]

    def effects(self) -> list[dict[str, Any]]:
        """Return what has changed at the CRM for people of this scenario, oldest first."""
        return [effect for effect in self.sandbox.effects("hubspot") if effect["key"] not in self._earlier]

    def _contacts(self) -> list[dict[str, Any]]:
        return [row for row in self.sandbox.contacts() if row["properties"].get("email") not in self._earlier]

    def _world(self) -> World:
        unfinished, numbers = defaultdict(set), defaultdict(set)
        for email, state, number in self.rows(_TOLD):
            if state == "delivered":
                numbers[email].add(number)
            else:
                unfinished[email].add(state)
        return World(self.effects(), self._contacts(), self._told, unfinished, numbers)

    def _told(self, lead_id: str) -> Any:
        return self.lead(lead_id)


def is_stopped(pid: int) -> bool:
    """Say whether a process has been stopped by SIGSTOP."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
