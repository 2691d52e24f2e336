"""A vendor that is down for long: the drainer of the product, its own retry table and breaker, and a clock we move."""

import time
from datetime import timedelta

import pytest
from django.core.cache import cache

from integrations.drain import WORK, drain
from integrations.models import ConnectorState, Delivery
from runtime import clock
from runtime.clock import db_now
from tests.faults.test_races import capture, check_all, crm

__all__ = ["capture", "crm"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

MINUTE, HOUR = 60, 3600
# No timer is this exact, and none of the product's waits for less.
_STEP_SECONDS = 1.0


class MovedTime:
    """`time` as the shared counters read it, moved with the clock of due times."""

    sleep, monotonic = staticmethod(time.sleep), staticmethod(time.monotonic)

    @staticmethod
    def time() -> float:
        return time.time() + clock.offset.total_seconds()


@pytest.fixture(autouse=True)
def _counters_move_too(monkeypatch):
    assert "FileCache" in type(cache._connections[cache._alias]).__name__, "a server's clock can't be moved"
    for module in ("integrations.breaker", "integrations.quota", "runtime.cache"):
        monkeypatch.setattr(f"{module}.time", MovedTime)


@pytest.mark.parametrize("seconds", [10 * MINUTE, 60 * HOUR])
def test_a_vendor_down_for_long_gets_everything_by_itself(sandbox, crm, capture, seconds):
    """Guards: trouble is tried again for three days, and an open breaker lets a probe through. Red when a person has to
    (`TROUBLE` of a few entries), and when the probe is never let through (`Breaker.wait` without its first return)."""
    sandbox.fault(vendor="hubspot", status=503)
    back_at = db_now() + timedelta(seconds=seconds)
    for n in range(10):
        capture(f"p{n % 5}@example.com")
        _work_until(crm, db_now() + timedelta(seconds=seconds / 10))
    assert db_now() >= back_at
    assert sandbox.effects("hubspot") == []
    sandbox.clear_faults()
    _work_until(crm, back_at + timedelta(seconds=max(seconds / 2, HOUR)))

    check_all(capture, sandbox)
    assert set(Delivery.objects.values_list("state", flat=True)) <= {"delivered", "superseded"}


def test_a_vendor_that_never_comes_back_leaves_nobody_without_a_word(sandbox, crm, capture):
    """Guard: after the last try a person is asked. Red when `next_step` begins its table anew."""
    sandbox.fault(vendor="hubspot", status=503)
    capture("anna@example.com")
    _work_until(crm, db_now() + timedelta(hours=120))

    [delivery] = Delivery.objects.all()
    assert delivery.state == "needs_you"
    assert delivery.reason


def _work_until(crm, at):
    """Do what a worker does until then: sleep until something is due, and do it."""
    while (now := db_now()) < at:
        if WORK.look(now, 10).due:
            drain(crm.pk)
        due_at = WORK.look(db_now(), 10).next_at
        held = ConnectorState.objects.filter(pk=crm.pk, held_until__gt=now).exists()
        assert due_at or not held
        wait = (min(due_at, at) if due_at else at) - db_now()
        clock.offset += max(wait, timedelta(seconds=_STEP_SECONDS))
