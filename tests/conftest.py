"""What every test may use."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection
from hypothesis import settings as hypothesis_settings

from runtime import clock, jobs
from tests import migrated
from tests.sandbox import SandboxServer

# How long an example takes says something about the machine, not about the code.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")

# On PostgreSQL the clock is measured by a statement every five seconds, which no test that counts them expects.
clock._TRUSTED_SECONDS = 86_400.0


@pytest.fixture(autouse=True)
def _fresh_process_state() -> Iterator[None]:
    """Give each test an empty cache, the real time, and workers that are not stopping."""
    cache.clear()
    yield
    clock.offset = timedelta(0)
    jobs.stopping.clear()


@pytest.fixture
def later() -> Iterator[object]:
    """Move the clock of due and lease times on: `later(hours=1)`."""

    def move(**by: float) -> None:
        clock.offset += timedelta(**by)

    yield move
    clock.offset = timedelta(0)


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool) -> bool:
    """Begin with tables that are there already, where that is a matter of copying a file."""
    database = django_settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        return django_db_keepdb
    migrated.copy_to(Path(database["TEST"]["NAME"]))
    return True


def requires_services() -> bool:
    """Say whether a missing service is a failure (CI) instead of a reason to skip."""
    return os.environ.get("REQUIRE_SERVICES") == "1"


def pytest_collection_modifyitems(config, items):
    """Leave out what only PostgreSQL can do, where the run is on SQLite, and the real vendors where nobody named them.

    Keys may be in the environment for other reasons than to have a vendor asked by every run.
    """
    left_out = [] if connection.vendor == "postgresql" else ["postgresql"]
    left_out += [] if "live" in config.option.markexpr else ["live"]
    elsewhere = [item for item in items if any(item.get_closest_marker(marker) for marker in left_out)]
    items[:] = [item for item in items if item not in elsewhere]
    config.hook.pytest_deselected(items=elsewhere)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where every service was promised (CI), a skipped test has failed; vendors' contracts are no service."""
    report = yield
    # What no provider can do yet is no service either.
    is_allowed = any(words in str(report.longrepr) for words in ("contracts", "empty parameter set"))
    if requires_services() and report.skipped and not is_allowed and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although REQUIRE_SERVICES=1: {call.excinfo.value if call.excinfo else ''}"
    return report


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    """One sandbox for the whole run."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def sandbox(sandbox_server, settings) -> SandboxServer:
    """The sandbox vendors, as new, and the right to connect to them."""
    sandbox_server.reset()
    settings.EGRESS_ALLOW = [sandbox_server.egress_allow]
    return sandbox_server
