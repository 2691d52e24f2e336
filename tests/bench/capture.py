"""How fast leads are captured, beside a bare Django view that inserts one row."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tests.bench.load import Caller, Load, LoadFailed, captures, middle
from tests.bench.run import Run
from tests.bench.servers import EMBEDDED, Floor, Installation, Server, Stack
from tests.bench.table import Figure, Target
from tests.sandbox import SandboxServer

_CONNECTIONS = (16, 64)
_BATCH, _BATCH_CONNECTIONS = 100, 4
_SHARE = {"SQLite": 0.40, "PostgreSQL": 0.35}
_FLOOR = "bare insert"
_STUCK_SECONDS = 30.0


def measure(run: Run) -> Iterator[Figure]:
    """Capture on SQLite, and on PostgreSQL where it is named."""
    for stack in [EMBEDDED, *run.stacks[:1]]:
        with ExitStack() as open_servers:
            yield from _Contest(run, stack, open_servers).figures()


class _Contest:
    """The floor, the product without and the product with its worker, taking turns; only one runs at a time."""

    def __init__(self, run: Run, stack: Stack, open_servers: ExitStack) -> None:
        self._run = run
        self._stack = stack
        sandbox = open_servers.enter_context(SandboxServer())
        sandbox.fault(vendor="hubspot", rate_limit={"requests": 1_000_000_000, "window_ms": 1000})
        self._alone = open_servers.enter_context(Installation(stack, [sandbox.url]))
        self._whole = open_servers.enter_context(Installation(stack, [sandbox.url]))
        command = self._alone.told["commands"]["web"]
        self._floor = open_servers.enter_context(Floor(stack, command, self._alone.port))
        self._captured = {self._alone: 0, self._whole: 0}

    def figures(self) -> Iterator[Figure]:
        turns: dict[str, Callable[[int], Load]] = {
            "floor": self._floor_turn,
            "web alone": self._alone_turn,
            "with worker": self._whole_turn,
        }
        for connections in _CONNECTIONS:
            found: dict[str, list[Load]] = {name: [] for name in turns}
            for _ in range(self._run.rounds):
                for name, turn in turns.items():
                    found[name].append(turn(connections))
            yield from self._compare(connections, {name: middle(loads) for name, loads in found.items()})
        yield from self._batches()
        self._check_rows()

    def _floor_turn(self, connections: int) -> Load:
        with _web(self._floor):
            return self._load(self._floor, "/rows", connections)

    def _alone_turn(self, connections: int) -> Load:
        with _web(self._alone):
            return self._captures(self._alone, connections)

    def _whole_turn(self, connections: int) -> Load:
        with _web(self._whole):
            self._whole.start_worker()
            load = self._captures(self._whole, connections)
            self._until_delivered()
            self._whole.stop("worker")
            return load

    def _captures(self, product: Installation, connections: int) -> Load:
        load = self._load(product, "/v1/leads", connections, key=product.key)
        self._captured[product] += load.requests
        return load

    def _load(self, server: Server, path: str, connections: int, *, key: str = "", leads: int = 1) -> Load:
        shared = {"server": server.processes["web"], "connections": connections, "key": key, "leads_in_request": leads}
        captures(server.url + path, seconds=2, **shared)
        return captures(server.url + path, seconds=self._run.load_seconds, **shared)

    def _until_delivered(self) -> None:
        """Let the worker finish, so that the next turn has the machine to itself."""
        delivered, gives_up_at = -1, 0.0
        while (states := self._whole.inside("outbox:states")).get("delivered", 0) < states["leads"]:
            if states.get("delivered", 0) > delivered:
                delivered, gives_up_at = states.get("delivered", 0), time.monotonic() + _STUCK_SECONDS
            if time.monotonic() > gives_up_at:
                raise LoadFailed(f"for {_STUCK_SECONDS:g} s nothing was delivered: {states}")
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

    def _batches(self) -> Iterator[Figure]:
        with _web(self._alone):
            if not self._takes_batches():
                self._run.note(f"capture: no batches on {self._stack.database}, POST /v1/leads/batch is not there.")
                return
            single = self._captures(self._alone, 16)
            key, connections = self._alone.key, _BATCH_CONNECTIONS
            batches = self._load(self._alone, "/v1/leads/batch", connections, key=key, leads=_BATCH)
        self._captured[self._alone] += batches.requests * _BATCH
        speed, ratio = batches.per_second * _BATCH, Target(4, of_floor=True)
        what = f"{self._stack.database}, batches of {_BATCH}, {connections} connections"
        yield Figure("capture", what, speed, "leads/s", single.per_second, "single, 16 connections", ratio)
        cpu = batches.cpu_microseconds / _BATCH
        yield Figure("capture", f"{what}: CPU", cpu, "µs/lead", single.cpu_microseconds, "single, 16 connections")

    def _takes_batches(self) -> bool:
        caller = Caller(self._alone.url, self._alone.key)
        status, _ = caller.post("/v1/leads/batch", {"leads": [{"email": "one@example.com"}]})
        caller.close()
        return status != 404

    def _check_rows(self) -> None:
        """What was answered 2xx must be there."""
        for product, captured in self._captured.items():
            there = product.inside("outbox:states")["leads"]
            if there < captured:
                raise LoadFailed(f"{captured} captures were answered 2xx, {there} leads are there")


@contextmanager
def _web(server: Installation | Floor) -> Iterator[None]:
    """Run a web server for one turn; another may need its connections to the database."""
    server.start_web()
    yield
    server.stop("web")
