"""The broker goes, and everything in it (collected where there is one: BROKER_URL)."""

import time

import pytest

from tests.demo import wait_for
from tests.faults.callers import Callers

pytestmark = pytest.mark.broker

# A request that waited for the broker would wait for a connection's time-out.
MOST_SECONDS = 5.0


def test_without_a_broker_leads_are_taken_as_before_and_delivered(house):
    """Guard: the clock runs what it can't announce. Red without `_run_without_broker`."""
    try:
        with Callers(house) as callers:
            wait_for(lambda: len(house.history.promised) > 20, "captures")
            house.servers.broker.down()
            captures = len(house.history.captures)
            wait_for(lambda: len(house.history.promised) > captures + 20, "captures without a broker")
        house.check()
        # Nobody is at the connector any more, and no hint can come: this one is for the clock alone.
        house.capture()
        house.check()
    finally:
        house.servers.broker.up()

    assert {capture.tries for capture in house.history.captures} == {1}, "a capture that failed"
    assert callers.longest_seconds < MOST_SECONDS


def test_a_broker_that_stands_still_holds_up_no_capture(house):
    """Guard: a request never talks to the broker. Red when `wake` sends by itself."""
    with house.servers.broker.standing_still():
        started = time.monotonic()
        for _ in range(20):
            house.capture(gives_up_after=MOST_SECONDS)
            assert time.monotonic() - started < MOST_SECONDS

    house.check()


def test_a_broker_that_stands_still_holds_up_no_delivery(house):
    """Guard: the clock waits for no hint to be sent, and does what isn't. Red without `_PATIENCE_SECONDS`."""
    with house.servers.broker.standing_still():
        for _ in range(20):
            house.capture(gives_up_after=MOST_SECONDS)
        house.check()


def test_a_hint_that_is_lost_is_not_missed(house):
    """Guard: the clock finds due work that nobody announced. Red without `Clock._announce`."""
    house.capture_unannounced()

    house.check()


def test_a_broker_wiped_under_its_users_loses_nothing_and_carries_hints_again(house):
    """Consumers notice that their queue is gone. The clock alone takes up to a second: what is faster, three times in
    a row, was announced."""
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
