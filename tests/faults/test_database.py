"""PostgreSQL restarts, gently or not (collected on PostgreSQL)."""

import signal

import pytest

from tests.demo import wait_for
from tests.faults.callers import Callers

pytestmark = pytest.mark.broker


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_a_database_restarted_under_load_loses_nothing_that_was_accepted(house, number):
    """Guards: a broken connection is dropped, not used for ever (red without `DatabaseConnections` and the clock's
    `except DatabaseError`), and an accepted lead has committed (red when the answer goes first)."""
    postgres = house.servers.postgres
    with Callers(house):
        wait_for(lambda: len(house.history.promised) > 20, "captures")
        postgres.end(number)
        postgres.start()
        accepted = len(house.history.promised)
        wait_for(lambda: len(house.history.promised) > accepted + 20, "captures after the restart")

    house.check()
