"""Whether a capture and a claim cost the same with a long history (PostgreSQL)."""

from collections.abc import Iterator
from typing import Any

from tests.bench.run import Run
from tests.bench.servers import Installation
from tests.bench.table import Figure, Target

_LARGE_TABLES = ("leads_lead", "leads_activity", "leads_reference", "integrations_delivery", "integrations_call")


def measure(run: Run) -> Iterator[Figure]:
    """Time the services at two sizes of history in one database, and look at the plans of their statements."""
    if not run.stacks:
        run.note("growth: not measured, TEST_DATABASE_URL and TEST_BROKER_URL name no PostgreSQL.")
        return
    small, large = run.pick((10_000, 1_000_000), (5_000, 50_000))
    times = run.pick(300, 100)
    with Installation(run.stacks[0], ["http://127.0.0.1:9"]) as product:
        product.inside("growth:fill", first=1, last=small)
        before = product.inside("growth:timings", size=small, times=times)
        product.inside("growth:fill", first=small + 1, last=large)
        after = product.inside("growth:timings", size=large, times=times)
        told = product.inside("growth:plans", size=large)
        product.inside("growth:wait_all")
        behind = product.inside("growth:timings", size=large, times=times)
    for name, cost in after.items():
        limit = None if "clock" in name else Target(1.3, is_most=True, of_floor=True)
        yield Figure("growth", f"{name}, {large:,} rows", cost, "ms", before[name], f"{small:,} rows", limit)
    for name, cost in behind.items():
        yield Figure("growth", f"{name}, {large:,} waiting", cost, "ms", after[name], "2,000 waiting")
    yield from _plans(run, told)


def _plans(run: Run, told: dict[str, Any]) -> Iterator[Figure]:
    plans = [plan for plan in told["plans"] if any(table in plan["sql"] for table in _LARGE_TABLES)]
    run.extra["plans"] = plans
    for plan in plans:
        print(f"\n-- {plan['call']}\n{plan['sql']}\n   " + "\n   ".join(plan["plan"]))
    scans = sum(f"Seq Scan on {table}" in line for plan in plans for line in plan["plan"] for table in _LARGE_TABLES)
    alone = told["statements"]["capture of a new lead"]
    yield Figure("growth", "plans that read a large table whole", scans, "plans", target=Target(0, is_most=True))
    yield Figure("growth", "capture alone", alone, "statements", target=Target(8, is_most=True))
