"""Sending again and giving up: one, some, a whole cause; never two that wait for the same."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from integrations import outbox, resending
from integrations.models import Delivery
from runtime.clock import db_now
from runtime.ids import uuid7
from tests.factories import ConnectorFactory, DeliveryFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

STUCK = {"state": "needs_you", "reason": "refused", "tries": 4, "settled_at": datetime(2026, 1, 2, tzinfo=UTC)}


def stuck(connector, number: int) -> list[Delivery]:
    rows = [Delivery(connector=connector, subject_id=uuid7(), operation="upsert", **STUCK) for _ in range(number)]
    return Delivery.objects.bulk_create(rows)


def states(**filters) -> Counter:
    return Counter(Delivery.objects.filter(**filters).values_list("state", flat=True))


def test_a_cause_of_thousands_is_sent_again_in_few_statements():
    connector = ConnectorFactory()
    stuck(connector, 2500)
    with CaptureQueriesContext(connection) as captured:
        assert resending.send_again_all(Delivery.objects.filter(state="needs_you")) == 2500
    row = Delivery.objects.filter(state="waiting", due_at__lte=db_now(), tries=0, settled_at=None)
    assert row.count() == 2500
    assert len(captured) <= 30


def test_only_what_the_queryset_holds_is_touched():
    connector = ConnectorFactory()
    kept = stuck(connector, 3)
    sent = DeliveryFactory(connector=connector, **STUCK)
    assert resending.send_again_all(Delivery.objects.filter(pk=sent.pk)) == 1
    assert states(pk__in=[row.pk for row in kept]) == {"needs_you": 3}


def test_where_one_waits_already_it_goes_now_and_the_older_gives_way():
    old = DeliveryFactory(**STUCK)
    later = db_now() + timedelta(hours=5)
    new = DeliveryFactory(connector=old.connector, subject_id=old.subject_id, due_at=later, tries=3)
    assert resending.send_again_all(Delivery.objects.filter(pk=old.pk)) == 1
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.state, new.state, new.tries) == ("superseded", "waiting", 0)
    assert new.due_at <= db_now()


def test_of_several_for_the_same_lead_the_newest_goes():
    first = DeliveryFactory(**STUCK)
    second = DeliveryFactory(connector=first.connector, subject_id=first.subject_id, **STUCK)
    assert resending.send_again_all(Delivery.objects.all()) == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("superseded", "waiting")


def test_a_delivered_one_stays_as_the_record_of_what_was_told():
    told = DeliveryFactory(state="delivered", revision=3, settled_at=db_now())
    assert resending.send_again(deliveries=[told]) == 1
    told.refresh_from_db()
    assert (told.state, told.revision) == ("delivered", 3)
    assert Delivery.objects.get(state="waiting").subject_id == told.subject_id


@pytest.mark.parametrize("state", ["sending", "confirming", "superseded"])
def test_what_is_under_way_or_closed_is_left_alone(state: str):
    row = DeliveryFactory(state=state)
    assert resending.send_again(deliveries=[row]) == 0
    assert states() == {state: 1}


def test_different_operations_and_connectors_do_not_give_way_to_each_other():
    one = DeliveryFactory(**STUCK)
    DeliveryFactory(connector=one.connector, subject_id=one.subject_id, operation="subscribe", **STUCK)
    DeliveryFactory(subject_id=one.subject_id, **STUCK)
    assert resending.send_again_all(Delivery.objects.all()) == 3
    assert states() == {"waiting": 3}


def test_what_an_erasure_came_after_is_not_sent_again():
    old = DeliveryFactory(**STUCK)
    DeliveryFactory(connector=old.connector, subject_id=old.subject_id, operation="erase", state="delivered")
    assert resending.send_again_all(Delivery.objects.filter(pk=old.pk)) == 0
    assert states() == {"needs_you": 1, "delivered": 1}


def test_a_capture_that_comes_in_between_is_found_on_the_second_look(monkeypatch):
    old = DeliveryFactory(**STUCK)
    looked = []

    def looks_too_early(rows):
        looked.append(rows)
        if len(looked) == 1:
            outbox.put([outbox.Wanted(old.connector_id, old.subject_id, "upsert")])
            return {}
        outbox.put([outbox.Wanted(old.connector_id, old.subject_id, "upsert")])
        return real(rows)

    real = resending._waiting
    monkeypatch.setattr(resending, "_waiting", looks_too_early)
    assert resending.send_again_all(Delivery.objects.filter(pk=old.pk)) == 1
    assert states() == {"superseded": 1, "waiting": 1}


def test_a_database_that_always_refuses_is_not_asked_for_ever(monkeypatch):
    monkeypatch.setattr(resending, "_reopen", lambda ids: (_ for _ in ()).throw(IntegrityError))
    with pytest.raises(IntegrityError):
        resending.send_again(deliveries=[DeliveryFactory(**STUCK)])


def test_a_cause_of_thousands_is_cancelled():
    connector = ConnectorFactory()
    stuck(connector, 1500)
    done = DeliveryFactory(connector=connector, state="delivered")
    assert resending.cancel_all(Delivery.objects.filter(connector=connector)) == 1500
    done.refresh_from_db()
    assert done.state == "delivered"
    assert states(reason="cancelled_by_person") == {"cancelled": 1500}
