"""What changes something is done after a yes to just that, once, whatever happens on the way."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest

from engine import confirmations
from engine.conversations import Customer
from engine.models import Confirmation, Conversation, Intent
from engine.retention import prune_conversations
from engine.services import question_ask
from integrations import deliveries
from integrations.drain import drain
from integrations.explanations import explain
from integrations.models import Call, Connector, Delivery
from integrations.settling import UNANSWERED_WAIT
from runtime import personal
from runtime.personal import Person
from tests.factories import ClientFactory, ExampleFactory, IntentFactory, UserFactory
from tests.integrations.providers.rest.definitions import WRITE, config
from tests.integrations.providers.sandboxed import connector_to
from tests.sandbox import REST_KEY

pytestmark = pytest.mark.django_db(transaction=True)

ONCE_AT_MOST = {**WRITE, "idempotency_header": ""}


@pytest.fixture
def bot():
    return ClientFactory()


@pytest.fixture
def connector(sandbox):
    return connector_to(sandbox, "rest", REST_KEY, config(WRITE))


@pytest.fixture
def intent(connector):
    row = IntentFactory(
        name="return", action=Intent.Action.OPERATION, connector=connector, operation="announce_return", answer=""
    )
    ExampleFactory(intent=row, text="I want to send it back")
    return row


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(confirmations, "_LOOK_SECONDS", 0.01)


def ask(bot, prompt, after=None, deadline_ms=100, **more):
    id = after and after.conversation_id
    return question_ask(client=bot, prompt=prompt, conversation_id=id, deadline_ms=deadline_ms, **more)


def asked(bot, number="R-1001"):
    """Return the answer that asks for a yes."""
    second = ask(bot, number, after=ask(bot, "I want to send it back"))
    return ask(bot, "It is too small", after=second)


def returns(sandbox):
    return sandbox.rows("rest", "returns")


def answer_late(connector):
    """Let what waits for an answer that never came be due."""
    due = Delivery.objects.filter(connector=connector)
    for row in due:
        at = row.unanswered_at and row.unanswered_at - UNANSWERED_WAIT
        due.filter(pk=row.pk).update(due_at=row.created_at - timedelta(hours=1), unanswered_at=at)
    drain(connector.pk)


@pytest.mark.db
def test_it_is_asked_first_and_done_after_the_yes(bot, sandbox, connector, intent):
    question = asked(bot)
    assert question.state == "needs_input"
    said = "Announce a return: order number R-1001, reason It is too small. Shall I do that? Please answer yes or no."
    assert question.text == said
    assert [missing.slot for missing in question.missing] == ["confirmation"]
    assert Delivery.objects.count() == 0
    answer = ask(bot, "Yes, please!", after=question)
    assert (answer.state, answer.text) == ("partial", "It is on its way and will be done in a moment.")
    drain(connector.pk)
    [row] = returns(sandbox)
    assert (row["order_number"], row["reason"]) == ("R-1001", "It is too small")
    assert Delivery.objects.get().state == "delivered"


def test_what_the_system_said_is_told(bot, sandbox, connector, intent):
    question = asked(bot)
    worker = threading.Timer(0.3, drain, [connector.pk])
    worker.start()
    answer = ask(bot, "yes", after=question, deadline_ms=10_000)
    worker.join()
    assert (answer.state, answer.text) == ("answered", "Return id: r1.")
    assert answer.facts[0].receipt.source == connector.name


@pytest.mark.parametrize("prompt", ["no", "No thanks.", "nein"])
def test_a_no_ends_it(bot, sandbox, connector, intent, prompt):
    answer = ask(bot, prompt, after=asked(bot))
    assert (answer.state, answer.text) == ("answered", "All right, nothing was done.")
    assert ask(bot, "yes", after=answer).state != "answered"
    drain(connector.pk)
    assert returns(sandbox) == []


LONG_YES = f"yes{' ' * 120}but only the blue one"


@pytest.mark.parametrize("prompt", ["yes but order R-1002", "yes and no", "maybe", "R-1002", "yesterday", LONG_YES])
def test_anything_but_a_yes_is_asked_again(bot, sandbox, connector, intent, prompt):
    answer = ask(bot, prompt, after=asked(bot))
    assert answer.state == "needs_input"
    assert Delivery.objects.count() == 0


def test_a_yes_is_to_the_very_last_question(bot, sandbox, connector, intent):
    question = asked(bot)
    changed = ask(bot, "R-1002", after=question)
    assert "order number R-1002" in changed.text
    ask(bot, "yes", after=changed)
    drain(connector.pk)
    assert [row["order_number"] for row in returns(sandbox)] == ["R-1002"]


def test_a_yes_counts_for_what_it_was_about_alone(bot, sandbox, connector, intent):
    question = asked(bot)
    # As if another request had changed the values after the question was asked.
    row = Conversation.objects.get()
    Conversation.objects.filter(pk=row.pk).update(slots={**row.slots, "order_number": "R-1002"})
    answer = ask(bot, "yes", after=question)
    assert answer.state == "needs_input"
    assert "R-1002" in answer.text
    assert Delivery.objects.count() == 0


@pytest.mark.db
def test_two_that_say_yes_at_once_have_it_done_once(bot, sandbox, connector, intent):
    question = asked(bot)
    slots = Conversation.objects.get().slots
    ask(bot, "yes", after=question)
    # As the other request read it, before the first one was answered.
    Conversation.objects.update(slots=slots)
    ask(bot, "yes", after=question)
    assert Confirmation.objects.count() == Delivery.objects.count() == 1
    drain(connector.pk)
    Conversation.objects.update(slots=slots)
    assert ask(bot, "yes", after=question).text == "Return id: r1."
    drain(connector.pk)
    assert len(returns(sandbox)) == 1


def test_a_second_yes_does_nothing(bot, sandbox, connector, intent):
    done = ask(bot, "yes", after=asked(bot))
    ask(bot, "yes", after=done)
    drain(connector.pk)
    assert len(returns(sandbox)) == 1


def test_what_is_repeatable_is_repeated_under_its_number(bot, sandbox, connector, intent):
    question = asked(bot)
    ask(bot, "yes", after=question)
    sandbox.fault(vendor="rest", reset="after", count=1)
    drain(connector.pk)
    assert Delivery.objects.get().state == "waiting"
    answer_late(connector)
    assert Delivery.objects.get().state == "delivered"
    assert len(returns(sandbox)) == 1


@pytest.mark.db
def test_what_is_not_repeatable_is_put_before_a_person(bot, sandbox, connector, intent):
    Connector.objects.filter(pk=connector.pk).update(config=config(ONCE_AT_MOST))
    ask(bot, "yes", after=asked(bot))
    sandbox.fault(vendor="rest", reset="after", count=1)
    drain(connector.pk)
    answer_late(connector)
    row = Delivery.objects.get()
    assert (row.state, row.reason) == ("needs_you", "change_unanswered")
    assert "may have been done or not" in explain(row)
    assert len(returns(sandbox)) == 1
    # A person has looked, and presses "Send again".
    deliveries.send_again(deliveries=[row])
    answer_late(connector)
    assert Delivery.objects.get().state == "delivered"
    assert len(returns(sandbox)) == 2


@pytest.mark.db
@pytest.mark.parametrize(
    "unreadable",
    [
        {"record": "id"},
        {"answer": [{"field": "return_id", "source": "abs(id)"}]},
        {"record": "[@, @]"},
        {"failed_if": "abs(id)"},
    ],
)
def test_an_answer_that_is_not_understood_has_nothing_done_again(bot, sandbox, connector, intent, unreadable):
    Connector.objects.filter(pk=connector.pk).update(config=config({**ONCE_AT_MOST, **unreadable}))
    ask(bot, "yes", after=asked(bot))
    drain(connector.pk)
    answer_late(connector)
    row = Delivery.objects.get()
    assert (row.state, row.reason) == ("needs_you", "change_unanswered")
    assert "gave no answer that can be read: “" in explain(row)
    assert len(returns(sandbox)) == 1


def test_nothing_is_promised_of_a_connector_that_is_switched_off(bot, sandbox, connector, intent):
    Connector.objects.filter(pk=connector.pk).update(is_active=False)
    assert ask(bot, "I want to send it back").state == "unavailable"
    assert Delivery.objects.count() == 0


def test_what_has_to_be_told_may_be_called_anything(bot, sandbox, connector, intent):
    told = {
        **WRITE,
        "arguments": [["order_number", "Which order is it?"], ["asking", "Why does it come back?"]],
        "body": [{"field": "order_number", "source": "order_number"}, {"field": "reason", "source": "asking"}],
    }
    Connector.objects.filter(pk=connector.pk).update(config=config(told))
    ask(bot, "yes", after=asked(bot))
    drain(connector.pk)
    assert [row["reason"] for row in returns(sandbox)] == ["It is too small"]


def test_a_worker_that_dies_while_sending_is_no_reason_to_do_it_twice(bot, sandbox, connector, intent):
    Connector.objects.filter(pk=connector.pk).update(config=config(ONCE_AT_MOST))
    ask(bot, "yes", after=asked(bot))
    Delivery.objects.claim_batch(connector.pk, 1)
    Delivery.objects.update(lease_until=Delivery.objects.get().created_at - timedelta(hours=1))
    drain(connector.pk)
    answer_late(connector)
    assert Delivery.objects.get().reason == "change_unanswered"
    assert returns(sandbox) == []


@pytest.mark.db
def test_what_is_done_is_never_done_again(bot, sandbox, connector, intent):
    ask(bot, "yes", after=asked(bot))
    drain(connector.pk)
    deliveries.send_again(deliveries=[Delivery.objects.get()])
    drain(connector.pk)
    assert len(returns(sandbox)) == 1
    assert {row.state for row in Delivery.objects.all()} == {"delivered", "cancelled"}


def test_the_page_of_a_delivery_says_what_it_was_about_before_and_after_it_is_done(
    bot, sandbox, connector, intent, client
):
    client.force_login(UserFactory())
    ask(bot, "yes", after=asked(bot))
    page = f"/admin/integrations/delivery/{Delivery.objects.get().pk}/change/"
    about = "Announce a return: order number R-1001, reason It is too small"
    assert about in client.get(page).content.decode()
    drain(connector.pk)
    assert about in client.get(page).content.decode()


def test_a_refusal_is_said(bot, sandbox, connector, intent):
    question = asked(bot, number="R-9999")
    worker = threading.Timer(0.3, drain, [connector.pk])
    worker.start()
    answer = ask(bot, "yes", after=question, deadline_ms=10_000)
    worker.join()
    assert answer.state == "partial"
    assert answer.text.startswith("That did not work at once.")


def test_a_visitors_address_is_the_sessions(bot, connector):
    told = {**WRITE, "arguments": {"email": "Whose?"}, "body": [{"field": "order_number", "source": "email"}]}
    Connector.objects.filter(pk=connector.pk).update(config=config(told))
    row = IntentFactory(name="x", action=Intent.Action.OPERATION, connector=connector, operation="announce_return")
    ExampleFactory(intent=row, text="I want to send it back")
    eve = Customer(email="eve@example.com", is_alone=True)
    question = ask(bot, "I want to send it back anna@example.com", customer=eve)
    assert "eve@example.com" in question.text
    assert "anna" not in question.text


@pytest.mark.db
def test_a_conversation_is_kept_until_what_was_confirmed_in_it_is_done(bot, sandbox, connector, intent, later):
    ask(bot, "yes", after=asked(bot))
    later(days=3)
    assert prune_conversations(days=1) == 0
    drain(connector.pk)
    assert len(returns(sandbox)) == 1
    assert prune_conversations(days=1) == 1


def test_who_is_erased_takes_along_what_they_confirmed(bot, connector, intent):
    ask(bot, "yes", after=asked(bot))
    Confirmation.objects.update(arguments={"order_number": "R-1001", "reason": "anna@example.com said so"})
    Conversation.objects.update(slots={})
    Conversation.objects.get().turns.all().delete()
    who = Person(uuid4(), identifiers=["anna@example.com"])
    for holding in personal.holdings():
        if holding.table == "engine.Conversation":
            holding.forget(who)
    assert Confirmation.objects.count() == 0
    drain(connector.pk)
    assert (Delivery.objects.get().state, Call.objects.count()) == ("cancelled", 0)
