"""Claims, leases and fences, on the one kind of row that every installation has: domain events."""

from datetime import timedelta

import pytest

from runtime import clock, events, jobs
from runtime.models import Event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]


def test_a_claimed_row_is_not_claimed_again():
    events.publish("order.shipped")
    assert len(Event.objects.all().claim()) == 1
    assert Event.objects.all().claim() == []


def test_a_row_whose_lease_ran_out_is_claimed_by_another(later):
    events.publish("order.shipped")
    [first] = Event.objects.all().claim()
    later(seconds=jobs.LEASE_SECONDS + 1)
    [second] = Event.objects.all().claim()
    assert second.pk == first.pk
    assert second.fence == first.fence + 1


def test_who_lost_the_fence_settles_nothing(later):
    events.publish("order.shipped")
    [first] = Event.objects.all().claim()
    later(seconds=jobs.LEASE_SECONDS + 1)
    [second] = Event.objects.all().claim()
    assert not Event.objects.settle(first, state=Event.State.DONE)
    assert Event.objects.settle(second, state=Event.State.DONE)


def test_a_row_is_not_claimed_before_it_is_due():
    event = events.publish("order.shipped")
    Event.objects.filter(pk=event.pk).update(due_at=clock.db_now() + timedelta(hours=1))
    assert Event.objects.all().claim() == []
    assert Event.objects.next_due_at() is not None


def test_an_event_reaches_each_consumer_once(monkeypatch):
    seen = []
    monkeypatch.setattr(events, "_consumers", events.defaultdict(list))
    events.subscribe("order.shipped", lambda event: seen.append(("one", event.subject)))
    events.subscribe("*", lambda event: seen.append(("all", event.subject)))
    event = events.publish("order.shipped", "order:1")
    jobs.run("event", str(event.pk))
    jobs.run("event", str(event.pk))
    assert seen == [("one", "order:1"), ("all", "order:1")]


def test_a_consumer_that_fails_is_asked_again_and_undoes_the_others(monkeypatch, later):
    monkeypatch.setattr(events, "_consumers", events.defaultdict(list))
    fails = [True]

    def writes(event):
        Event.objects.create(type="made.by.consumer", state=Event.State.DONE)

    def breaks(event):
        if fails.pop() if fails else False:
            raise RuntimeError("not yet")

    events.subscribe("order.shipped", writes)
    events.subscribe("order.shipped", breaks)
    event = events.publish("order.shipped")
    jobs.run("event", str(event.pk))
    assert not Event.objects.filter(type="made.by.consumer").exists()
    later(minutes=1)
    jobs.run("event", str(event.pk))
    assert Event.objects.filter(type="made.by.consumer").count() == 1
    event.refresh_from_db()
    assert event.state == Event.State.DONE
