"""Quotas and breakers, in the shared counters."""

import time
import uuid

import pytest

from integrations.breaker import FAILURES_IN_A_ROW, PROBE_SECONDS, Breaker
from integrations.guard import GuardedSession
from integrations.providers import errors
from integrations.providers.base import Limits, Reply, Session
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
    assert len(gone) >= 0.92 * 20 * window.requests
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
    assert len(gone) <= 0.8 * 1000
    assert len(gone) >= 0.72 * 1000


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


class TestVendorsWord:
    """What an answer says of the limits counts from the next request on."""

    def test_a_wider_window_is_used(self, clock):
        connector = uuid.uuid4()
        Quota(connector, Window(100, 10.0)).correct(Limits(requests=190, seconds=10.0))
        quota = Quota(connector, Window(100, 10.0))
        assert len(take_for(quota, clock, 100)) >= 0.92 * 1900
        assert quota.window == Window(190, 10.0)

    def test_one_that_a_person_set_is_kept_to(self, clock):
        quota = Quota(uuid.uuid4(), Window(10, 10.0), is_fixed=True)
        quota.correct(Limits(requests=190, seconds=10.0))
        assert quota.window == Window(10, 10.0)

    def test_what_others_used_up_is_waited_for(self, clock):
        quota = Quota(uuid.uuid4(), Window(100, 10.0))
        quota.correct(Limits(remaining=0, resets_in=7.0))
        assert quota.take() == pytest.approx(7.0)
        assert quota.left() == 0

    def test_the_last_fifth_of_a_window_is_left_to_look_ups(self, clock):
        connector, window = uuid.uuid4(), Window(100, 10.0)
        clock.now = 1_800_000_001.0
        drainer, lookup = Quota(connector, window, leaves_lookups_share=True), Quota(connector, window)
        drainer.correct(Limits(remaining=20, resets_in=5.0))
        assert drainer.take() == pytest.approx(5.0)
        assert lookup.take() == 0

    @pytest.mark.parametrize("senseless", [Limits(), Limits(requests=0, seconds=1.0), Limits(requests=5, seconds=1e9)])
    def test_what_makes_no_sense_changes_nothing(self, clock, senseless):
        quota = Quota(uuid.uuid4(), Window(100, 10.0))
        quota.correct(senseless)
        assert quota.window == Window(100, 10.0)


class TestDay:
    def test_a_day_that_is_used_up_rests_until_it_renews(self, clock):
        quota = Quota(uuid.uuid4(), None)
        quota.correct(Limits(daily=1000, daily_remaining=0, daily_resets_in=3000.0))
        assert quota.rest() == pytest.approx(3000)
        clock.now += 3001
        quota.correct(Limits(daily=1000, daily_remaining=999))
        assert quota.rest() == 0

    def test_without_a_time_it_is_midnight_and_looked_at_hourly_until_noon(self, clock, settings):
        settings.TIME_ZONE = "UTC"
        quota = Quota(uuid.uuid4(), None)
        clock.now = 1_800_000_000.0 - 1_800_000_000.0 % 86_400 + 20 * 3600
        quota.correct(Limits(daily_remaining=0))
        assert quota.rest() == pytest.approx(4 * 3600)
        clock.now += 5 * 3600
        quota.correct(Limits(daily_remaining=0))
        assert quota.rest() == pytest.approx(3600)

    def test_deliveries_leave_a_fifth_of_a_day_to_look_ups(self, clock):
        connector = uuid.uuid4()
        lookup, drainer = Quota(connector, None), Quota(connector, None, leaves_lookups_share=True)
        lookup.correct(Limits(daily=1000, daily_remaining=200, daily_resets_in=100.0))
        assert drainer.rest() > 0
        assert lookup.rest() == 0

    def test_where_answers_do_not_tell_we_count(self, clock):
        connector = uuid.uuid4()
        for _ in range(5):
            quota = Quota(connector, None, daily=5)
            assert quota.rest() == 0
            assert quota.take() == 0
        assert quota.rest() > 0
        clock.now += 86_400
        assert quota.rest() == 0


def test_a_request_turned_away_for_the_day_costs_no_try_and_closes_the_day():
    class Used(Session):
        def send(self, request):
            return Reply(403, {}, b"")

    quota = Quota(uuid.uuid4(), None)
    session = GuardedSession(
        Used(),
        quota=quota,
        breaker=Breaker(uuid.uuid4()),
        patience=0.0,
        counts_silence=True,
        limits=lambda reply: Limits(daily_remaining=0, daily_resets_in=500.0, is_over=True),
    )
    for _ in range(2):
        with pytest.raises(errors.Held) as caught:
            session.request("GET", "/", purpose="test")
        assert (caught.value.code, round(caught.value.after)) == ("daily_quota", 500)
