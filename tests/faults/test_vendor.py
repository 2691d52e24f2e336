"""A vendor that is down, over its limit, or not itself."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.demo import wait_for

TEN_MINUTES = 600.0
# As often an installation of this suite tries what was refused, before a person is asked.
_REFUSALS = 3


def test_everything_captured_while_the_vendor_is_down_arrives_when_it_is_back(house):
    """Guard: a vendor's trouble is tried again. Red when 503 counts as a refusal."""
    house.sandbox.fault(vendor="hubspot", status=503)
    _go_through_an_outage(house)


def test_everything_captured_while_the_vendor_hangs_arrives_when_it_is_back(house):
    """Guard: silence is tried again. Red when a time-out counts as a refusal."""
    sandbox = house.pids()["sandbox"]
    os.killpg(sandbox, signal.SIGSTOP)
    try:
        _await_failed_tries(house, house.capture())
    finally:
        os.killpg(sandbox, signal.SIGCONT)
    house.forget_trouble()

    house.check()


def test_everything_captured_while_the_vendor_is_gone_arrives_when_it_is_back(house):
    """Guard: a refused connection is tried again. Red when `connect_failed` counts as a refusal."""
    sandbox = house.pids()["sandbox"]
    # Whoever would start it again stands still.
    os.kill(house.pid, signal.SIGSTOP)
    try:
        os.kill(sandbox, signal.SIGKILL)
        _await_failed_tries(house, house.capture())
    finally:
        os.kill(house.pid, signal.SIGCONT)
    _answers_again(house)
    house.forget_trouble()

    house.check()


def test_two_enquiries_while_the_vendor_is_down_both_arrive(house):
    """Guard: a delivery tells every enquiry since the last that arrived. Red when only the newest is told: the first is
    lost."""
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


def test_a_429_is_waited_out(house):
    """Guard: 429 closes the quota for as long as it says. Red when it doesn't: the next request comes after 0.4 s."""
    house.sandbox.fault(vendor="hubspot", status=429, retry_after="2", count=1)
    house.capture()
    wait_for(house.crm_requests, "the 429")
    house.capture()

    house.check()
    first, second, *_ = house.crm_requests()
    assert _between(first, second) >= timedelta(seconds=1.9)


def test_a_429_may_say_how_long_in_any_shape(house):
    """Guard: a Retry-After that can't be read is none. Red when `retry_after` lets its
    ValueError out: then it is not known any more that the vendor wanted fewer requests."""
    capture = house.capture()
    for tries, (text, seconds) in enumerate(_shapes(), 1):
        house.sandbox.fault(vendor="hubspot", status=429, retry_after=text, count=1)
        house.capture(capture.email)
        wait_for(lambda tries=tries: _tries(house, capture) >= tries, f"a failed try; Retry-After: {text!r}")
        [delivery] = [row for row in house.lead(capture.lead_id)["deliveries"] if row["state"] == "waiting"]
        left = datetime.fromisoformat(delivery["next_try_at"]) - datetime.now(UTC)
        assert left <= timedelta(seconds=seconds + 1), text
        assert left > timedelta(seconds=seconds - 30), text
        assert delivery["explanation"], text
        assert house.rows("SELECT reason FROM integrations_delivery WHERE state = 'waiting'") == [("rate_limited",)]
        house.forget_trouble()

    house.check()


@pytest.mark.parametrize("text", ["999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_429_for_ages_is_a_day_at_most_and_says_so(house, text):
    """Guard: the cap of Retry-After. Red without: the due time overflows, and nobody is told when it goes on."""
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
        {"status": 200, "body": "{}"},
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
    double. Red when a contact that the answer doesn't mention counts as delivered (it is lost), or as refused."""
    # More often than a refusal would be tried, where that doesn't take long.
    times = 1 if dial.keys() & {"hang", "drip"} else _REFUSALS + 1
    house.sandbox.fault(vendor="hubspot", count=times, **dial)
    first = house.capture()
    wait_for(lambda: _tries(house, first) >= times, "failed tries")
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


def _shapes():
    """Return texts of Retry-After, and the seconds that each asks for."""
    return [
        ("60", 60),
        (format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True), 90),
        ("0", 0),
        ("1.5", 1.5),
        ("-7", 0),
        ("soon", 0),
        ("٣", 0),
        ("", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("Mon, 99 Foo 9999 99:99:99 GMT", 0),
        ("120, 60", 0),
    ]


def _between(first, second):
    return datetime.fromisoformat(second["at"]) - datetime.fromisoformat(first["at"])


def _go_through_an_outage(house):
    first, *others = [house.capture() for _ in range(3)]
    for capture in others:
        _await_failed_tries(house, capture)
    house.capture(first.email)
    house.sandbox.clear_faults()
    house.forget_trouble()

    house.check()


def _await_failed_tries(house, capture):
    """Wait until it was tried more often than a refusal would be."""
    wait_for(lambda: _tries(house, capture) > _REFUSALS or house.forget_trouble(), "failed tries", 120)


def _tries(house, capture):
    return max((row["tries"] for row in house.lead(capture.lead_id)["deliveries"]), default=0)


def _states(house, capture):
    return [row["state"] for row in house.lead(capture.lead_id)["deliveries"]]


def _answers_again(house):
    def ask():
        try:
            return house.sandbox.ask("GET", "/_health")
        except OSError:
            return None

    wait_for(ask, "a vendor that answers")
