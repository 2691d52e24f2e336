"""Quotas and breakers, in the shared counters."""

import time
import uuid

import pytest

from integrations.breaker import FAILURES_IN_A_ROW, PROBE_SECONDS, Breaker
from integrations.quota import Quota, Window


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1_800_000_000.0

        def time(self):
            return self.now

    hands = Clock()
    monkeypatch.setattr(time, "time", hands.time)
    return hands


def take_for(quota, clock, seconds):
    """Ask as a drainer does, and return when each request was let go."""
    gone, ends = [], clock.now + seconds
    while clock.now < ends:
        pause = quota.take()
        if pause:
            clock.now += pause
        else:
            gone.append(clock.now)
    return gone


@pytest.mark.parametrize("window", [Window(10, 1.0), Window(190, 10.0), Window(100, 10.0), Window(3, 1.0)])
def test_nearly_all_of_a_limit_is_used_and_none_of_its_windows_overrun(clock, window):
    gone = take_for(Quota(uuid.uuid4(), window), clock, 20 * window.seconds)
    assert len(gone) >= 0.95 * 20 * window.requests
    for start in gone:
        in_window = [at for at in gone if start <= at < start + window.seconds]
        assert len(in_window) <= window.requests + max(1, window.requests // 20)


def test_two_processes_draw_on_the_same_limit(clock):
    connector = uuid.uuid4()
    one, two = (Quota(connector, Window(10, 1.0)) for _ in range(2))
    granted = sum(quota.take() == 0 for _ in range(5) for quota in (one, two))
    assert granted == 1


def test_deliveries_leave_a_share_to_look_ups(clock):
    connector = uuid.uuid4()
    drainer = Quota(connector, Window(100, 10.0), leaves_lookups_share=True)
    gone = take_for(drainer, clock, 100)
    assert len(gone) <= 0.82 * 1000
    assert len(gone) >= 0.75 * 1000


def test_nobody_calls_while_the_vendor_has_asked_for_quiet(clock):
    quota = Quota(uuid.uuid4(), None)
    quota.close(30)
    assert quota.take() == pytest.approx(30)


def test_a_breaker_opens_after_five_failures_in_a_row_and_lets_one_probe_through(clock):
    breaker = Breaker(uuid.uuid4())
    for _ in range(FAILURES_IN_A_ROW):
        assert breaker.wait() == 0
        breaker.note(is_well=False)
    assert 0 < breaker.wait() <= PROBE_SECONDS
    clock.now += PROBE_SECONDS + 1
    assert [breaker.wait() == 0 for _ in range(3)] == [True, False, False]
    breaker.note(is_well=True)
    assert breaker.wait() == 0
    assert not breaker.is_open


def test_a_probe_that_fails_keeps_it_open(clock):
    breaker = Breaker(uuid.uuid4())
    for _ in range(FAILURES_IN_A_ROW):
        breaker.note(is_well=False)
    clock.now += PROBE_SECONDS + 1
    assert breaker.wait() == 0
    breaker.note(is_well=False)
    assert breaker.wait() > 0


def test_a_breaker_opens_when_half_of_twenty_calls_failed(clock):
    breaker = Breaker(uuid.uuid4())
    for n in range(20):
        breaker.note(is_well=n % 2 == 0)
    assert breaker.is_open


def test_a_vendor_with_few_failures_is_called_on(clock):
    breaker = Breaker(uuid.uuid4())
    for n in range(200):
        breaker.note(is_well=n % 5 != 0)
    assert not breaker.is_open
