"""How fast leads are captured, beside a bare Django view that inserts one row."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

from tests.bench.load import Caller, Load, LoadFailed, captures, middle
from tests.bench.processes import Process
from tests.bench.run import Run
from tests.bench.servers import EMBEDDED, Floor, Installation, Stack
from tests.bench.table import Figure, Target
from tests.sandbox import SandboxServer

_CONNECTIONS = (16, 64)
_BATCH = 100
_SHARE = {"SQLite": 0.40, "PostgreSQL": 0.35}
_FLOOR = "bare insert"
_DRAIN_SECONDS = 300.0


def measure(run: Run) -> Iterator[Figure]:
    """Capture on SQLite, and on PostgreSQL where it is named."""
    for stack in [EMBEDDED, *run.stacks[:1]]:
        with ExitStack() as open_servers:
            yield from _Contest(run, stack, open_servers).figures()


class _Contest:
    """The floor, the product without and the product with its worker, taking turns."""

    def __init__(self, run: Run, stack: Stack, open_servers: ExitStack) -> None:
        self._run = run
        self._stack = stack
        sandbox = open_servers.enter_context(SandboxServer())
        sandbox.fault(vendor="hubspot", rate_limit={"requests": 1_000_000_000, "window_ms": 1000})
        self._alone = open_servers.enter_context(Installation(stack, [sandbox.url]))
        self._whole = open_servers.enter_context(Installation(stack, [sandbox.url]))
        command = self._alone.told["commands"]["web"]
        self._floor = open_servers.enter_context(Floor(stack, command, self._alone.port))
        self._webs: dict[int, Process] = {}
        self._captured = {self._alone: 0, self._whole: 0}
        self._runs = 0

    def figures(self) -> Iterator[Figure]:
        servers = {"floor": self._floor, "web alone": self._alone, "with worker": self._whole}
        webs = {name: server.start_web() for name, server in servers.items()}
        self._whole.start_worker()
        for connections in _CONNECTIONS:
            found: dict[str, list[Load]] = {name: [] for name in servers}
            for _ in range(self._run.rounds):
                found["floor"].append(
                    self._load(f"{self._floor.url}/rows", server=webs["floor"], connections=connections)
                )
                for name, product in (("web alone", self._alone), ("with worker", self._whole)):
                    found[name].append(self._product_load(product, webs[name], connections))
                self._until_delivered()
            yield from self._compare(connections, {name: middle(loads) for name, loads in found.items()})
        yield from self._batches(webs["web alone"])
        self._check_rows()

    def _load(self, url: str, *, server: Process, connections: int, key: str = "", leads: int = 1) -> Load:
        shared = {"server": server, "connections": connections, "key": key, "leads_in_request": leads}
        captures(url, seconds=1, **shared)
        return captures(url, seconds=self._run.load_seconds, **shared)

    def _product_load(self, product: Installation, web: Process, connections: int) -> Load:
        load = self._load(f"{product.url}/v1/leads", server=web, connections=connections, key=product.key)
        self._captured[product] += load.requests
        return load

    def _until_delivered(self) -> None:
        """Let the worker finish: it must not work while others have their turn."""
        ends_at = time.monotonic() + _DRAIN_SECONDS
        while (states := self._whole.inside("outbox:states")).get("delivered", 0) < states["leads"]:
            if time.monotonic() > ends_at:
                raise LoadFailed(f"after {_DRAIN_SECONDS:g} s not everything was delivered: {states}")
            time.sleep(0.5)

    def _compare(self, connections: int, found: dict[str, Load]) -> Iterator[Figure]:
        floor = found.pop("floor")
        share = Target(_SHARE[self._stack.database], of_floor=True)
        for name, load in found.items():
            what = f"{self._stack.database}, {connections} connections, {name}"
            p99 = Target(250, is_most=True) if connections == 64 else None
            yield Figure("capture", what, load.per_second, "1/s", floor.per_second, _FLOOR, share)
            yield Figure("capture", f"{what}: p50", load.p50, "ms", floor.p50, _FLOOR)
            yield Figure("capture", f"{what}: p99", load.p99, "ms", floor.p99, _FLOOR, p99)
            yield Figure("capture", f"{what}: CPU", load.cpu_microseconds, "µs", floor.cpu_microseconds, _FLOOR)

    def _batches(self, web: Process) -> Iterator[Figure]:
        url = f"{self._alone.url}/v1/leads"
        caller = Caller(self._alone.url, self._alone.key)
        status, _ = caller.post("/v1/leads/batch", {"leads": [{"email": "one@example.com"}]})
        caller.close()
        if status == 404:
            self._run.note(f"capture: no batches on {self._stack.database}: POST /v1/leads/batch is not there.")
            return
        single = self._product_load(self._alone, web, 16)
        batches = self._load(f"{url}/batch", server=web, connections=16, key=self._alone.key, leads=_BATCH)
        self._captured[self._alone] += batches.requests * _BATCH
        yield Figure(
            "capture",
            f"{self._stack.database}, 16 connections, batches of {_BATCH}",
            batches.per_second * _BATCH,
            "leads/s",
            single.per_second,
            "single captures",
            Target(4, of_floor=True),
        )

    def _check_rows(self) -> None:
        """What was answered 2xx must be there."""
        for product, captured in self._captured.items():
            there = product.inside("outbox:states")["leads"]
            if there < captured:
                raise LoadFailed(f"{captured} captures were answered 2xx, {there} leads are there")
