"""Files of many leads out and in, and the list of leads, with a million of them (PostgreSQL)."""

import shutil
from collections.abc import Iterator
from statistics import median
from typing import Any

from tests.bench.run import Run
from tests.bench.servers import Installation
from tests.bench.table import Figure, Target

_ROUNDS = 3
# 100 MB.
_MOST_MIB = 100_000_000 / (1 << 20)
_MOST_MS = 500
_MOST_QUERIES = 12
_LEAST_ROWS = 2000


def measure(run: Run) -> Iterator[Figure]:
    """Fill a database; then write files, open lists, and import, each in a process of its own."""
    if not run.stacks:
        run.note("export: not measured, TEST_DATABASE_URL and TEST_BROKER_URL name no PostgreSQL.")
        return
    if shutil.which("psql") is None:
        run.note("export: not measured, there is no psql to compare with.")
        return
    size = run.pick(1_000_000, 100_000)
    with Installation(run.stacks[0], ["http://127.0.0.1:9"]) as product:
        product.inside("sheets:fill", size=size)
        yield from _files(run, product, size)
        yield from _lists(run, product, size)
        yield from _brought(run, product, size)


def _files(run: Run, product: Installation, size: int) -> Iterator[Figure]:
    # In turns: whatever else the machine does meets both.
    rounds = range(run.pick(_ROUNDS, 1))
    pairs = [(product.inside("sheets:copied"), product.inside("sheets:export", format="csv")) for _ in rounds]
    floor = median(_pace(copied) for copied, _ in pairs)
    written = median(_pace(made) for _, made in pairs)
    share = Target(0.5, of_floor=True)
    yield Figure("export", f"CSV of {size:,} leads", written, "rows/s", floor, "psql \\copy", share)
    yield from _memory(f"CSV of {size:,} leads", [made for _, made in pairs])
    for format in ("xlsx", "jsonl"):
        made = product.inside("sheets:export", format=format)
        name = f"{format.upper()} of {size:,} leads"
        yield Figure("export", name, _pace(made), "rows/s")
        yield from _memory(name, [made])


def _memory(name: str, made: list[dict[str, float]]) -> Iterator[Figure]:
    """Yield the most that the program held, beside what it holds where there is nothing to do."""
    most = max(made, key=lambda each: each["peak_mib"])
    limit = Target(_MOST_MIB, is_most=True)
    yield Figure("export", f"{name}, peak", most["peak_mib"], "MiB", most["before_mib"], "nothing to do", limit)


def _pace(told: dict[str, float]) -> float:
    return told["rows"] / told["seconds"]


def _lists(run: Run, product: Installation, size: int) -> Iterator[Figure]:
    found: list[dict[str, Any]] = product.inside("sheets:lists", times=run.pick(5, 3))
    run.extra["lists"] = found
    for each in found:
        name = f"list, {each['name']}"
        yield Figure("export", name, each["ms"], "ms", target=Target(_MOST_MS, is_most=True))
    most = max(found, key=lambda each: int(each["queries"]))
    queries = Target(_MOST_QUERIES, is_most=True)
    yield Figure("export", f"list of {size:,} leads, {most['name']}", most["queries"], "statements", target=queries)


def _brought(run: Run, product: Installation, size: int) -> Iterator[Figure]:
    told = product.inside("sheets:brought", size=run.pick(100_000, 20_000))
    name = f"import beside {size:,} leads"
    yield Figure("export", name, _pace(told), "rows/s", target=Target(_LEAST_ROWS))
    yield from _memory(name, [told])
