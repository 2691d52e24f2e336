"""Every kind of data goes when its time is over, is counted, and no sooner; one page says and sets how long."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from engine.models import Conversation, Turn
from gateway.models import KeyUse, RequestLog
from integrations.models import Call, Delivery, Sweep
from leads.models import Activity, Lead
from runtime import retention
from runtime.clock import db_now
from runtime.models import Event, Retention
from tests.factories import (
    ConnectorFactory,
    ConversationFactory,
    DeliveryFactory,
    InboundEventFactory,
    KeyFactory,
    LeadFactory,
)
from webhooks.models import InboundEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

PAGE = "/admin/runtime/retention/"


def row(name: str) -> Retention:
    return Retention.objects.get(name=name)


def requests(at) -> None:
    RequestLog.objects.create(request_id=str(at), method="GET", route="/", status=200, duration_ms=1, at=at)


def calls(at) -> None:
    Call.objects.create(connector=ConnectorFactory(), purpose="upsert", method="GET", url="/", duration_ms=1, at=at)


def conversations(at) -> None:
    conversation = ConversationFactory(updated_at=at)
    Turn.objects.create(conversation=conversation, at=at, prompt="Where is it?", state="answered")


OLD: dict[str, tuple[Callable, type]] = {
    "API requests": (requests, RequestLog),
    "calls": (calls, Call),
    "conversations": (conversations, Conversation),
    "addresses of keys": (
        lambda at: KeyUse.objects.create(key=KeyFactory(), address="127.0.0.1", first_at=at, last_at=at),
        KeyUse,
    ),
    "settled deliveries": (lambda at: DeliveryFactory(state="superseded", settled_at=at), Delivery),
    "sweeps": (
        lambda at: Sweep.objects.create(connector=ConnectorFactory(), action="cancel", ended_at=at),
        Sweep,
    ),
    "webhook events": (lambda at: InboundEventFactory(state="processed", received_at=at), InboundEvent),
    "domain events": (lambda at: Event.objects.create(type="x", state="done", created_at=at), Event),
}


@pytest.mark.parametrize("name", OLD)
def test_what_is_old_goes_and_what_is_young_stays(name: str):
    make, model = OLD[name]
    retention.ensure_rows()
    Retention.objects.filter(name=name).update(days=10)
    make(db_now() - timedelta(days=11))
    make(db_now() - timedelta(days=9))
    retention.run()
    assert model.objects.count() == 1
    assert (row(name).last_removed, row(name).removed) == (1, 1)
    retention.run()
    assert model.objects.count() == 1
    assert (row(name).last_removed, row(name).removed) == (0, 1)


def test_what_is_not_settled_stays_however_old():
    long_ago = db_now() - timedelta(days=4000)
    InboundEventFactory(state="needs_you", received_at=long_ago)
    Event.objects.create(type="x", state="waiting", created_at=long_ago)
    DeliveryFactory(state="needs_you", created_at=long_ago)
    retention.run()
    assert (InboundEvent.objects.count(), Event.objects.count(), Delivery.objects.count()) == (1, 1, 1)


class TestLeads:
    NAME = "leads without activity"

    def old(self, **values) -> Lead:
        lead = LeadFactory(updated_at=db_now() - timedelta(days=400), **values)
        Activity.objects.create(lead=lead, kind="captured", revision=1, message="Hello")
        return lead

    def test_they_are_kept_for_ever_where_nobody_chose(self):
        self.old()
        retention.run()
        assert Lead.objects.count() == 1

    def test_those_without_activity_go_with_all_that_hung_on_them(self):
        retention.ensure_rows()
        Retention.objects.filter(name=self.NAME).update(days=365)
        DeliveryFactory(subject_id=self.old().pk, state="delivered")
        young = LeadFactory(updated_at=db_now() - timedelta(days=300))
        retention.run()
        assert list(Lead.objects.all()) == [young]
        assert not Activity.objects.exists()
        assert not Delivery.objects.exists()
        assert row(self.NAME).removed == 1

    @pytest.mark.parametrize("state", ["waiting", "sending", "confirming", "needs_you"])
    def test_one_that_still_has_to_get_somewhere_stays(self, state: str):
        retention.ensure_rows()
        Retention.objects.filter(name=self.NAME).update(days=365)
        DeliveryFactory(subject_id=self.old().pk, state=state)
        retention.run()
        assert Lead.objects.count() == 1


def test_one_kind_that_fails_keeps_no_other_from_its_turn(monkeypatch: pytest.MonkeyPatch):
    def fail(days: int) -> int:
        raise RuntimeError("disk")

    broken = retention.Kind("a broken kind", "", lambda: 1, fail)
    monkeypatch.setitem(retention._kinds, broken.name, broken)
    requests(db_now() - timedelta(days=100))
    retention.run()
    assert row("a broken kind").trouble == "RuntimeError"
    assert not RequestLog.objects.exists()


class TestPage:
    def test_it_says_how_long_each_kind_is_kept_and_what_went(self, admin_browser: Client):
        requests(db_now() - timedelta(days=100))
        retention.run()
        page = admin_browser.get(PAGE).content.decode()
        assert "API requests" in page
        assert "kept for ever" in page
        assert all(kind.words in page for kind in retention.kinds())

    def test_a_period_is_set_there(self, admin_browser: Client):
        admin_browser.get(PAGE)
        rows = list(Retention.objects.order_by("name"))
        posted = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Save"}
        for number, each in enumerate(rows):
            posted |= {f"form-{number}-id": each.pk, f"form-{number}-days": 7 if each.name == "calls" else ""}
        assert admin_browser.post(PAGE, posted).status_code == 302
        assert retention.days("calls") == 7
        assert retention.days("settled deliveries") == 90
        assert retention.days("leads without activity") is None

    def test_who_may_only_look_changes_nothing(self, viewer_browser: Client):
        retention.ensure_rows()
        page = viewer_browser.get(PAGE)
        assert page.status_code == 200
        assert "form-0-days" not in page.content.decode()
