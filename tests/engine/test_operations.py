"""Intents that look up what an administrator has defined of a system."""

from uuid import uuid4

import pytest

from engine import attempts, confirmations, orders
from engine.conversations import Customer
from engine.models import Confirmation, Conversation, Intent
from engine.services import question_ask
from integrations import endpoints, lookups
from integrations.models import Call, Connector
from integrations.providers.endpoints import Endpoint
from runtime import events
from runtime.models import Event
from tests.factories import ClientFactory, ExampleFactory, IntentFactory, SlotFactory
from tests.integrations.providers.rest.definitions import READ, WRITE, config
from tests.integrations.providers.sandboxed import connector_to
from tests.sandbox import REST_KEY

pytestmark = [pytest.mark.django_db(transaction=True)]

OWNED = {
    "name": "parcel",
    "label": "Where a parcel is",
    "use": "read",
    "path": "/v1/orders/{order_number}",
    "record": "data",
    "answer": [
        {"field": "state", "source": "state"},
        {"field": "email", "source": "customer.email"},
        {"field": "placed_2026", "source": "starts_with(created_at, '2026')"},
    ],
    "arguments": {"order_number": "Which order is it?"},
}


@pytest.fixture
def bot():
    return ClientFactory()


@pytest.fixture
def connector(sandbox):
    return connector_to(sandbox, "rest", REST_KEY, config(READ, WRITE, OWNED))


def intent_for(connector, operation, answer="", **more):
    row = IntentFactory(
        name=operation, action=Intent.Action.OPERATION, connector=connector, operation=operation, answer=answer, **more
    )
    ExampleFactory(intent=row, text="When are you open")
    return row


def ask(bot, prompt, after=None, **more):
    return question_ask(client=bot, prompt=prompt, conversation_id=after and after.conversation_id, **more)


def test_what_was_defined_is_asked_for_and_told_with_its_receipt(bot, connector):
    intent_for(connector, "opening_hours", "We are open {hours}. Our shop is at {street}. Closed on {holiday}.")
    first = ask(bot, "When are you open")
    assert (first.state, first.text) == ("needs_input", "Which town are you in?")
    second = ask(bot, "Berlin", after=first)
    assert second.state == "answered"
    assert second.text == "We are open Mo-Sa 10:00-19:00. Our shop is at Lampenweg 1. Closed on {holiday}."
    assert {fact.name: fact.value for fact in second.facts} == {"street": "Lampenweg 1", "hours": "Mo-Sa 10:00-19:00"}
    assert second.facts[0].receipt.source == connector.name


def test_without_words_of_ones_own_the_facts_are_told(bot, connector):
    intent_for(connector, "opening_hours")
    answer = ask(bot, "Berlin", after=ask(bot, "When are you open"))
    assert answer.text == "Street: Lampenweg 1. Hours: Mo-Sa 10:00-19:00."


def test_what_is_not_known_is_asked_for_again(bot, connector):
    intent_for(connector, "opening_hours")
    answer = ask(bot, "Nowhere", after=ask(bot, "When are you open"))
    assert answer.state == "no_match"
    assert ask(bot, "Berlin", after=answer).state == "answered"


def test_the_same_question_is_asked_once(bot, connector):
    intent_for(connector, "opening_hours")
    for _ in range(2):
        ask(bot, "Berlin", after=ask(bot, "When are you open"))
    assert Call.objects.count() == 1
    assert "Berlin" not in Call.objects.get().url


def test_the_question_may_be_put_in_ones_own_words(bot, connector):
    row = intent_for(connector, "opening_hours")
    SlotFactory(intent=row, name="town", kind="text", prompt="Your town, please?")
    assert ask(bot, "When are you open").text == "Your town, please?"


@pytest.mark.parametrize(("email", "state"), [("anna@example.com", "answered"), ("eve@example.com", "no_match")])
def test_what_says_whose_it_is_is_told_to_that_person_alone(bot, connector, monkeypatch, email, state):
    monkeypatch.setattr(orders, "REFUSED_AFTER_SECONDS", 0.0)
    intent_for(connector, "parcel")
    first = ask(bot, "When are you open")
    assert [missing.slot for missing in first.missing] == ["order_number", "email"]
    second = ask(bot, f"R-1001 {email}", after=first)
    assert second.state == state
    told = {fact.name: fact.value for fact in second.facts}
    assert told == ({"state": "sent", "placed_2026": True} if state == "answered" else {})
    assert second.text != "" and "anna" not in second.text


def test_a_visitors_session_decides_whose_it_is(bot, connector, monkeypatch):
    monkeypatch.setattr(orders, "REFUSED_AFTER_SECONDS", 0.0)
    intent_for(connector, "parcel")
    eve = Customer(email="eve@example.com", is_alone=True)
    first = ask(bot, "When are you open", customer=eve)
    assert ask(bot, "R-1001 anna@example.com", after=first, customer=eve).state == "no_match"


def test_what_is_gone_is_not_asked(bot, connector):
    intent_for(connector, "nosuch")
    assert ask(bot, "When are you open").state == "unavailable"


def test_a_system_that_is_down_is_said_to_be(bot, sandbox, connector):
    intent_for(connector, "opening_hours")
    first = ask(bot, "When are you open")
    sandbox.fault(vendor="rest", status=503)
    assert ask(bot, "Berlin", after=first).state == "unavailable"


def test_an_endpoint_that_is_removed_leaves_the_intent_unanswered(bot, connector):
    intent_for(connector, "opening_hours")
    endpoints.endpoint_drop(connector=connector, name="opening_hours")
    assert ask(bot, "When are you open").state == "unavailable"
    endpoints.endpoint_save(connector=connector, endpoint=Endpoint.of(READ))


def test_an_intent_is_given_an_operation_in_the_admin(client, connector):
    from tests.factories import UserFactory

    client.force_login(UserFactory())
    form = {"label": "Open", "name": "open", "action": "operation", "is_active": "on", "answer": ""}
    inlines = {f"{name}-{count}": "0" for name in ("examples", "slots") for count in ("TOTAL_FORMS", "INITIAL_FORMS")}
    address = "/admin/engine/intent/add/"
    assert "Choose what is asked" in client.post(address, {**form, **inlines}).content.decode()
    wrong = client.post(address, {**form, **inlines, "asks": f"{connector.pk} nosuch"})
    assert wrong.status_code == 200
    right = client.post(address, {**form, **inlines, "asks": f"{connector.pk} opening_hours"})
    assert right.status_code == 302
    row = Intent.objects.get()
    assert (row.connector, row.operation) == (connector, "opening_hours")
    page = client.get(f"/admin/engine/intent/{row.pk}/change/").content.decode()
    assert "no longer defined" not in page
    endpoints.endpoint_drop(connector=connector, name="opening_hours")
    assert "no longer defined" in client.get(f"/admin/engine/intent/{row.pk}/change/").content.decode()
    client.post(f"/admin/engine/intent/{row.pk}/change/", {**form, **inlines, "action": "text", "answer": "Hello"})
    row.refresh_from_db()
    assert (row.connector, row.operation) == (None, "")


def test_a_fact_may_be_called_anything(bot, connector):
    answer = [{"field": "receipt", "source": "street"}, {"field": "values", "source": "opening_hours"}]
    named = {**READ, "answer": answer}
    Connector.objects.filter(pk=connector.pk).update(config=config(named))
    intent_for(connector, "opening_hours", "{receipt}")
    assert ask(bot, "Berlin", after=ask(bot, "When are you open")).text == "Lampenweg 1"


def test_trying_one_address_after_the_other_is_counted_for_the_record(bot, connector, monkeypatch):
    monkeypatch.setattr(orders, "REFUSED_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(attempts, "MOST_PER_NUMBER", 2)
    told = {**OWNED, "arguments": [["order_number", "Which order is it?"], ["email", "Whose is it?"]]}
    Connector.objects.filter(pk=connector.pk).update(config=config(told))
    intent_for(connector, "parcel")
    states = [
        ask(bot, f"R-1001 {name}@example.com", after=ask(bot, "When are you open")).state for name in ("a", "b", "c")
    ]
    assert states == ["no_match", "no_match", "verification_required"]


def test_a_look_up_never_sends_a_change(bot, connector):
    intent_for(connector, "opening_hours")
    question = ask(bot, "When are you open")
    # As long as this process remembers the look-up, another one has defined a change under its name.
    change = {**WRITE, "name": "opening_hours", "arguments": READ["arguments"]}
    Connector.objects.filter(pk=connector.pk).update(config=config(change))
    assert ask(bot, "Berlin", after=question).state == "unavailable"
    assert Call.objects.count() == 0


def test_what_was_looked_up_is_dropped_when_a_change_is_done_there(bot, connector, sandbox):
    def looked_up():
        return lookups.operation(connector.pk, "opening_hours", {"town": "Berlin"}, deadline=5).cache

    assert [looked_up(), looked_up()] == ["miss", "hit"]
    change = Confirmation.objects.create(
        id=uuid4(), conversation=Conversation.objects.create(client=bot), connector=connector, operation="x", label="X"
    )
    confirmations.done(change.pk, {})
    for event in Event.objects.all():
        events.WORK.run(str(event.pk))

    assert [looked_up(), looked_up()] == ["miss", "hit"]
