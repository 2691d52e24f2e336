"""Where an intent's answer comes from."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine import attempts, slots
from engine.answers import Fact, Receipt, one_line, render
from engine.catalogue import Catalogue, KnownIntent, SlotSpec
from engine.models import Intent, Turn
from engine.orders import order_look_up
from engine.resolver import SUGGEST_FROM, Resolver
from gateway.models import Client
from integrations import lookups
from integrations.lookups import Found
from integrations.providers.base import Order, Stock

SecondsLeft = Callable[[], float]

NO_SUCH_ORDER = "I can't find an order with this number and e-mail address. Please check both and send them again."
TOO_MANY_TRIES = "That did not fit too many times. Please contact us, so that a person can help you."
NO_SUCH_ARTICLE = "I don't know an article with this number. Please check it and send it again."
NO_SUCH_FAQ = "I don't have an answer to that."
NOT_REACHED = "I can't look that up right now. Please try again in a moment."


@dataclass(frozen=True, slots=True)
class Question:
    """An intent and what it needs: `values` is `{kind: value}`; `seconds_left` says how long the answer may take."""

    prompt: str
    intent: KnownIntent
    values: Mapping[str, str]
    phone: str
    client: Client
    conversation_id: uuid.UUID
    catalogue: Catalogue
    resolver: Resolver
    seconds_left: SecondsLeft


@dataclass(frozen=True, slots=True)
class Result:
    """What an action found out; `were_wrong` says that the values must be asked for again."""

    state: Turn.State
    text: str
    facts: Sequence[Fact] = ()
    were_wrong: bool = False


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
    return ACTIONS[intent.action]


def slots_of(intent: KnownIntent) -> tuple[SlotSpec, ...]:
    """Return what must be known to answer: the intent's slots, and what its action needs besides."""
    has = {slot.kind for slot in intent.slots}
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
        return Result(Turn.State.VERIFICATION_REQUIRED, TOO_MANY_TRIES, were_wrong=True)
    except lookups.Unavailable:
        return Result(Turn.State.UNAVAILABLE, NOT_REACHED)
    if found is None or found.value is None:
        return Result(Turn.State.NO_MATCH, NO_SUCH_ORDER, were_wrong=True)
    return action_of(question.intent).result(question, order_facts(found.value, receipt_of(found)))


def look_up_stock(question: Question) -> Result:
    """Answer how much of an article there is."""
    try:
        found = stock_look_up(question.values[slots.SKU], question.seconds_left)
    except lookups.Unavailable:
        return Result(Turn.State.UNAVAILABLE, NOT_REACHED)
    if found is None or found.value is None:
        return Result(Turn.State.NO_MATCH, NO_SUCH_ARTICLE, were_wrong=True)
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


_NOT_EXPECTED = {"shipped", "delivered", "cancelled"}


def order_facts(order: Order, receipt: Receipt) -> list[Fact]:
    """Return what is known of an order."""
    return _facts(
        receipt,
        number=order.number,
        status=order.status,
        placed_at=order.placed_at,
        # Once it has left, or never will, the date that was promised only confuses.
        expected_at=None if order.status in _NOT_EXPECTED else order.expected_at,
        total=money(order.total, order.currency),
        tracking_number=", ".join(shipment.tracking_number for shipment in order.shipments if shipment.tracking_number),
        carrier=", ".join(dict.fromkeys(shipment.carrier for shipment in order.shipments if shipment.carrier)),
    )


def stock_facts(stock: Stock, receipt: Receipt) -> list[Fact]:
    """Return what is known of an article."""
    return _facts(
        receipt,
        sku=stock.sku,
        name=stock.name,
        availability="in stock" if stock.available > 0 else "out of stock",
        available=quantity(stock.available),
        price=money(stock.price, stock.currency),
    )


def receipt_of(found: Found[Any]) -> Receipt:
    """Return where something that was looked up comes from."""
    return Receipt(found.source, found.record_id, found.fetched_at, found.age_seconds, found.cache)


def money(amount: Decimal | None, currency: str) -> dict[str, str] | None:
    """Return an amount as the API gives it."""
    return None if amount is None else {"amount": f"{amount:.2f}", "currency": currency}


def quantity(number: Decimal) -> int | float:
    """Return a quantity as a JSON number."""
    return int(number) if number == number.to_integral_value() else float(number)


def _facts(receipt: Receipt, **values: Any) -> list[Fact]:
    known: Iterable[tuple[str, Any]] = ((name, value) for name, value in values.items() if value not in (None, ""))
    return [Fact(name, _value(value), _text(value), receipt) for name, value in known]


def _value(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return one_line(value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, dict):
        return f"{value['amount']} {value['currency']}".strip()
    return one_line(str(value))


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
}
