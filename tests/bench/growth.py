"""Whether a capture and a claim cost the same with a long history (PostgreSQL)."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from tests.bench.run import Run
from tests.bench.servers import Installation
from tests.bench.table import Figure, Target

_LARGE_TABLES = ("leads_lead", "leads_activity", "leads_reference", "integrations_delivery", "integrations_call")
_ROUNDS = 3


def measure(run: Run) -> Iterator[Figure]:
    """Time the services in two databases of different history, and look at the plans of their statements."""
    if not run.stacks:
        run.note("growth: not measured, TEST_DATABASE_URL and TEST_BROKER_URL name no PostgreSQL.")
        return
    small, large = run.pick((10_000, 1_000_000), (5_000, 50_000))
    with _filled(run, small) as short, _filled(run, large) as long:
        # In turns: whatever else the machine does meets both.
        pairs = [(_timings(run, short, small), _timings(run, long, large)) for _ in range(_ROUNDS)]
        before, after = (
            {name: median(each[name] for each in side) for name in side[0]} for side in zip(*pairs, strict=True)
        )
        told = long.inside("growth:plans", size=large)
        long.inside("growth:wait_all")
        behind = _timings(run, long, large)
    for name, cost in after.items():
        limit = None if "clock" in name else Target(1.3, is_most=True, of_floor=True)
        yield Figure("growth", f"{name}, {large:,} rows", cost, "ms", before[name], f"{small:,} rows", limit)
    for name, cost in behind.items():
        yield Figure("growth", f"{name}, {large:,} waiting", cost, "ms", after[name], "2,000 waiting")
    yield from _plans(run, told)


@contextmanager
def _filled(run: Run, size: int) -> Iterator[Installation]:
    with Installation(run.stacks[0], ["http://127.0.0.1:9"]) as product:
        product.inside("growth:fill", size=size)
        yield product


def _timings(run: Run, product: Installation, size: int) -> dict[str, float]:
    found: dict[str, float] = product.inside("growth:timings", size=size, times=run.pick(200, 60))
    return found


def _plans(run: Run, told: dict[str, Any]) -> Iterator[Figure]:
    plans = [plan for plan in told["plans"] if any(table in plan["sql"] for table in _LARGE_TABLES)]
    run.extra["plans"] = plans
    for plan in plans:
        print(f"\n-- {plan['call']}\n{plan['sql']}\n   " + "\n   ".join(plan["plan"]))
    scans = sum(f"Seq Scan on {table}" in line for plan in plans for line in plan["plan"] for table in _LARGE_TABLES)
    alone = told["statements"]["capture of a new lead"]
    yield Figure("growth", "plans that read a large table whole", scans, "plans", target=Target(0, is_most=True))
    yield Figure("growth", "capture alone", alone, "statements", target=Target(8, is_most=True))
