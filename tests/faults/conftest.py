"""The installation that scenarios break. It stands for as long as they pass; one that failed is torn down."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults import servers
from tests.faults.installation import Installation

# What only exists with a broker or a server of its own is not collected elsewhere: nothing is skipped.
collect_ignore = [] if os.environ.get("BROKER_URL") else ["test_broker.py"]
if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
    collect_ignore += ["test_database.py", "test_interleaving.py"]
if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]  # processes are looked at through /proc


class Standing:
    """The installation that is up now, if any."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._house: Installation | None = None

    def house(self) -> Installation:
        """Return it, or start one."""
        if self._house is None:
            self._house = self._stack.enter_context(Installation(servers.start(self._stack)))
        return self._house

    def tear_down(self) -> None:
        """End it and its servers."""
        self._house = None
        self._stack.close()


@pytest.fixture(scope="session")
def standing() -> Iterator[Standing]:
    standing = Standing()
    try:
        yield standing
    finally:
        standing.tear_down()


@pytest.fixture
def house(standing: Standing) -> Iterator[Installation]:
    """An installation that works and owes nobody anything; every scenario ends with `house.check()`."""
    house = standing.house()
    house.begin()
    yield house
    house.end_others()
    if not house.is_sound:
        print(*house.last_words(), sep="\n")
        standing.tear_down()
