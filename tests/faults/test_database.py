"""PostgreSQL crashes and comes back (collected on PostgreSQL; a gentle restart is part of the storm)."""

import signal

import pytest

from tests.demo import wait_for
from tests.faults.callers import Callers

pytestmark = pytest.mark.broker


def test_a_database_that_crashes_under_load_loses_nothing_that_was_accepted(house):
    """Guards: the clock outlives it (red without its `except DatabaseError`), and an accepted lead has committed (red
    when the answer goes first)."""
    postgres = house.servers.postgres
    with Callers(house):
        wait_for(lambda: len(house.history.promised) > 20, "captures")
        postgres.end(signal.SIGQUIT)
        postgres.start()
        accepted = len(house.history.promised)
        wait_for(lambda: len(house.history.promised) > accepted + 20, "captures after the restart")

    house.check()
    house.capture_unannounced()
    house.check()
