"""What the log of API calls costs a capture: the same server with it and without, taking turns."""

import time
from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench.load import captures
from tests.bench.run import Run
from tests.bench.servers import EMBEDDED, Installation
from tests.bench.table import Figure, Target
from tests.sandbox import SandboxServer

_CONNECTIONS = 16
_MORE_ROUNDS = 2
# What was called last is written behind the requests' backs, in less than this.
_WRITTEN_SECONDS = 1.0
_UNLOGGED = "tests.bench.unlogged:application"


def measure(run: Run) -> Iterator[Figure]:
    """Processor time per capture, on SQLite and on PostgreSQL where it is named."""
    for stack in [EMBEDDED, *run.stacks[:1]]:
        with SandboxServer() as sandbox, Installation(stack, [sandbox.url]) as product:
            logged = product.told["commands"]["web"]
            ways = (logged, [*logged[:-1], _UNLOGGED])
            # The differences are small, so more turns than elsewhere; each pair has met the same machine.
            pairs = [[_microseconds(run, product, way) for way in ways] for _ in range(run.rounds + _MORE_ROUNDS)]
        what = f"{stack.database}, {_CONNECTIONS} connections: CPU"
        share = median(with_log / without for with_log, without in pairs)
        without = median(pair[1] for pair in pairs)
        yield Figure(
            "log", what, share * without, "µs", without, "not logged", Target(1.05, is_most=True, of_floor=True)
        )


def _microseconds(run: Run, product: Installation, command: Sequence[str]) -> float:
    web = product.spawn("web", command)
    web.wait_until_answers(f"{product.url}/healthz")
    shared = {"server": web, "connections": _CONNECTIONS, "key": product.key}
    captures(f"{product.url}/v1/leads", seconds=2, **shared)
    time.sleep(_WRITTEN_SECONDS)
    before = web.cpu_seconds()
    load = captures(f"{product.url}/v1/leads", seconds=run.load_seconds, **shared)
    time.sleep(_WRITTEN_SECONDS)
    used = web.cpu_seconds() - before
    product.stop("web")
    return used / load.requests * 1e6
