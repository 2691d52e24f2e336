"""Whether the worker's memory stays flat under load with faults."""

import threading
import time
from collections.abc import Iterator
from statistics import linear_regression, mean

from tests.bench.load import Caller
from tests.bench.processes import Process
from tests.bench.run import Run
from tests.bench.servers import EMBEDDED, Installation
from tests.bench.table import Figure, Target
from tests.sandbox import SandboxServer

_CAPTURES_PER_SECOND = 60
_MIB = 1024 * 1024
# Ten requests in a hundred: refused, cut off after the vendor acted, answered with nonsense.
_FAULTS = (
    {"status": 503, "share": 0.04},
    {"reset": "after", "share": 0.03},
    {"garbage": True, "share": 0.03},
)


def measure(run: Run) -> Iterator[Figure]:
    """Watch the worker while leads come in at a steady pace, on the embedded stack and the first named one."""
    seconds = run.pick(300, 60)
    for stack in [EMBEDDED, *run.stacks[:1]]:
        with SandboxServer() as sandbox, Installation(stack, [sandbox.url]) as product:
            for number, fault in enumerate(_FAULTS):
                sandbox.fault(vendor="hubspot", seed=number, **fault)
            product.start_web()
            worker = product.start_worker()
            stopped = threading.Event()
            pace = threading.Thread(target=_keep_capturing, args=(product, stopped))
            pace.start()
            samples = _watch(worker, seconds)
            stopped.set()
            pace.join()
            delivered = product.inside("outbox:states").get("delivered", 0)
        assert delivered, "nothing was delivered: the worker had nothing to do"
        yield from _figures(f"{stack.name}, worker, {delivered:,} leads in {seconds} s", samples)


def _figures(what: str, samples: list[tuple[float, float]]) -> Iterator[Figure]:
    # The first fifth is the filling of pools and caches.
    settled = samples[len(samples) // 5 :]
    tenth = max(1, len(settled) // 10)
    begun, ended = (mean(size for _, size in part) for part in (settled[:tenth], settled[-tenth:]))
    slope = linear_regression(*zip(*settled, strict=True)).slope * 60
    yield Figure("memory", f"{what}: at the end", ended, "MiB", begun, "after warming up", Target(1.05, True, True))
    yield Figure("memory", f"{what}: slope", slope, "MiB/min")


def _watch(process: Process, seconds: float) -> list[tuple[float, float]]:
    """Return (second, MiB held) once a second."""
    started = time.monotonic()
    samples = []
    while (now := time.monotonic() - started) < seconds:
        samples.append((now, process.rss() / _MIB))
        time.sleep(1)
    return samples


def _keep_capturing(product: Installation, stopped: threading.Event) -> None:
    caller, number, due_at = Caller(product.url, product.key), 0, time.monotonic()
    while not stopped.is_set():
        caller.capture(f"anna.{number}@example.com")
        number, due_at = number + 1, due_at + 1 / _CAPTURES_PER_SECOND
        time.sleep(max(0.0, due_at - time.monotonic()))
    caller.close()
