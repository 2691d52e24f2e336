"""What the whole program costs while nothing happens."""

import os
import time
from collections.abc import Iterator
from unittest.mock import patch

from tests.bench.processes import cpu_seconds, family
from tests.bench.run import Run
from tests.bench.servers import EMBEDDED, Stack
from tests.bench.table import Figure, Target
from tests.demo import DemoServer

_SETTLE_SECONDS = 6.0


def measure(run: Run) -> Iterator[Figure]:
    """Everything `make run` starts, left alone, on every stack."""
    for stack in [EMBEDDED, *run.stacks]:
        yield from _idle(stack, run.pick(20, 10))


def _idle(stack: Stack, seconds: float) -> Iterator[Figure]:
    urls = {"DATABASE_URL": stack.database_url, "BROKER_URL": stack.broker_url, "CACHE_URL": stack.cache_url}
    with patch.dict(os.environ, urls), DemoServer() as demo:
        time.sleep(_SETTLE_SECONDS)
        roles = {"supervisor": [demo.pid], **{role: family(pid) for role, pid in demo.pids().items()}}
        before, started = {role: cpu_seconds(pids) for role, pids in roles.items()}, time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - started
        shares = {role: (cpu_seconds(pids) - before[role]) / passed * 100 for role, pids in roles.items()}
    total = sum(shares.values())
    parts = ", ".join(f"{role} {share:.1f}" for role, share in shares.items())
    yield Figure("idle", f"{stack.name}: {parts}", total, "% CPU", target=Target(2, is_most=True))
