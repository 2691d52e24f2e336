"""Clocks that jump: leases and due times are written by one clock and read by another one that has moved."""

import random

import pytest

from integrations.drain import drain
from integrations.models import Delivery
from integrations.providers.hubspot.provider import HubSpot
from runtime import clock, jobs
from tests.faults.test_races import capture, check_all, crm

__all__ = ["capture", "crm"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

HOUR = 3600


@pytest.mark.parametrize("seconds", [-HOUR, -1, 1, jobs.LEASE_SECONDS + 1, 24 * HOUR])
def test_a_clock_that_jumps_during_a_call_makes_no_second_contact(sandbox, crm, capture, later, monkeypatch, seconds):
    """Guard: who holds the fence may settle, however late it is. Red when settling asks for the lease's time too."""
    capture("anna@example.com")
    _jump_in_the_call(monkeypatch, later, seconds)
    drain(crm.pk)
    later(seconds=HOUR)
    drain(crm.pk)

    check_all(capture, sandbox)
    assert Delivery.objects.get().state == "delivered"


def test_a_clock_that_went_back_holds_work_up_only_until_it_has_caught_up(sandbox, crm, capture, later):
    """Guard: a lease is a time, not a lock for ever. Red when `recover_lapsed` is not called."""
    capture("anna@example.com")
    capture("bo@example.com")
    assert len(Delivery.objects.claim_batch(crm.pk, 1)) == 1
    later(seconds=-HOUR)
    capture("cora@example.com")
    drain(crm.pk)
    assert [row["properties"]["email"] for row in sandbox.contacts()] == ["cora@example.com"]
    later(seconds=HOUR + jobs.LEASE_SECONDS + 1)
    drain(crm.pk)

    check_all(capture, sandbox)


@pytest.mark.parametrize("seed", range(3))
def test_a_clock_that_jumps_all_the_time_loses_nothing(sandbox, crm, capture, later, seed):
    """Guard: due and lease times are compared with the same clock that wrote them. Red when the machine's is read."""
    chance = random.Random(seed)
    start = clock.offset
    for n in range(10):
        capture(f"p{chance.randrange(5)}@example.com")
        later(seconds=chance.choice([-HOUR, -60, -1, 0, 1, 60, HOUR]))
        if n % 3 == 0:
            sandbox.fault(vendor="hubspot", status=503, count=1)
        if n % 4 == 1:
            Delivery.objects.claim_batch(crm.pk, 1)
        drain(crm.pk)
    clock.offset = start
    for _ in range(5):
        later(seconds=24 * HOUR)
        drain(crm.pk)

    check_all(capture, sandbox)


def _jump_in_the_call(monkeypatch, later, seconds):
    upsert = HubSpot.upsert

    def jump(self, contacts):
        outcomes = upsert(self, contacts)
        later(seconds=seconds)
        return outcomes

    monkeypatch.setattr(HubSpot, "upsert", jump)
