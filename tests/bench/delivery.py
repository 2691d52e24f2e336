"""How fast what waits is delivered, beside what the vendor can take."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from math import inf
from typing import Any
from urllib.parse import urlsplit

from tests.bench.run import Run
from tests.bench.servers import EMBEDDED, Installation, Stack
from tests.bench.table import Figure, Target
from tests.sandbox import HUBSPOT_TOKEN, SandboxServer

_ANSWER_MS = 50
# What a free account has, the least there is; more of it only moves the limit towards what the wire allows.
_USUAL = {"requests": 100.0, "seconds": 10.0}
_LIMIT = 10  # requests in a second, of the vendor that counts them
_UNLIMITED = {"requests": 1_000_000_000, "window_ms": 1000}
_UPSERT = "/hubspot/crm/v3/objects/contacts/batch/upsert"
_PATIENCE_SECONDS = 900.0


def measure(run: Run) -> Iterator[Figure]:
    """Deliver a backlog to a slow vendor, with and without its usual limit, and to one that counts, on every stack."""
    for stack in [EMBEDDED, *run.stacks]:
        yield from _backlog(run, stack, _USUAL)
        yield from _backlog(run, stack, None)
        yield from _limited(run, stack)


def _backlog(run: Run, stack: Stack, quota: dict[str, float] | None) -> Iterator[Figure]:
    count = run.pick(100_000, 10_000)
    with SandboxServer() as sandbox, Installation(stack, [sandbox.url], quota=quota) as product:
        batch, in_flight = product.told["batch"], product.told["in_flight"]
        sandbox.fault(vendor="hubspot", delay_ms=_ANSWER_MS, rate_limit=_UNLIMITED)
        bare = _bare_client(sandbox, batch=batch, in_flight=in_flight, seconds=run.pick(8, 3))
        product.inside("outbox:fill", count=count)
        first = sandbox.ask("GET", "/_effects?vendor=hubspot")["last"] + 1
        worker = product.start_worker()
        took = _await_effects(sandbox, first, count)
        cpu = worker.cpu_seconds() / count * 1e6
        _check_once(sandbox, first, count)
    limit = f"{quota['requests']:g} requests in {quota['seconds']:g} s" if quota else "no limit"
    what, speed = f"{stack.name}, {count:,} leads, {limit}", (count - batch) / took
    by_wire = in_flight * batch / (_ANSWER_MS / 1000)
    by_quota = batch * quota["requests"] / quota["seconds"] if quota else inf
    by_formula = (by_wire, f"{in_flight} calls × {batch} ÷ {_ANSWER_MS} ms")
    floor = (by_quota, "its limit") if by_quota < by_wire else by_formula
    yield Figure("delivery", what, speed, "leads/s", *floor, Target(0.9, of_floor=True))
    yield Figure("delivery", f"{what}: beside a bare client", speed, "leads/s", bare, f"{in_flight} bare threads")
    yield Figure("delivery", f"{what}: CPU of the worker", cpu, "µs/lead")


def _await_effects(sandbox: SandboxServer, first: int, count: int) -> float:
    """Wait for all effects; return the seconds from the first to the last."""
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while not sandbox.ask("GET", f"/_effects?after={first + count - 2}&limit=1")["effects"]:
        assert time.monotonic() < ends_at, f"not {count} effects after {_PATIENCE_SECONDS:g} s"
        time.sleep(0.5)
    [begun] = sandbox.ask("GET", f"/_effects?after={first - 1}&limit=1")["effects"]
    [ended] = sandbox.ask("GET", f"/_effects?after={first + count - 2}&limit=1")["effects"]
    return instant(ended["at"]) - instant(begun["at"])


def _check_once(sandbox: SandboxServer, first: int, count: int) -> None:
    keys = [effect["key"] for effect in sandbox.ask("GET", f"/_effects?after={first - 1}")["effects"]]
    assert len(keys) == len(set(keys)) == count, f"{count} leads had {len(keys)} effects on {len(set(keys))} contacts"


def instant(text: str) -> float:
    """Return a time of the sandbox as seconds; it has milliseconds."""
    return datetime.fromisoformat(text).timestamp()


def _bare_client(sandbox: SandboxServer, *, batch: int, in_flight: int, seconds: float) -> float:
    """Return the leads a second that threads with a prepared body and nothing else to do get through."""
    ends_at = time.monotonic() + seconds
    sent: list[int] = []
    threads = [
        threading.Thread(target=_send_until, args=(sandbox, ends_at, batch, f"bare{number}", sent))
        for number in range(in_flight)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == in_flight, "a bare client got an answer other than 2xx"
    return sum(sent) / seconds


def _send_until(sandbox: SandboxServer, ends_at: float, batch: int, name: str, sent: list[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(sandbox.url).port, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {HUBSPOT_TOKEN}"}
    count = 0
    while time.monotonic() < ends_at:
        emails = [f"{name}.{n}@example.com" for n in range(count, count + batch)]
        connection.request("POST", _UPSERT, json.dumps({"inputs": [_input(email) for email in emails]}), headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status < 300, answer.status
        count += batch
    sent.append(count)


def _input(email: str) -> dict[str, Any]:
    properties = {"email": email, "firstname": "Anna", "lastname": "Larsen", "company": "Nordlys AS"}
    return {"id": email, "idProperty": "email", "properties": properties, "objectWriteTraceId": email}


def _limited(run: Run, stack: Stack) -> Iterator[Figure]:
    seconds = run.pick(40, 12)
    quota = {"requests": _LIMIT, "seconds": 1}
    with SandboxServer() as sandbox, Installation(stack, [sandbox.url], quota=quota) as product:
        sandbox.fault(vendor="hubspot", delay_ms=_ANSWER_MS, rate_limit={"requests": _LIMIT, "window_ms": 1000})
        product.inside("outbox:fill", count=product.told["batch"] * _LIMIT * (seconds + 5))
        product.start_worker()
        requests = _requests_of(sandbox, seconds)
    refused = sum(request["status"] == 429 for request in requests)
    span = instant(requests[-1]["at"]) - instant(requests[0]["at"])
    what = f"{stack.name}, vendor of {_LIMIT} requests/s"
    passed = (len(requests) - refused - 1) / span
    yield Figure("delivery", what, passed, "requests/s", _LIMIT, "its limit", Target(0.9, of_floor=True))
    yield Figure(
        "delivery", f"{what}: answered 429", refused / len(requests) * 100, "%", target=Target(1, is_most=True)
    )


def _requests_of(sandbox: SandboxServer, seconds: float) -> list[dict[str, Any]]:
    """Return the answered requests of so many seconds, from the first one on."""
    found: dict[int, dict[str, Any]] = {}
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        before = len(found)
        found |= {request["seq"]: request for request in sandbox.requests()}
        if found and not before:
            ends_at = time.monotonic() + seconds
        time.sleep(0.5)
    assert len(found) > 1, "no request arrived at the vendor"
    return [request for _, request in sorted(found.items()) if request["status"]]
