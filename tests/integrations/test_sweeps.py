"""What is done to many deliveries: a few at once, more in the background, through a crash, once each."""

import pytest

from integrations import services, sweeps
from integrations.models import Delivery, Sweep
from runtime.clock import db_now
from runtime.ids import uuid7
from tests.factories import ConnectorFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

STUCK = {"state": "needs_you", "reason": "refused", "tries": 4}


@pytest.fixture
def pages_of_three(monkeypatch):
    monkeypatch.setattr(sweeps, "AT_ONCE", 3)


@pytest.fixture
def crm():
    return ConnectorFactory()


def stuck(connector, number, **values):
    values = {"connector": connector, "operation": "upsert"} | STUCK | values
    return Delivery.objects.bulk_create([Delivery(subject_id=uuid7(), **values) for _ in range(number)])


def begin(connector, action=sweeps.Action.SEND_AGAIN, **filters):
    return sweeps.begin(action=action, connector=connector, filters=filters or {"state": "needs_you"})


def count(state):
    return Delivery.objects.filter(state=state).count()


def test_a_few_are_done_at_once(crm):
    stuck(crm, 3)
    assert begin(crm) == sweeps.Begun(3, is_done=True)
    assert count("waiting") == 3
    assert not Sweep.objects.exists()


def test_many_are_done_in_the_background_with_progress(crm, pages_of_three):
    stuck(crm, 8)
    stuck(crm, 2, reason="other")
    stuck(ConnectorFactory(), 2)
    assert begin(crm, state="needs_you", reason="refused") == sweeps.Begun(8, is_done=False)
    assert count("waiting") == 0
    row = sweeps.shown(crm)
    assert (row.total, row.seen) == (8, 0)
    assert sweeps.WORK.look(db_now(), 10).due == [str(row.pk)]
    sweeps.WORK.run(str(row.pk))
    row = sweeps.shown(crm)
    assert (row.state, row.seen, row.changed) == ("done", 8, 8)
    assert (count("waiting"), count("needs_you")) == (8, 4)
    assert not sweeps.WORK.look(db_now(), 10).due


def test_a_worker_that_dies_leaves_it_to_be_gone_on_with_where_it_was(crm, pages_of_three, later):
    rows = sorted(stuck(crm, 8), key=lambda row: row.pk)
    begin(crm)
    [dead] = Sweep.objects.claim(lease_seconds=20)
    assert sweeps._next_page(dead)
    assert not sweeps.WORK.look(db_now(), 10).due, "somebody holds it"
    later(seconds=21)
    # Whoever goes on doesn't begin anew: this one would be found again.
    Delivery.objects.filter(pk=rows[0].pk).update(state="needs_you")
    sweeps.run(dead.pk)
    assert (count("waiting"), count("needs_you")) == (7, 1)
    assert not sweeps._next_page(dead), "the dead one has lost it"


def test_a_turn_that_is_over_goes_on_in_the_next(crm, pages_of_three, monkeypatch):
    stuck(crm, 8)
    begin(crm)
    monkeypatch.setattr(sweeps, "_TURN_SECONDS", 0.0)
    for _ in range(4):
        sweeps.run(Sweep.objects.get().pk)
    assert Sweep.objects.get().state == "done"
    assert count("waiting") == 8


def test_many_are_cancelled(crm, pages_of_three):
    stuck(crm, 5)
    begin(crm, sweeps.Action.CANCEL)
    sweeps.run(Sweep.objects.get().pk)
    assert count("cancelled") == 5


def test_all_that_wait_for_their_time_are_tried_now(crm, pages_of_three, later):
    rows = stuck(crm, 5, state="waiting")
    later(hours=-1)
    assert services.connector_send_now(connector=crm) == sweeps.Begun(5, is_done=False)
    sweeps.run(Sweep.objects.get().pk)
    assert not Delivery.objects.filter(pk__in=[row.pk for row in rows], due_at__gt=db_now()).exists()


def test_nothing_is_chosen_by_what_is_no_filter(crm):
    with pytest.raises(ValueError, match="subject_id"):
        begin(crm, subject_id="1")


def test_what_ended_long_ago_is_not_shown_and_pruned(crm, pages_of_three, later):
    stuck(crm, 5)
    begin(crm)
    sweeps.run(Sweep.objects.get().pk)
    later(minutes=11)
    assert sweeps.shown(crm) is None
    later(days=31)
    assert services.prune_sweeps() == 1
