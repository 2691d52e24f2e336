"""A worker that stands still for longer than its lease, and wakes up in the middle of a call."""

import os
import signal

import pytest

from tests.demo import wait_for


@pytest.mark.broker
def test_a_worker_that_wakes_up_after_its_lease_does_not_have_the_last_word(house):
    """Guards: settling asks for the fence, and who lost it sends once more. Red without `_overtaken`.

    The old call reaches the vendor after the newer one of the worker that took over: the vendor must be told again.
    """
    first = house.pids()["worker"]
    house.sandbox.fault(vendor="hubspot", hang="before", count=1)
    old = house.capture()
    wait_for(house.request_open, "a call that hangs")
    house.stand_still(first)
    try:
        house.another_worker()
        new = house.capture(old.email)
        wait_for(lambda: _name_there(house, old.email) == new.first_name, "the newer word at the vendor")
        house.sandbox.clear_faults()
        wait_for(lambda: _name_there(house, old.email) == old.first_name, "the older word at the vendor")
    finally:
        os.kill(first, signal.SIGCONT)
    wait_for(lambda: _name_there(house, old.email) == new.first_name, "the newer word again")

    house.check()


def test_a_worker_that_wakes_up_does_not_send_what_another_has_taken(house):
    """Guard: a call starts only under a lease that outlives it (`Parcel.keep`). Red without: what had been packed
    before the worker stood still goes out after the newer word of the worker that took over."""
    first = house.pids()["worker"]
    house.sandbox.fault(vendor="hubspot", hang="before", count=1)
    hung = house.capture()
    wait_for(house.request_open, "a call that hangs")
    packed = [house.capture() for _ in range(3)]
    wait_for(lambda: _claimed(house) == 4, "the next request packed")
    house.stand_still(first)
    try:
        house.another_worker()
        newest = [house.capture(capture.email) for capture in (hung, *packed)]
        for newer in newest:
            wait_for(lambda newer=newer: _name_there(house, newer.email) == newer.first_name, "the newer word there")
        house.sandbox.clear_faults()
        wait_for(lambda: _name_there(house, hung.email) == hung.first_name, "the word that hung")
    finally:
        os.kill(first, signal.SIGCONT)
    wait_for(lambda: _name_there(house, hung.email) == newest[0].first_name, "the newer word again")

    house.check()
    for capture in packed:
        told = [effect["sent"].get("firstname") for effect in house.effects() if effect["key"] == capture.email]
        sent = [other.first_name for other in house.history.captures if other.email == capture.email]
        assert told == sorted(told, key=sent.index), "an older word came after a newer one"


def _claimed(house):
    [(count,)] = house.rows("SELECT count(*) FROM integrations_delivery WHERE state = 'sending'")
    return count


def _name_there(house, email):
    names = [
        row["properties"].get("firstname") for row in house.sandbox.contacts() if row["properties"]["email"] == email
    ]
    return names[0] if names else None
