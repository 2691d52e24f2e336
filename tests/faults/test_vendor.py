"""A vendor that is down, over its limit, or not itself."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.demo import wait_for

TEN_MINUTES = 600.0


def test_everything_captured_while_the_vendor_is_down_arrives_when_it_is_back(house):
    """Guard: a vendor's trouble is tried again. Red when 503 counts as a refusal."""
    house.sandbox.fault(vendor="hubspot", status=503)
    _go_through_an_outage(house)


def test_everything_captured_while_the_vendor_cannot_be_reached_arrives_when_it_is_back(house):
    """Guard: so is a connection refused. Red when `connect_failed` counts as a refusal."""
    sandbox = house.pids()["sandbox"]
    os.killpg(sandbox, signal.SIGSTOP)
    try:
        for _ in range(3):
            house.capture()
    finally:
        os.killpg(sandbox, signal.SIGCONT)
    house.restart("sandbox", signal.SIGTERM)
    _answers_again(house)
    house.forget_trouble()

    house.check()


def test_two_enquiries_while_the_vendor_is_down_both_arrive(house):
    """Guard: a delivery tells every enquiry since the last that arrived. Red when only the newest is told."""
    house.sandbox.fault(vendor="hubspot", status=503)
    first = house.capture()
    wait_for(lambda: _tries(house, first) >= 1, "a failed try")
    house.capture(first.email)
    house.sandbox.clear_faults()
    house.forget_trouble()

    house.check()


@pytest.mark.conformance
def test_a_vendor_down_for_ten_minutes_is_found_again_by_itself(house):
    """Guard: an open breaker lets a probe through. Red when only a person can close it."""
    house.sandbox.fault(vendor="hubspot", status=503)
    ends_at = time.monotonic() + float(os.environ.get("FAULTS_SECONDS", TEN_MINUTES))
    while time.monotonic() < ends_at:
        house.capture()
        time.sleep(1)
    house.sandbox.clear_faults()

    house.check(seconds=120)


RETRY_AFTER = {
    "seconds": "1",
    "fraction": "1.5",
    "a date": None,
    "a date long past": "Sun, 06 Nov 1994 08:49:37 GMT",
    "negative": "-7",
    "garbage": "soon",
    "digits of another script": "٣",
    "empty": "",
}


@pytest.mark.parametrize("shape", RETRY_AFTER)
def test_a_429_is_waited_out_whatever_it_says(house, shape):
    """Guard: 429 is no refusal, and a Retry-After that can't be read is none. Red when `retry_after` raises on it."""
    text = RETRY_AFTER[shape] if RETRY_AFTER[shape] is not None else _in_seconds(2)
    house.sandbox.fault(vendor="hubspot", status=429, retry_after=text, count=1)
    house.capture()

    house.check()


@pytest.mark.parametrize("text", ["999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_429_for_ages_is_a_day_at_most_and_says_so(house, text):
    """Guard: the cap of Retry-After. Red without: the due time overflows, or lies years ahead."""
    house.sandbox.fault(vendor="hubspot", status=429, retry_after=text, count=1)
    capture = house.capture()
    wait_for(lambda: _tries(house, capture) == 1, "a failed try")

    [delivery] = house.lead(capture.lead_id)["deliveries"]
    left = datetime.fromisoformat(delivery["next_try_at"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    house.check(held={capture.email})
    house.forget_trouble()
    house.check()


@pytest.mark.parametrize(
    "dial",
    [
        {"reset": "before"},
        {"reset": "after"},
        {"garbage": True},
        {"body": "{}"},
        {"body": '{"results": [{"id": null}]}'},
        {"body": "[" * 100_000},
        {"huge": 2**26},
        {"drip": {"bytes_per_second": 50}},
        {"hang": "after"},
    ],
    ids=lambda dial: "-".join(f"{name}" for name in dial) + ("-after" if "after" in dial.values() else ""),
)
def test_an_answer_that_says_nothing_means_to_ask_again(house, dial):
    """Guard: an answer that can't be understood is `unknown`, and what is unknown is sent again to where it can't
    double. Red when a contact that the answer doesn't mention counts as delivered, or as refused for good."""
    house.sandbox.fault(vendor="hubspot", count=1, **dial)
    for _ in range(2):
        house.capture()

    house.check()


def test_a_bad_record_does_not_hold_up_the_others(house):
    """Guard: outcomes are per item. Red when a 207 counts as a success."""
    bad = house.history.sent(house.history.person())
    house.sandbox.fault(vendor="hubspot", partial={"emails": [bad.email]})
    house.capture(bad.email)
    house.capture()
    wait_for(lambda: _states(house, house.history.captures[1]) == ["needs_you"], "the bad one before a person")

    house.check(held={bad.email})


def _go_through_an_outage(house):
    for _ in range(3):
        house.capture()
    wait_for(lambda: _tries(house, house.history.captures[0]) >= 1, "a failed try")
    for capture in house.history.captures[:]:
        house.capture(capture.email)
    house.sandbox.clear_faults()
    house.forget_trouble()

    house.check()


def _tries(house, capture):
    return max((row["tries"] for row in house.lead(capture.lead_id)["deliveries"]), default=0)


def _states(house, capture):
    return [row["state"] for row in house.lead(capture.lead_id)["deliveries"]]


def _in_seconds(seconds):
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def _answers_again(house):
    def ask():
        try:
            return house.sandbox.ask("GET", "/_health")
        except OSError:
            return None

    wait_for(ask, "a vendor that answers")
