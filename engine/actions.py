"""Where an intent's answer comes from."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine import attempts, slots
from engine.answers import Fact, Receipt, render
from engine.catalogue import Catalogue, KnownIntent, KnownOperation, SlotSpec
from engine.facts import facts_of, order_facts, receipt_of, stock_facts
from engine.models import Confirmation, Intent, Turn
from engine.orders import belongs_to, look_up_theirs, order_look_up
from engine.resolver import SUGGEST_FROM, Resolver
from gateway.models import Client
from integrations import lookups
from integrations.lookups import Found
from integrations.models import Delivery
from integrations.providers.base import Stock
from runtime.clock import db_now

SecondsLeft = Callable[[], float]

_UNDER_WAY = {Delivery.State.WAITING, Delivery.State.SENDING, Delivery.State.CONFIRMING}
_OWNER = ("email", "phone")
"""Facts of an operation that say whose it is."""

NO_SUCH_ORDER = "I can't find an order with this number and e-mail address. Please check both and send them again."
TOO_MANY_TRIES = "That did not fit too many times. Please contact us, so that a person can help you."
NO_SUCH_ARTICLE = "I don't know an article with this number. Please check it and send it again."
NOTHING_FOUND = "I can't find anything for that. Please check it and send it again."
ASK_WHOSE = "Which e-mail address is it under?"
DONE = "Done."
ON_ITS_WAY = "It is on its way and will be done in a moment."
TRIED_AGAIN = "That did not work at once. It is tried again, and somebody looks at it if it goes on failing."
DID_NOT_WORK = "That did not work. Somebody will look at it."
NO_SUCH_FAQ = "I don't have an answer to that."
NOT_REACHED = "I can't look that up right now. Please try again in a moment."


@dataclass(frozen=True, slots=True)
class Question:
    """An intent and what it needs: `values` is `{kind: value}`, `named` `{slot name: value}`.

    `seconds_left` says how long the answer may take.
    """

    prompt: str
    intent: KnownIntent
    values: Mapping[str, str]
    named: Mapping[str, str]
    phone: str
    client: Client
    conversation_id: uuid.UUID
    catalogue: Catalogue
    resolver: Resolver
    seconds_left: SecondsLeft


@dataclass(frozen=True, slots=True)
class Result:
    """What an action found out; `is_over` says that the values were wrong or have served: they are forgotten."""

    state: Turn.State
    text: str
    facts: Sequence[Fact] = ()
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """What an action needs to know (`{kind: question}`), which facts it gives, and its answer where none is written."""

    run: Callable[[Question], Result]
    facts: tuple[str, ...] = ()
    answer: str = ""
    needs: Mapping[str, str] = field(default_factory=dict)

    def result(self, question: Question, facts: Sequence[Fact]) -> Result:
        """Return the intent's own answer, or this action's, filled with facts."""
        said = {fact.name: fact.text for fact in facts}
        text = render(question.intent.answer, self.facts, said) or render(self.answer, self.facts, said)
        return Result(Turn.State.ANSWERED, text, facts)


def action_of(intent: KnownIntent) -> Action:
    """Return the action an intent names."""
    action = ACTIONS[intent.action]
    if intent.operation is None:
        return action
    facts = tuple(name for name in intent.operation.facts if name not in _OWNER)
    return replace(action, facts=facts, answer=" ".join(f"{_worded(name)}: {{{name}}}." for name in facts))


def slots_of(intent: KnownIntent) -> tuple[SlotSpec, ...]:
    """Return what must be known to answer: the intent's slots, and what its action needs besides."""
    has = {slot.kind for slot in intent.slots}
    if intent.operation is not None:
        return intent.slots + _operation_slots(intent, intent.operation)
    needs = action_of(intent).needs
    return intent.slots + tuple(SlotSpec(kind, kind, prompt) for kind, prompt in needs.items() if kind not in has)


def look_up_order(question: Question) -> Result:
    """Answer where an order is, to the person who placed it."""
    values = question.values
    try:
        found = order_look_up(
            client=question.client,
            number=values[slots.ORDER_NUMBER],
            email=values.get(slots.EMAIL, ""),
            phone=question.phone,
            seconds=question.seconds_left(),
            conversation_id=question.conversation_id,
        )
    except attempts.TooManyAttempts:
        return Result(Turn.State.VERIFICATION_REQUIRED, TOO_MANY_TRIES, is_over=True)
    except lookups.Unavailable:
        return Result(Turn.State.UNAVAILABLE, NOT_REACHED)
    if found is None or found.value is None:
        return Result(Turn.State.NO_MATCH, NO_SUCH_ORDER, is_over=True)
    return action_of(question.intent).result(question, order_facts(found.value, receipt_of(found)))


def look_up_stock(question: Question) -> Result:
    """Answer how much of an article there is."""
    try:
        found = stock_look_up(question.values[slots.SKU], question.seconds_left)
    except lookups.Unavailable:
        return Result(Turn.State.UNAVAILABLE, NOT_REACHED)
    if found is None or found.value is None:
        return Result(Turn.State.NO_MATCH, NO_SUCH_ARTICLE, is_over=True)
    return action_of(question.intent).result(question, stock_facts(found.value, receipt_of(found)))


def stock_look_up(sku: str, seconds_left: SecondsLeft) -> Found[Stock] | None:
    """Return the stock of an article as it was typed, else in capitals, which people leave out when they chat.

    Raises: lookups.Unavailable.
    """
    for spelling in dict.fromkeys((sku, sku.upper())):
        found = lookups.stock(spelling, deadline=seconds_left())
        if found.value is not None:
            return found
    return None


def _operation_slots(intent: KnownIntent, operation: KnownOperation) -> tuple[SlotSpec, ...]:
    """Return what an operation has to be told besides what the intent asks for; and whose it is, where that matters."""
    names, kinds = {slot.name for slot in intent.slots}, {slot.kind for slot in (*intent.slots, *operation.slots)}
    needed = tuple(slot for slot in operation.slots if slot.name not in names)
    proof = SlotSpec(slots.EMAIL, slots.EMAIL, ASK_WHOSE)
    return (*needed, proof) if _is_somebodys(operation) and slots.EMAIL not in kinds else needed


def _is_somebodys(operation: KnownOperation) -> bool:
    return not operation.changes and any(name in _OWNER for name in operation.facts)


def arguments_of(question: Question) -> dict[str, str]:
    """Return what an intent's operation is told."""
    operation = question.intent.operation
    return {slot.name: question.named.get(slot.name, "") for slot in operation.slots} if operation else {}


def change_result(question: Question, confirmation: Confirmation, delivery: Delivery | None) -> Result:
    """Return how a change that was confirmed stands: done, on its way, or before a person."""
    if confirmation.done_at is None:
        if delivery is None or delivery.state not in _UNDER_WAY:
            return Result(Turn.State.UNAVAILABLE, DID_NOT_WORK, is_over=True)
        return Result(Turn.State.PARTIAL, TRIED_AGAIN if delivery.tries else ON_ITS_WAY, is_over=True)
    age = max(0.0, (db_now() - confirmation.done_at).total_seconds())
    receipt = Receipt(str(confirmation.connector), str(confirmation.pk), confirmation.done_at, age, "miss")
    result = action_of(question.intent).result(question, facts_of(receipt, **_without_owner(confirmation.told)))
    return replace(result, text=result.text or DONE, is_over=True)


def look_up_operation(question: Question) -> Result:
    """Answer with what an operation tells; what says whose it is, to that person alone."""
    operation = question.intent.operation
    if operation is None or operation.changes:
        # It was removed since; whoever looks at the intent sees it.
        return Result(Turn.State.UNAVAILABLE, NOT_REACHED)
    arguments = arguments_of(question)

    def look_up() -> Found[Any]:
        seconds = question.seconds_left()
        return lookups.operation(operation.connector_id, operation.name, arguments, deadline=seconds)

    try:
        found = _somebodys(question, operation, arguments, look_up) if _is_somebodys(operation) else look_up()
    except attempts.TooManyAttempts:
        return Result(Turn.State.VERIFICATION_REQUIRED, TOO_MANY_TRIES, is_over=True)
    except lookups.Unavailable:
        return Result(Turn.State.UNAVAILABLE, NOT_REACHED)
    if found is None or found.value is None:
        return Result(Turn.State.NO_MATCH, NOTHING_FOUND, is_over=True)
    return action_of(question.intent).result(question, facts_of(receipt_of(found), **_without_owner(found.value)))


def _without_owner(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in _OWNER}


def _somebodys(
    question: Question, operation: KnownOperation, arguments: Mapping[str, str], look_up: Callable[[], Found[Any]]
) -> Found[Any] | None:
    email = question.values.get(slots.EMAIL, "")

    def is_theirs(told: Mapping[str, Any]) -> bool:
        known = (str(told.get(name) or "") for name in _OWNER)
        return belongs_to(*known, email=email, phone=question.phone)

    return look_up_theirs(
        look_up,
        is_theirs,
        client=question.client,
        about=_about(operation, arguments),
        email=email,
        phone=question.phone,
        seconds=question.seconds_left(),
        conversation_id=question.conversation_id,
    )


def _about(operation: KnownOperation, arguments: Mapping[str, str]) -> str:
    """Return which record is meant, however it is spelt: whoever guesses whose it is guesses about the same one."""
    proofs = {slot.name for slot in operation.slots if slot.kind == slots.EMAIL}
    told = {name: " ".join(value.casefold().split()) for name, value in arguments.items()}
    record = {name: value for name, value in told.items() if name not in proofs} or told
    return f"{operation.name} {sorted(record.items())}"


def _worded(name: str) -> str:
    return name.replace("_", " ").capitalize()


def answer_from_faqs(question: Question) -> Result:
    """Answer with the FAQ that is most like the prompt."""
    catalogue = question.catalogue
    matches = question.resolver.resolve(question.prompt, catalogue.faq_candidates)
    if not matches or matches[0].confidence < SUGGEST_FROM:
        return Result(Turn.State.NO_MATCH, NO_SUCH_FAQ)
    faq = catalogue.faqs[matches[0].intent]
    receipt = Receipt("FAQ", str(faq.id), catalogue.loaded_at, 0.0, "hit")
    facts = [Fact(name, text, text, receipt) for name, text in (("question", faq.question), ("answer", faq.answer))]
    return action_of(question.intent).result(question, facts)


def answer_with_text(question: Question) -> Result:
    """Answer with the intent's own text."""
    return Result(Turn.State.ANSWERED, question.intent.answer.strip())


_ASK_ORDER = {
    slots.ORDER_NUMBER: "What is your order number?",
    slots.EMAIL: "Which e-mail address did you order with?",
}

ACTIONS: Mapping[str, Action] = {
    Intent.Action.ORDER: Action(
        look_up_order,
        ("number", "status", "placed_at", "expected_at", "total", "tracking_number", "carrier"),
        "The status of order {number} is: {status}. It is expected on {expected_at}. "
        "The tracking number is {tracking_number}.",
        _ASK_ORDER,
    ),
    Intent.Action.STOCK: Action(
        look_up_stock,
        ("sku", "name", "availability", "available", "price"),
        "{name} ({sku}) is {availability}: {available}.",
        {slots.SKU: "Which article is it? Please send its number (SKU)."},
    ),
    Intent.Action.FAQ: Action(answer_from_faqs, ("question", "answer"), "{answer}"),
    Intent.Action.TEXT: Action(answer_with_text),
    Intent.Action.OPERATION: Action(look_up_operation),
}
