"""kill -9, at the worst moments and at any moment."""

import os
import signal
import time
from urllib.parse import urlsplit

import pytest

from tests.demo import wait_for
from tests.faults.callers import Callers


def test_a_worker_killed_when_the_vendor_gets_the_request_sends_it_again(house):
    """Guard: a delivery is settled after the vendor's answer, not before. Red with `Results.save` before the call: an
    enquiry is lost."""
    _kill_the_worker(house, "received")


@pytest.mark.broker
def test_a_worker_killed_when_the_vendor_has_committed_makes_no_second_contact(house):
    """Guard: what a vanished sender held waits again (`recover_lapsed`). Red without it: an enquiry is lost."""
    _kill_the_worker(house, "committed")


def test_a_worker_killed_when_the_answer_is_on_its_way_does_not_lock_the_connector(house):
    """Guard: a drainer's lease runs out (`Lease.take`). Red when only a released lease can be taken: an enquiry is
    lost."""
    _kill_the_worker(house, "answered")


def _kill_the_worker(house, when):
    worker = house.pids()["worker"]
    house.sandbox.fault(vendor="hubspot", kill={"pid": worker, "when": when}, count=1)
    with Callers(house):
        first = house.capture()
        house.await_new("worker", worker)
        house.capture(first.email)

    house.check()


@pytest.mark.broker
def test_a_web_server_killed_under_load_has_kept_what_it_accepted(house):
    """Guard: the answer follows the commit. Red when `GroupedCommits` answers first and writes 50 ms later: nobody
    knows a lead that was accepted."""
    with Callers(house, pause_seconds=0):
        wait_for(lambda: len(house.history.promised) > 60, "captures")
        house.restart("web", signal.SIGKILL)
        accepted = len(house.history.promised)
        wait_for(lambda: len(house.history.promised) > accepted, "a web server that answers")

    house.check()


def test_everything_killed_at_once_goes_on_where_it_was(house):
    """Guard: nothing lives in memory or in the broker alone. Red when a capture puts its delivery in half a second
    later: an enquiry is lost."""
    with Callers(house):
        wait_for(lambda: len(house.history.promised) > 30, "captures")
        house.kill_everything()
        house.start()

    house.check()


def test_a_rolling_restart_under_load_loses_nothing(house):
    """Guard: what was claimed and not sent is put back (`put_back`), or taken up when its lease has run out
    (`recover_lapsed`). Red without both."""
    # Slow enough for a request to be on the wire, and another one packed, whenever a worker is told to end.
    house.sandbox.fault(vendor="hubspot", delay_ms=1500)
    with Callers(house):
        second = house.another_worker()
        wait_for(lambda: len(house.history.promised) > 30, "captures")
        for role in ("worker", "web"):
            wait_for(house.request_open, "a call on the wire")
            # While a call is on the wire, the next parcel is packed after half a second.
            time.sleep(0.8)
            house.restart(role, signal.SIGTERM)
            accepted = len(house.history.promised)
            wait_for(lambda accepted=accepted: len(house.history.promised) > accepted + 30, "captures")
        os.kill(second, signal.SIGTERM)
    house.sandbox.clear_faults()

    house.check()


def test_events_that_were_taken_are_told_once_though_everything_is_killed_after_the_answer(house):
    """Guard: an event is a row before it is answered. Red when `inbound_event_receive` stores it half a second later:
    an event is lost."""
    address = urlsplit(house.told["webhook_url"]).path
    # It stands still, so that nothing of what is answered has been dealt with.
    os.kill(house.pids()["worker"], signal.SIGSTOP)
    numbers = [f"KILL{number}" for number in range(20)]
    for number in numbers:
        assert house.call("POST", address, {"event": "order_shipped", "order_number": number}).status == 202
    house.kill_everything()
    house.start()

    def told():
        rows = house.rows("SELECT subject FROM runtime_event WHERE subject LIKE 'order:KILL%'")
        return sorted(subject.removeprefix("order:") for (subject,) in rows)

    house.capture()
    wait_for(lambda: len(told()) >= len(numbers), "events")
    assert told() == sorted(numbers)
    house.check()
