"""What captures cost while the broker is gone, beside what they cost while it is there."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from tests.bench.load import Load, captures, middle
from tests.bench.run import Run
from tests.bench.servers import Installation, Stack
from tests.bench.table import Figure, Target
from tests.faults.servers import Rabbit, Redis

_CONNECTIONS = 16
_KINDS = {"RabbitMQ": Rabbit, "Redis": Redis}


def measure(run: Run) -> Iterator[Figure]:
    """Capture with a broker of our own that is killed in mid-run and comes back empty, on every stack with one."""
    for stack in run.stacks:
        kind = next(kind for name, kind in _KINDS.items() if name in stack.name)
        with ExitStack() as servers:
            yield from _gone(run, stack, servers.enter_context(kind()), servers)


def _gone(run: Run, stack: Stack, broker: Rabbit | Redis, servers: ExitStack) -> Iterator[Figure]:
    product = servers.enter_context(Installation(replace(stack, broker_url=broker.url())))
    product.start_web()
    there: list[Load] = []
    gone: list[Load] = []
    _load(run, product, seconds=2)
    for _ in range(run.rounds):
        there.append(_load(run, product))
        broker.down()
        gone.append(_load(run, product))
        broker.up()
    floor, speed = middle(there).per_second, middle(gone).per_second
    what = f"{stack.name}, {_CONNECTIONS} connections, broker killed"
    yield Figure("broker", what, speed, "1/s", floor, "with it", Target(0.9, of_floor=True))
    yield Figure("broker", f"{what}: p99", middle(gone).p99, "ms", middle(there).p99, "with it")


def _load(run: Run, product: Installation, seconds: float | None = None) -> Load:
    address, web = f"{product.url}/v1/leads", product.processes["web"]
    seconds = run.load_seconds if seconds is None else seconds
    return captures(address, server=web, connections=_CONNECTIONS, seconds=seconds, key=product.key)
