"""Tries the guards; see the package."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.guards import OFF as FAULTS
from tests.guards import Off
from tests.guards.erps import OFF as ERPS
from tests.guards.events import OFF as EVENTS
from tests.guards.front_door import OFF as FRONT_DOOR
from tests.guards.hot_path import OFF as HOT_PATH
from tests.guards.people import OFF as PEOPLE
from tests.guards.providers import OFF as PROVIDERS

ROOT = Path(__file__).resolve().parents[2]
OFF = [*FRONT_DOOR, *HOT_PATH, *PEOPLE, *PROVIDERS, *ERPS, *EVENTS, *FAULTS]
# What is compiled and migrated is taken along: making it anew would take longer than most tests.
_COPIED_NOT = shutil.ignore_patterns(
    ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "var", "tryton-*"
)


def main(words: list[str]) -> int:
    """Try every guard that is asked for; returns 0 where each scenario turned red."""
    wanted = [off for off in OFF if not words or any(word in f"{off.scenario} {off.guard}" for word in words)]
    green = [off for off in wanted if _can_run(off) and not _is_red(off)]
    return 1 if green else 0


def _can_run(off: Off) -> bool:
    has_broker = bool(os.environ.get("BROKER_URL"))
    has_postgresql = os.environ.get("DATABASE_URL", "").startswith("postgres")
    return (has_broker or not off.broker) and (has_postgresql or not off.postgresql)


def _is_red(off: Off) -> bool:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shopbotly-guards-") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, symlinks=True, ignore=_COPIED_NOT)
        for file, text, other in off.changes:
            source = (copy / file).read_text()
            if source.count(text) != 1:
                print(f"STALE  {off.guard}: {file} has {source.count(text)} times {text.strip()!r}", flush=True)
                return False
            (copy / file).write_text(source.replace(text, other))
        command = [sys.executable, "-m", "pytest", "-q", "-x", off.scenario]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    said = re.findall(r"^E +(.*)$", done.stdout, re.MULTILINE)
    how = next((line for line in said if re.search(r"lost|silent|dupl|stale|unexp|still not", line)), (said or [""])[0])
    verdict = {0: "GREEN", 1: "red"}.get(done.returncode, f"code {done.returncode}")
    print(
        f"{verdict:5} {time.monotonic() - started:4.0f} s  {off.scenario}\n    {off.guard}\n    {how[:200]}", flush=True
    )
    return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
