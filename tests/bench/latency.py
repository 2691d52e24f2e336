"""How long a lead is on its way: from the 201 to its arrival at the vendor."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import quantiles

from tests.bench.delivery import instant
from tests.bench.load import Caller
from tests.bench.run import Run
from tests.bench.servers import EMBEDDED, Installation, Stack
from tests.bench.table import Figure, Target
from tests.sandbox import SandboxServer

_PAUSE_SECONDS = (0.15, 0.25)
_SETTLE_SECONDS = 40.0
_P50 = {"Redis": 60.0}


def measure(run: Run) -> Iterator[Figure]:
    """Idle on every stack; then beside a connector that hangs."""
    run.note("latency: the sandbox notes whole milliseconds, so a figure is up to 1 ms too low.")
    for stack in [EMBEDDED, *run.stacks]:
        yield from _idle(run, stack)
    for stack in [EMBEDDED, *run.stacks[:1]]:
        yield from _beside_a_hanging_one(run, stack)


def _idle(run: Run, stack: Stack) -> Iterator[Figure]:
    with SandboxServer() as sandbox, Installation(stack, [sandbox.url]) as product:
        floor = _round_trip(sandbox)
        _start(product)
        [delays] = _delays(product, [sandbox], run.pick(200, 50))
    p50 = next((limit for name, limit in _P50.items() if name in stack.name), 30.0)
    name = "one request to the vendor"
    yield Figure("latency", f"{stack.name}: p50", _percentile(delays, 50), "ms", floor, name, Target(p50, is_most=True))
    yield Figure("latency", f"{stack.name}: p99", _percentile(delays, 99), "ms", floor, name, Target(150, is_most=True))


def _beside_a_hanging_one(run: Run, stack: Stack) -> Iterator[Figure]:
    with ExitStack() as open_servers:
        sandboxes = [open_servers.enter_context(SandboxServer()) for _ in range(2)]
        product = open_servers.enter_context(Installation(stack, [sandbox.url for sandbox in sandboxes]))
        _start(product)
        well, _ = _delays(product, sandboxes, run.pick(200, 50))
        sandboxes[1].fault(vendor="hubspot", hang="before")
        [beside] = _delays(product, sandboxes[:1], run.pick(200, 50))
    name = f"{stack.name}, another connector hangs: p95"
    twice = Target(2, is_most=True, of_floor=True)
    yield Figure("latency", name, _percentile(beside, 95), "ms", _percentile(well, 95), "it is well", twice)


def _start(product: Installation) -> None:
    product.start_web()
    product.start_worker()
    time.sleep(4)


def _delays(product: Installation, sandboxes: list[SandboxServer], count: int) -> list[list[float]]:
    """Capture leads one by one; return, per sandbox, the milliseconds from each 201 to the arrival there."""
    run = f"{time.time_ns():x}"
    caller = Caller(product.url, product.key)
    caller.capture(f"warm.{run}@example.com")
    answered: dict[str, float] = {}
    for number in range(count):
        # Not in step with anything that polls.
        time.sleep(random.uniform(*_PAUSE_SECONDS))
        email = f"anna.{run}.{number}@example.com"
        caller.capture(email)
        answered[email] = time.time()
    caller.close()
    return [_since(answered, _arrivals(sandbox, set(answered))) for sandbox in sandboxes]


def _arrivals(sandbox: SandboxServer, emails: set[str]) -> dict[str, float]:
    ends_at = time.monotonic() + _SETTLE_SECONDS
    while True:
        found = {row["key"]: instant(row["at"]) for row in sandbox.effects("hubspot") if row["key"] in emails}
        if len(found) == len(emails):
            return found
        assert time.monotonic() < ends_at, f"{len(emails) - len(found)} of {len(emails)} leads did not arrive"
        time.sleep(0.5)


def _since(answered: dict[str, float], arrived: dict[str, float]) -> list[float]:
    return [(arrived[email] - at) * 1000 for email, at in answered.items()]


def _round_trip(sandbox: SandboxServer) -> float:
    """Return the median milliseconds of a request to the sandbox and its answer."""
    took = []
    for _ in range(50):
        started = time.perf_counter()
        sandbox.ask("GET", "/_health")
        took.append((time.perf_counter() - started) * 1000)
    return _percentile(took, 50)


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]
