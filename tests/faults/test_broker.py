"""The broker goes, and everything in it (collected where there is one: BROKER_URL)."""

import time

import pytest

from tests.demo import wait_for
from tests.faults.callers import Callers

pytestmark = pytest.mark.broker

# A request that waited for the broker would wait for a connection's time-out.
MOST_SECONDS = 5.0


def test_without_a_broker_leads_are_taken_as_before_and_delivered(house):
    """Guards: a request never talks to the broker (red when `wake` sends by itself), and the clock runs what it can't
    announce (red without `_run_without_broker`)."""
    with Callers(house) as callers:
        wait_for(lambda: len(house.history.promised) > 20, "captures")
        house.servers.broker.down()
        try:
            captures = len(house.history.captures)
            effects = len(house.sandbox.effects("hubspot"))
            wait_for(lambda: len(house.history.promised) > captures + 20, "captures without a broker")
            wait_for(lambda: len(house.sandbox.effects("hubspot")) > effects + 5, "deliveries without a broker")
        finally:
            house.servers.broker.up()
        back = len(house.history.promised)
        wait_for(lambda: len(house.history.promised) > back + 20, "captures with a broker")

    assert {capture.tries for capture in house.history.captures} == {1}, "a capture that failed"
    assert callers.longest_seconds < MOST_SECONDS
    house.check()


def test_a_broker_wiped_under_its_users_loses_nothing_and_carries_hints_again(house):
    """Guards: the clock finds due work that nobody announced (red without `Clock._announce`); consumers notice
    that their queue is gone. The clock alone takes up to a second: what is faster, three times in a row, was announced.
    """
    house.capture()
    house.servers.broker.wipe()
    house.capture()
    wait_for(lambda: _seconds_to_arrive(house) < 0.5, "hints that arrive", seconds=60)

    house.check()


def _seconds_to_arrive(house):
    """Return the longest way of three leads to the vendor."""
    longest = 0.0
    for _ in range(3):
        capture = house.capture()
        started = time.monotonic()
        while not any(effect["key"] == capture.email for effect in house.sandbox.effects("hubspot")):
            if time.monotonic() - started > 5:
                return 5.0
            time.sleep(0.02)
        longest = max(longest, time.monotonic() - started)
    return longest
