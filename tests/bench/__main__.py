"""`python -m tests.bench [--only capture,latency,…] [--quick]`: measures, prints one table, writes var/bench.json.

TEST_DATABASE_URL, TEST_BROKER_URL (one or several, separated by spaces) and TEST_CACHE_URL name the servers to measure
on beside the embedded ones. A missed target is a row that says so; the exit code is 1 only where a measure broke.
"""

import argparse
import sys
import time
import traceback
from pathlib import Path

from tests.bench import broker, capture, delivery, growth, idle, latency, log, memory, sheets
from tests.bench.machine import describe
from tests.bench.processes import ROOT
from tests.bench.run import Run
from tests.bench.servers import named_stacks
from tests.bench.table import Figure, render, save

_MEASURES = {
    "idle": idle.measure,
    "latency": latency.measure,
    "capture": capture.measure,
    "log": log.measure,
    "broker": broker.measure,
    "delivery": delivery.measure,
    "growth": growth.measure,
    "memory": memory.measure,
    "export": sheets.measure,
}


def main() -> int:
    """Run the measures that were asked for."""
    asked = _arguments()
    run = Run(asked.quick, named_stacks())
    about = {**describe(), "quick": asked.quick}
    if not run.stacks:
        run.note("PostgreSQL, RabbitMQ and Redis were not measured: TEST_DATABASE_URL and TEST_BROKER_URL name none.")
    figures: list[Figure] = []
    broken = [name for name in asked.only if not _measured(name, run, figures)]
    save(asked.json, {**about, "notes": run.notes, "broken": broken, **run.extra}, figures)
    print(f"\n{render(figures)}\n")
    print("\n".join([*run.notes, f"All of this is in {asked.json}."]), flush=True)
    return int(bool(broken))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", type=_names, default=list(_MEASURES), help=f"some of {','.join(_MEASURES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works, not to quote")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "bench.json", help="where to write everything")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in _MEASURES]:
        raise argparse.ArgumentTypeError(f"there is no measure {', '.join(unknown)}")
    return names


def _measured(name: str, run: Run, figures: list[Figure]) -> bool:
    """Run one measure; False where it broke (what it found until then is kept)."""
    started = time.monotonic()
    print(f"== {name} …", flush=True)
    try:
        for figure in _MEASURES[name](run):
            figures.append(figure)
            print(f"   {figure.name}: {figure.value:,.4g} {figure.unit} {figure.verdict}", flush=True)
    except Exception as err:  # noqa: BLE001 (the edge: the other measures still count, and this is told at the end)
        traceback.print_exc()
        run.note(f"BROKEN: {name} ended with {type(err).__name__}: {str(err).splitlines()[0] if str(err) else ''}")
        return False
    print(f"== {name}: {time.monotonic() - started:.0f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
