import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from engine import attempts, catalogue, orders
from engine.conversations import Customer
from engine.models import Conversation, Example, Faq, Intent, Slot, Turn
from engine.orders import order_look_up
from engine.services import question_ask
from engine.starter import FAQS, INTENTS, starter_install
from integrations.providers.base import Order, Stock
from tests.factories import ClientFactory, ExampleFactory, FaqFactory, IntentFactory, SlotFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("starter")]


@pytest.fixture
def bot():
    return ClientFactory()


def ask(bot, prompt, after=None, **more):
    return question_ask(client=bot, prompt=prompt, conversation_id=after and after.conversation_id, **more)


def facts(answer):
    return {fact.name: fact.value for fact in answer.facts}


@pytest.mark.db
def test_an_order_is_found_over_two_turns(bot, back_end):
    first = ask(bot, "Check order status")
    second = ask(bot, "S00042 anna@example.com", after=first)

    assert first.state == "needs_input"
    assert [missing.slot for missing in first.missing] == ["order_number", "email"]
    assert first.text == "What is your order number? Which e-mail address did you order with?"
    assert second.state == "answered"
    assert second.text == (
        "The status of your order S00042 is: shipped. The tracking number is XYZ-987. The carrier is DHL."
    )
    assert facts(second) == {
        "number": "S00042",
        "status": "shipped",
        "placed_at": "2026-11-20T00:00:00+00:00",
        "total": {"amount": "120.00", "currency": "EUR"},
        "tracking_number": "XYZ-987",
        "carrier": "DHL",
    }
    assert second.facts[0].as_json() == {
        "name": "number",
        "value": "S00042",
        "source": "ERP",
        "record_id": "42",
        "fetched_at": "2026-11-23T12:00:00+00:00",
        "age_seconds": 0.25,
        "cache": "miss",
    }


def test_each_slot_may_come_in_its_own_turn(bot, back_end):
    first = ask(bot, "Check order status")
    second = ask(bot, "it is S00042", after=first)
    third = ask(bot, "anna@example.com", after=second)

    assert [missing.slot for missing in second.missing] == ["email"]
    assert third.state == "answered"


def test_one_turn_that_says_everything_is_answered(bot, back_end):
    answer = ask(bot, "Where is my order S00042? My address is anna@example.com")

    assert answer.state == "answered"


def test_the_next_number_uses_the_address_told_before(bot, back_end):
    first = ask(bot, "Where is my order S00042? anna@example.com")
    second = ask(bot, "and S00043?", after=first)

    assert facts(second)["number"] == "S00043"


def test_a_clear_question_in_between_changes_the_subject(bot, back_end):
    first = ask(bot, "Check order status")
    second = ask(bot, "How long does shipping take?", after=first)

    assert (second.state, second.intent) == ("answered", "faq")
    assert "2 to 4 working days" in second.text


def test_an_unclear_reply_is_asked_again(bot, back_end):
    first = ask(bot, "Check order status")
    second = ask(bot, "hm let me look for it", after=first)

    assert (second.state, second.intent, second.confidence) == ("needs_input", "order_status", None)


def test_a_wrong_address_and_an_unknown_number_get_the_same_answer(bot, back_end):
    wrong = ask(bot, "Where is my order S00042? eve@example.com")
    unknown = ask(bot, "Where is my order S99999? anna@example.com")

    assert wrong.state == unknown.state == "no_match"
    assert wrong.text == unknown.text
    assert not wrong.facts
    assert not unknown.facts
    assert len(back_end.asked) == 2


def test_an_order_without_an_address_is_shown_to_nobody(bot, back_end):
    back_end.orders["S1"] = Order("S00001", "shipped", "1")
    back_end.orders["S00001"] = Order("S00001", "shipped", "1")

    answer = ask(bot, "Where is my order S00001? anna@example.com")

    assert answer.state == "no_match"


def test_after_a_wrong_pair_both_are_asked_for_again(bot, back_end):
    first = ask(bot, "Where is my order S00042? eve@example.com")
    second = ask(bot, "Check order status", after=first)

    assert [missing.slot for missing in second.missing] == ["order_number", "email"]


def test_tries_in_one_conversation_are_limited(bot, back_end):
    answer = None
    for _ in range(attempts.MOST_PER_CONVERSATION):
        answer = ask(bot, "Where is my order S00042? eve@example.com", after=answer)
        assert answer.state == "no_match"

    answer = ask(bot, "Where is my order S00042? anna@example.com", after=answer)

    assert answer.state == "verification_required"
    assert not answer.facts
    assert len(back_end.asked) == attempts.MOST_PER_CONVERSATION


def test_tries_on_one_number_are_limited_over_all_conversations(bot, back_end):
    for n in range(attempts.MOST_PER_NUMBER):
        ask(bot, f"Where is my order S00042? eve{n}@example.com")

    assert ask(bot, "Where is my order S00042? anna@example.com").state == "verification_required"
    assert ask(bot, "Where is my order S00043? anna@example.com").state == "answered"


def test_tries_with_one_address_are_limited_over_all_conversations(bot, back_end):
    for n in range(attempts.MOST_PER_CONTACT):
        ask(bot, f"Where is my order S1{n:04}? anna@example.com")

    assert ask(bot, "Where is my order S00042? anna@example.com").state == "verification_required"


def test_tries_made_at_once_cannot_pass_a_limit_together(bot):
    def begin(_):
        try:
            attempts.begin(client_id=bot.pk, number="S00042", contact=str(uuid4()))
        except attempts.TooManyAttempts:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(begin, range(40)))

    assert sum(begun) <= attempts.MOST_PER_NUMBER
    assert sum(begun) >= attempts.MOST_PER_NUMBER - 8


def test_a_refusal_takes_as_long_for_an_order_that_is_there_as_for_one_that_is_not(bot, back_end, monkeypatch):
    monkeypatch.setattr(orders, "REFUSED_AFTER_SECONDS", 0.5)
    for number in ("S00042", "S99999"):
        started = time.monotonic()
        assert order_look_up(client=bot, number=number, email="eve@example.com", seconds=10) is None
        assert 0.5 <= time.monotonic() - started < 5


def test_right_answers_are_not_counted(bot, back_end):
    answer = None
    for _ in range(attempts.MOST_PER_CONVERSATION + 2):
        answer = ask(bot, "Where is my order S00042? anna@example.com", after=answer)
        assert answer.state == "answered"


def test_the_chatbots_server_may_say_who_is_asking(bot, back_end):
    answer = ask(bot, "Where is my order S00042?", customer=Customer(email="anna@example.com", reference="c-12"))

    assert answer.state == "answered"
    assert Conversation.objects.get().customer_reference == "c-12"


def test_a_phone_number_proves_whose_order_it_is(bot, back_end):
    right = ask(bot, "Where is my order S00042?", customer=Customer(phone="030 901820"))
    wrong = ask(bot, "Where is my order S00042?", customer=Customer(phone="+49 30 901821"))

    assert right.state == "answered"
    assert wrong.state == "no_match"


def test_a_back_end_that_does_not_answer_is_said_so_and_costs_no_try(bot, back_end):
    back_end.is_down = True
    answer = None
    for _ in range(attempts.MOST_PER_CONVERSATION + 1):
        answer = ask(bot, "Where is my order S00042? anna@example.com", after=answer)
        assert answer.state == "unavailable"

    back_end.is_down = False
    assert ask(bot, "Check order status", after=answer).state == "answered"


def test_the_back_end_gets_what_is_left_of_the_deadline(bot, back_end):
    ask(bot, "Is FURN_7777 available?", deadline_ms=700)

    [(_, _, deadline)] = back_end.asked
    assert 0 < deadline <= 0.7


def test_stock_is_answered_with_a_receipt(bot, back_end):
    answer = ask(bot, "Do you have FURN_7777 in stock?")

    assert answer.text == "Office Chair (FURN_7777) is in stock. Available now: 5. It costs 70.00 EUR."
    assert facts(answer)["available"] == 5
    assert {fact.receipt.source for fact in answer.facts} == {"ERP"}


def test_an_article_typed_in_small_letters_is_found(bot, back_end):
    assert ask(bot, "do you have furn_7777 in stock?").state == "answered"


def test_an_article_that_was_asked_for_may_be_any_single_word(bot, back_end):
    back_end.stocks["CHAIR"] = Stock("CHAIR", "Chair", Decimal(0), "8")
    first = ask(bot, "Check stock")
    second = ask(bot, "chair", after=first)

    assert second.text == "Chair (CHAIR) is out of stock. Available now: 0."


def test_an_unknown_article_is_said_so_and_asked_for_again(bot, back_end):
    first = ask(bot, "Do you have FURN_1 in stock?")
    second = ask(bot, "Check stock", after=first)

    assert first.state == "no_match"
    assert second.state == "needs_input"


def test_values_alone_suggest_what_they_could_be_for(bot, back_end):
    answer = ask(bot, "S00042 anna@example.com")

    assert answer.state == "suggestions"
    assert [suggestion.intent for suggestion in answer.suggestions] == ["order_status", "stock"]
    assert back_end.asked == []


def test_what_is_far_from_everything_is_no_match(bot, back_end):
    answer = ask(bot, "What is the weather like?")

    assert (answer.state, answer.intent, answer.suggestions) == ("no_match", None, [])


def test_two_intents_alike_are_both_suggested(bot):
    for name in ("gift-cards", "gift-wrap"):
        ExampleFactory(intent=IntentFactory(name=name, answer=name), text=f"buy {name.replace('-', ' ')}")

    answer = ask(bot, "buy gift")

    assert answer.state == "suggestions"
    assert {suggestion.intent for suggestion in answer.suggestions} == {"gift-cards", "gift-wrap"}


def test_a_free_text_slot_takes_the_next_prompt_whole(bot):
    intent = IntentFactory(name="feedback", action=Intent.Action.TEXT, answer="Thank you!")
    ExampleFactory(intent=intent, text="leave feedback")
    SlotFactory(intent=intent, name="words", kind=Slot.Kind.TEXT, prompt="What would you like to tell us?")

    first = ask(bot, "leave feedback")
    second = ask(bot, "your chairs {answer} are great", after=first)

    assert first.text == "What would you like to tell us?"
    assert second.text == "Thank you!"
    assert Conversation.objects.get().slots == {"words": "your chairs {answer} are great"}


def test_publishable_callers_reach_public_intents_only(bot, back_end):
    private = ask(bot, "Check order status", is_public=True, explain=True)
    public = ask(bot, "Do you have FURN_7777 in stock?", is_public=True)

    assert private.intent is None
    assert "order_status" not in {match["intent"] for match in private.explanation["matches"]}
    assert public.state == "answered"


def test_publishable_callers_cannot_go_on_with_what_a_server_began(bot, back_end):
    first = ask(bot, "Check order status")

    second = ask(bot, "S00042 anna@example.com", after=first, is_public=True)

    assert second.intent is None
    assert back_end.asked == []


def test_turns_are_stored_with_what_was_said(bot, back_end):
    first = ask(bot, "Check order status", request_id="req-1")
    ask(bot, "S00042 anna@example.com", after=first)

    turns = Turn.objects.order_by("at")
    assert [(turn.prompt, turn.state) for turn in turns] == [
        ("Check order status", "needs_input"),
        ("S00042 anna@example.com", "answered"),
    ]
    assert turns[0].request_id == "req-1"
    assert turns[1].facts[0]["source"] == "ERP"
    assert turns[1].intent.name == "order_status"


@pytest.mark.db
def test_a_foreign_conversation_does_not_exist(bot):
    first = ask(bot, "Check order status")

    with pytest.raises(Conversation.DoesNotExist):
        ask(ClientFactory(), "hello", after=first)


def test_explaining_names_the_example_and_the_thresholds(bot):
    answer = ask(bot, "Check order status", explain=True)

    assert answer.explanation["because"] == 'The prompt is like "Check order status".'
    assert answer.explanation["matches"][0] == {
        "intent": "order_status",
        "confidence": 1.0,
        "example": "Check order status",
    }
    assert ask(bot, "Check order status").explanation is None


@pytest.mark.parametrize(
    "change",
    [
        lambda: Example.objects.create(intent=Intent.objects.get(name="help"), text="xylophone"),
        lambda: Faq.objects.create(question="xylophone", answer="xylophone"),
        lambda: IntentFactory(name="xylophone", label="xylophone", answer="xylophone"),
    ],
)
@pytest.mark.db
def test_a_change_is_answered_at_once(bot, change):
    before = ask(bot, "xylophone")
    change()

    assert before.state == "no_match"
    assert ask(bot, "xylophone").state == "answered"


def test_a_deleted_or_switched_off_intent_is_forgotten_at_once(bot):
    assert ask(bot, "help").state == "answered"
    intent = Intent.objects.get(name="help")
    intent.is_active = False
    intent.save()

    assert ask(bot, "help").state == "no_match"


def test_a_change_that_moves_no_marker_is_seen_after_a_while(bot, monkeypatch):
    ask(bot, "help")
    Intent.objects.filter(name="help").update(answer="Changed in bulk")
    monkeypatch.setattr(catalogue, "_LONGEST_SECONDS", 0.0)

    assert ask(bot, "help").text == "Changed in bulk"


def test_an_order_intent_without_slots_still_asks_what_it_must_know(bot, back_end):
    Slot.objects.all().delete()

    first = ask(bot, "Check order status")

    assert [missing.slot for missing in first.missing] == ["order_number", "email"]
    assert ask(bot, "S00042 anna@example.com", after=first).state == "answered"


def test_what_a_back_end_says_is_never_expanded(bot, back_end):
    back_end.orders["S00042"] = Order("{status}", "{carrier} {tracking_number}", "42", email="anna@example.com")

    answer = ask(bot, "Where is my order S00042? anna@example.com")

    assert answer.text == "The status of your order {status} is: {carrier} {tracking_number}."


def test_a_question_costs_few_statements(bot, back_end):
    first = ask(bot, "Check order status")

    with CaptureQueriesContext(
        connection,
    ) as new:
        ask(bot, "Check order status")
    with CaptureQueriesContext(connection) as next_turn:
        ask(bot, "S00042 anna@example.com", after=first)

    def statements(captured):
        return [q["sql"] for q in captured if "SAVEPOINT" not in q["sql"] and not q["sql"].startswith("BEGIN")]

    assert len(statements(new)) == 3
    assert len(statements(next_turn)) == 4


def test_the_starter_adds_nothing_twice_and_overwrites_nothing():
    Intent.objects.filter(name="help").update(answer="Mine")
    Example.objects.filter(intent__name="help").delete()
    Faq.objects.first().delete()

    starter_install()

    assert Intent.objects.count() == len(INTENTS)
    assert Intent.objects.get(name="help").answer == "Mine"
    assert not Example.objects.filter(intent__name="help").exists()
    assert Faq.objects.count() == len(FAQS) - 1


def test_only_active_faqs_are_answered(bot):
    FaqFactory(question="Do you sell xylophones?", answer="Yes", is_active=False)

    assert ask(bot, "Do you sell xylophones?").state == "no_match"


def test_the_conversation_remembers_when_it_was_last_used(bot):
    first = ask(bot, "Check order status")
    Conversation.objects.update(updated_at=Conversation.objects.get().created_at - timedelta(days=1))

    ask(bot, "S00042", after=first)

    conversation = Conversation.objects.get()
    assert conversation.updated_at > conversation.created_at
