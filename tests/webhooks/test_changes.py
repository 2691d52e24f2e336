"""Vendors that are asked what has changed: in turn, on from where it was left, each event once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from integrations.models import Call, ConnectorState
from integrations.providers import registry
from integrations.providers.base import Changes, ChangeSource, Check, EventSource, Provider
from integrations.providers.errors import BadSignature, Held, NotAuthorised, Refused, RetryLater
from integrations.providers.facts import VendorEvent
from runtime import clock, events, secrets
from runtime.models import Event
from tests.factories import ConnectorFactory, CredentialFactory
from tests.integrations.providers.sandboxed import connector_to
from tests.sandbox import ODOO_KEY, sandbox, sandbox_server
from webhooks import changes, jobs, sources, told, vendor_card
from webhooks.models import InboundEvent, Source

__all__ = ["sandbox", "sandbox_server"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]


class Asked(Provider, ChangeSource):
    """Answers with what a test has put in; every answer is used once."""

    key = "asked"
    name = "Asked"
    docs_url = "https://vendor.example/docs"
    auth = "none"
    poll_seconds = 60.0
    answers: list = []
    cursors: list = []

    def check(self):
        return Check(ok=True, words="Well.")

    @classmethod
    def cursor_at(cls, at):
        return f"at {at}"

    def since(self, cursor):
        self.cursors.append(cursor)
        answer = self.answers.pop(0) if self.answers else Changes([], cursor or "rest")
        if isinstance(answer, BaseException):
            raise answer
        return answer() if callable(answer) else answer

    @classmethod
    def configured(cls, config):
        return NotAsked if config.get("tells") else cls


class NotAsked(Provider, EventSource):
    """What is left of it where the settings say that it can't be asked."""

    key, name, docs_url, auth = Asked.key, Asked.name, Asked.docs_url, "none"
    subscription_purpose = "newsletter"
    check = Asked.check

    def verify(self, received, secrets):
        raise BadSignature

    def parse(self, received):
        return []


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(registry.PROVIDERS, Asked.key, f"{__name__}.Asked")
    monkeypatch.setattr(Asked, "answers", [])
    monkeypatch.setattr(Asked, "cursors", [])
    registry.provider_class.cache_clear()
    yield
    registry.provider_class.cache_clear()


@pytest.fixture
def connector():
    return ConnectorFactory(provider="asked", credential=None, base_url="https://vendor.example", operations=[])


def shipped(number):
    return VendorEvent("order.shipped", f"order:{number}", f"{number}:shipped", data={"order_number": str(number)})


def ask(connector):
    changes.run(str(connector.pk))
    return ConnectorState.objects.get(connector=connector)


def due(now=None):
    look = changes.look(now or clock.db_now(), 10)
    return replace(look, due=list(look.due))


def test_a_new_connector_is_asked_at_once_and_then_in_its_time(connector):
    assert due().due == [str(connector.pk)]
    before = clock.db_now()

    state = ask(connector)

    assert (state.ask_cursor, state.ask_failures, state.ask_trouble) == ("rest", 0, "")
    assert timedelta(seconds=60) <= state.ask_due_at - before < timedelta(seconds=90)
    assert due().due == []
    assert due().next_at == state.ask_due_at
    assert due(state.ask_due_at).due == [str(connector.pk)]


def test_page_after_page_is_asked_for_and_each_event_is_kept_once(connector):
    Asked.answers = [
        Changes([], "start"),
    ]
    ask(connector)
    ConnectorState.objects.update(ask_due_at=None)
    Asked.answers = [Changes([shipped(1), shipped(2)], "a"), Changes([shipped(2), shipped(3)], "b"), Changes([], "b")]

    state = ask(connector)

    assert Asked.cursors == ["", "start", "start", "a", "b"]
    assert state.ask_cursor == "b"
    assert InboundEvent.objects.count() == 3
    assert set(InboundEvent.objects.values_list("times_received", flat=True)) == {1}
    for row in InboundEvent.objects.all():
        jobs.run(str(row.pk))
    assert sorted(Event.objects.values_list("subject", flat=True)) == ["order:1", "order:2", "order:3"]
    assert Source.objects.get().token_digest is None


def test_an_answer_that_fails_is_asked_for_again_later_and_later(connector):
    Asked.answers = [RetryLater("Down for maintenance.", status=503) for _ in range(6)]
    pauses = []
    for _ in range(6):
        ConnectorState.objects.update(ask_due_at=None)
        now = clock.db_now()
        state = ask(connector)
        pauses.append((state.ask_due_at - now).total_seconds())
    assert [round(pause / 10) * 10 for pause in pauses] == [120, 240, 480, 900, 900, 900]
    assert (state.ask_failures, state.ask_trouble) == (6, "Down for maintenance.")
    assert state.last_failure == "Down for maintenance."
    ConnectorState.objects.update(ask_due_at=None)
    assert ask(connector).ask_trouble == ""


def test_what_was_kept_before_a_page_failed_stays_and_it_goes_on_from_there(connector):
    Asked.answers = [Changes([shipped(1)], "a"), RetryLater("Oh.")]
    assert ask(connector).ask_cursor == "a"
    assert InboundEvent.objects.count() == 1


def test_a_limit_that_is_used_up_is_no_failure(connector):
    Asked.answers = [Held("quota", after=300)]
    now = clock.db_now()
    state = ask(connector)
    assert (state.ask_failures, state.ask_trouble, state.last_failure) == (0, "", "")
    assert 290 < (state.ask_due_at - now).total_seconds() < 330


def test_a_key_that_is_refused_pauses_the_connector_and_nobody_asks_until_it_goes_on(connector):
    Asked.answers = [NotAuthorised("No.", status=401)]
    state = ask(connector)
    assert (state.paused_at is not None, state.pause_reason) == (True, "needs_reauth")
    assert due(clock.db_now() + timedelta(days=1)).due == []
    ask(connector)
    assert len(Asked.cursors) == 1


def test_a_place_that_is_gone_begins_anew(connector):
    ConnectorState.objects.create(connector=connector, ask_cursor="long ago")
    Asked.answers = [Refused("Gone.", code="stale_cursor")]
    assert ask(connector).ask_cursor == ""


@pytest.mark.parametrize("cursor", ["", "x" * 501])
def test_an_answer_without_a_place_to_go_on_from_is_not_taken(connector, cursor):
    Asked.answers = [Changes([shipped(1)], cursor)]
    state = ask(connector)
    assert state.ask_failures == 1
    assert not InboundEvent.objects.exists()


def test_two_workers_don_t_ask_at_once(connector):
    def second():
        changes.run(str(connector.pk))
        return Changes([], "one")

    Asked.answers = [second]
    assert ask(connector).ask_cursor == "one"
    assert Asked.cursors == ["", "one"]


def test_who_was_overtaken_writes_nothing(connector):
    def slow():
        # So slow that its lease ends, and another worker asks and goes further.
        ConnectorState.objects.update(ask_due_at=clock.db_now() + timedelta(hours=1), ask_cursor="further")
        return Changes([shipped(1)], "back")

    Asked.answers = [slow]
    assert ask(connector).ask_cursor == "further"
    assert not InboundEvent.objects.exists()


def test_a_worker_that_dies_lets_another_ask_after_its_lease(connector, later):
    class Killed(BaseException):
        pass

    Asked.answers = [Killed()]
    with pytest.raises(Killed):
        changes.run(str(connector.pk))
    assert due().due == []
    later(seconds=91)
    assert due().due == [str(connector.pk)]
    assert ask(connector).ask_cursor == "rest"


@pytest.mark.parametrize("how", ["off", "source off", "paused"])
def test_who_rests_is_not_asked(connector, how):
    if how == "off":
        connector.is_active = False
        connector.save()
    elif how == "source off":
        Source.objects.create(connector=connector, is_active=False)
    else:
        ConnectorState.objects.create(connector=connector, paused_at=clock.db_now())
    assert due().due == []
    changes.run(str(connector.pk))
    assert Asked.cursors == []


def test_who_has_an_address_is_asked_until_it_tells_by_itself(connector):
    source = sources.source_for(connector)
    sources.address_make(source=source)
    assert due().due == [str(connector.pk)]
    sources.heard(source)
    assert due().due == []
    changes.run(str(connector.pk))
    assert Asked.cursors == []


def falls_silent(connector):
    """Have it told something an hour ago, and nothing since."""
    ask(connector)
    Asked.cursors.clear()
    source = sources.source_for(connector)
    sources.heard(source)
    Source.objects.update(heard_at=clock.db_now() - changes.SILENCE)
    ConnectorState.objects.update(ask_due_at=clock.db_now() - timedelta(minutes=59))
    return source


def test_who_told_by_itself_and_falls_silent_is_asked_once_an_hour(connector):
    falls_silent(connector)
    Asked.answers = [Changes([shipped(1)], "next"), Changes([], "next")]
    assert due().due == [str(connector.pk)]

    state = ask(connector)

    assert InboundEvent.objects.count() == 1
    assert timedelta(minutes=59) < state.ask_due_at - clock.db_now() <= timedelta(hours=1)
    assert due().due == []


def test_who_tells_again_is_left_alone_for_an_hour_from_then(connector):
    source = falls_silent(connector)
    Source.objects.update(heard_at=clock.db_now() - timedelta(minutes=20))
    changes.run(str(connector.pk))
    source.refresh_from_db()

    assert Asked.cursors == []
    assert due() == replace(due(), due=[], next_at=source.heard_at + changes.SILENCE)


@pytest.mark.parametrize("asked_at", [None, timedelta(days=40)])
def test_who_falls_silent_is_asked_on_from_its_last_word(connector, asked_at):
    """Neither what it told by itself since it was asked last, nor from that question on alone."""
    source = falls_silent(connector)
    source.refresh_from_db()
    earlier = asked_at and clock.db_now() - asked_at
    ConnectorState.objects.update(asked_at=earlier, ask_cursor="old" if earlier else "")
    Asked.answers = [Changes([], "further", is_all=True)]
    ask(connector)
    ConnectorState.objects.update(ask_due_at=clock.db_now())
    ask(connector)

    begun, *later = Asked.cursors
    assert begun == f"at {source.heard_at - timedelta(minutes=5)}"
    assert later == ["further"], "it has been asked since"


def test_an_order_that_is_sent_in_the_shop_reaches_who_listens(sandbox, monkeypatch):
    heard = []
    monkeypatch.setitem(events._consumers, "order.shipped", [*events.consumers_of("order.shipped"), heard.append])
    sealed = secrets.seal({"username": "ck_sandbox", "api_key": "cs_sandbox"})
    credential = CredentialFactory(provider="woocommerce", sealed=sealed)
    shop = ConnectorFactory(
        provider="woocommerce", name="Shop", base_url=f"{sandbox.url}/woocommerce", credential=credential
    )
    assert ask(shop).ask_trouble == ""
    parcel = {
        "key": "_wc_shipment_tracking_items",
        "value": [{"tracking_number": "JD1", "tracking_provider": "DHL"}],
    }
    sandbox.change("woocommerce", "orders", 1007, status="completed", meta_data=[parcel])

    for _ in range(3):
        ConnectorState.objects.update(ask_due_at=None)
        assert ask(shop).ask_trouble == ""
    for row in InboundEvent.objects.all():
        jobs.run(str(row.pk))
    for event in Event.objects.all():
        events.WORK.run(str(event.pk))

    [event] = heard
    assert (event.subject, event.data["order_number"]) == ("order:1008", "1008")
    assert (event.data["tracking_number"], event.data["carrier"], event.data["source"]) == ("JD1", "DHL", "Shop")
    assert set(Call.objects.values_list("purpose", flat=True)) == {"changes"}
    assert "ben@example.com" not in "".join(InboundEvent.objects.values_list("body", flat=True))


class TestSettingsDecideWhatAConnectorCanDo:
    @pytest.fixture
    def connector(self, connector):
        connector.config = {"tells": True, "purpose": "email_marketing"}
        connector.save(update_fields=["config"])
        return connector

    def test_one_that_can_not_be_asked_is_not_asked(self, connector):
        assert due() == changes.Look(due=[])
        changes.run(str(connector.pk))
        assert Asked.cursors == []
        assert not ConnectorState.objects.exists()

    def test_its_page_does_not_say_that_it_is_asked(self, connector):
        assert vendor_card.standing(connector).asks_every == 0.0

    def test_its_own_words_for_a_consent_are_understood(self, connector):
        body = {"type": "contact.unsubscribed", "subject": "", "data": {"purpose": "newsletter"}}
        assert told.read(connector, body).data["purpose"] == "email_marketing"


def test_a_pass_that_ended_is_not_begun_anew_in_the_same_turn(connector):
    """Its next pass begins at the same place, which differs from the place inside it where it ended."""
    Asked.answers = [Changes([shipped(1)], "start 3:"), Changes([shipped(2)], "start", is_all=True)]
    assert ask(connector).ask_cursor == "start"
    assert len(Asked.cursors) == 2


def test_stock_that_leaves_the_erp_is_asked_for_anew(sandbox):
    old = {"version": "17", "database": "sandbox", "user": "shopbotly"}
    erp = connector_to(sandbox, "odoo", ODOO_KEY, old)
    assert ask(erp).ask_trouble == ""
    sandbox.change("odoo", "stock.quant", 227, quantity=7.0)

    for _ in range(2):
        ConnectorState.objects.update(ask_due_at=None)
        assert ask(erp).ask_trouble == ""
    for row in InboundEvent.objects.all():
        jobs.run(str(row.pk))

    [event] = Event.objects.all()
    assert (event.type, event.subject, event.data["available"]) == ("stock.changed", "stock:LAMP-01", "6.0")
