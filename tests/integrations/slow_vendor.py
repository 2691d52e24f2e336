"""A small vendor over real HTTP that works in its own time and loses answers, and providers for each way it can act."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django import forms

from integrations.providers.base import (
    Check,
    Confirmer,
    Contact,
    ContactEraser,
    ContactSink,
    DefinedOperation,
    Operations,
    Outcome,
    Provider,
)
from integrations.providers.replies import raise_for_status
from integrations.providers.subscribing import each


class SlowVendor:
    """Records, jobs and what was asked; `dials` hold what happens to the next requests that change something.

    A dial is "refuse" (400), "lose" (do it and hang up), "500" (do it and say so) or "late" (hang up now, do it at
    `catch_up`).
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.jobs: dict[str, list[dict[str, Any]]] = {}
        self.refused: set[str] = set()
        self.is_done = False
        self.keeps_silent = False
        self.forgets_jobs = False
        self.status_of_jobs = 200
        self.dials: list[str] = []
        self.asked: list[str] = []
        self._late: list[tuple[dict[str, Any], str]] = []
        self._keys: set[str] = set()
        self.url = ""

    def write(self, sent: dict[str, Any], key: str = "") -> None:
        if key and key in self._keys:
            return
        self._keys.add(key)
        self.records.append(sent)

    def catch_up(self) -> None:
        """Do what was put off."""
        late, self._late = self._late, []
        for sent, key in late:
            self.write(sent, key)

    def count(self, email: str) -> int:
        """How often the vendor has a person."""
        return sum(record["email"] == email for record in self.records)

    def answer(self, method: str, path: str, sent: Any, key: str) -> tuple[int, Any] | None:
        """Return status and body; None hangs up."""
        self.asked.append(f"{method} {path.partition('?')[0]}")
        if method == "GET" and path.startswith("/jobs/"):
            return self._job(path.removeprefix("/jobs/"))
        if method == "GET":
            ours = path.partition("=")[2]
            return 200, [record for record in self.records if record["ours"] == ours]
        return self._change(path, sent, key)

    def _job(self, name: str) -> tuple[int, Any]:
        if self.status_of_jobs != 200:
            return self.status_of_jobs, {}
        if self.forgets_jobs or name not in self.jobs:
            return 404, {}
        if not self.is_done:
            return 200, {"state": "working"}
        items = self.jobs[name]
        for item in items:
            if item["email"] not in self.refused:
                self.records = [record for record in self.records if record["email"] != item["email"]] + [item]
        if self.keeps_silent:
            return 200, {"state": "done", "refused": None}
        return 200, {"state": "done", "refused": [n for n, item in enumerate(items) if item["email"] in self.refused]}

    def _change(self, path: str, sent: Any, key: str) -> tuple[int, Any] | None:
        dial = self.dials.pop(0) if self.dials else ""
        if dial == "refuse":
            return 400, {}
        if dial == "late":
            self._late.append((sent, key))
            return None
        if path == "/imports":
            name = f"job{len(self.jobs) + 1}"
            self.jobs[name] = sent
            done: tuple[int, Any] = (202, {"job": name})
        elif path == "/forget":
            self.records = [record for record in self.records if record["email"] != sent["email"]]
            done = (200, {})
        else:
            self.write(sent, key)
            done = (201, {"id": len(self.records)})
        return None if dial == "lose" else (500, {}) if dial == "500" else done


@contextmanager
def slow_vendor() -> Iterator[SlowVendor]:
    """Run one."""
    vendor = SlowVendor()

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = json.loads(body) if body else None
            said = vendor.answer(self.command, self.path, sent, self.headers.get("Idempotency-Key", ""))
            if said is None:
                self.close_connection = True
                return
            text = json.dumps(said[1]).encode()
            self.send_response(said[0])
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = answer  # noqa: N815 (the names that http.server calls)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        vendor.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield vendor
        server.shutdown()


class _Slow(Provider, ContactSink, ContactEraser):
    name = "Slow"
    docs_url = "https://vendor.example.com"
    auth = "none"
    config_form = forms.Form
    max_in_flight = 2

    def check(self) -> Check:
        return Check(ok=True, words="")

    def post(self, path: str, sent: Any, **headers: str) -> Any:
        reply = self.session.request("POST", path, purpose="upsert", json=sent, headers=headers)
        raise_for_status(reply)
        return reply.json()

    def erase(self, contact: Contact) -> Outcome:
        self.post("/forget", {"email": contact.email})
        return Outcome.delivered()


def _sent(contact: Contact) -> dict[str, Any]:
    return {"ours": contact.id, "email": contact.email, "step": contact.values["attributes"].get("step", "")}


class Importing(_Slow, Confirmer):
    """Takes many at once and works on them."""

    key = "importing"
    effect = "upsert"
    batch_size = 50

    def upsert(self, contacts: Any) -> list[Outcome]:
        if any(contact.goes_alone for contact in contacts):
            return each(contacts, self._write)
        job = self.post("/imports", [_sent(contact) for contact in contacts])["job"]
        return [Outcome.accepted(job, 30, item=str(at)) for at in range(len(contacts))]

    def _write(self, contact: Contact) -> Outcome:
        return Outcome.delivered(str(self.post("/records", _sent(contact))["id"]))

    def confirm(self, job: str, contacts: Any) -> list[Outcome]:
        reply = self.session.request("GET", f"/jobs/{job}", purpose="confirm")
        if reply.status == 404:
            return [Outcome.unknown() for _ in contacts]
        raise_for_status(reply)
        said = reply.json()
        if said["state"] != "done":
            return [Outcome.accepted(job, 30) for _ in contacts]
        if said["refused"] is None:
            return [Outcome.unconfirmed() for _ in contacts]
        refused = {str(at) for at in said["refused"]}
        items = [contact.job_item for contact in contacts]
        no = Outcome.rejected("invalid_email", "malformed", "email")
        return [no if item in refused else Outcome.delivered(f"{job}/{item}") for item in items]


class Searching(_Slow):
    """Makes a new record whenever it is told, and can be searched by our id."""

    key = "searching"
    effect = "search_then_create"

    def upsert(self, contacts: Any) -> list[Outcome]:
        return [self._one(contact) for contact in contacts]

    def _one(self, contact: Contact) -> Outcome:
        if contact.may_exist:
            reply = self.session.request("GET", "/records", purpose="search", params={"ours": contact.id})
            raise_for_status(reply)
            if reply.json():
                return Outcome.delivered("found")
        return Outcome.delivered(str(self.post("/records", _sent(contact))["id"]))


class Posting(_Slow):
    """Makes a new record whenever it is told."""

    key = "posting"
    effect = "at_least_once"

    def upsert(self, contacts: Any) -> list[Outcome]:
        return [Outcome.delivered(str(self.post("/records", _sent(contact))["id"])) for contact in contacts]


class Keyed(_Slow):
    """Acts once on an idempotency key."""

    key = "keyed"
    effect = "at_least_once"
    has_idempotency_key = True

    def upsert(self, contacts: Any) -> list[Outcome]:
        return [self._one(contact) for contact in contacts]

    def _one(self, contact: Contact) -> Outcome:
        made = self.post("/records", _sent(contact), **{"Idempotency-Key": contact.idempotency_key})
        return Outcome.delivered(str(made["id"]))


class Doing(_Slow, Operations):
    """Does what was confirmed, and takes leads many at once."""

    key = "doing"
    effect = "upsert"
    batch_size = 50

    def upsert(self, contacts: Any) -> list[Outcome]:
        self.post("/imports", [_sent(contact) for contact in contacts])
        return [Outcome.delivered() for _ in contacts]

    def operations(self) -> list[DefinedOperation]:
        return [DefinedOperation("cancel", "Cancel", {})]

    def call(self, name: str, arguments: Any, idempotency_key: str) -> Any:
        return self.post("/records", {"email": arguments["email"]})


VENDORS: tuple[type[Provider], ...] = (Importing, Searching, Posting, Keyed, Doing)
