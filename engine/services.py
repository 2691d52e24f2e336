"""Asking a question."""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from engine import catalogue, confirmations, conversations
from engine.actions import Question, Result, SecondsLeft, action_of, arguments_of, change_result
from engine.answers import Answer, Fact, Missing, Suggestion
from engine.catalogue import Catalogue, KnownIntent, SlotSpec
from engine.conversations import Customer, Reading
from engine.models import Conversation, Turn
from engine.resolver import ANSWER_FROM, SUGGEST_FROM, LexicalResolver, Resolver
from gateway.models import Client
from runtime.clock import db_now

NOT_UNDERSTOOD = "I'm not sure what you need. Did you mean one of these?"
NO_MATCH = "Sorry, I can't help with that."

NOT_DONE = "All right, nothing was done."

resolver: Resolver = LexicalResolver()

_A_YES = SlotSpec("confirmation", "confirmation", "")
"""What is open while a question waits for its yes."""


def question_ask(
    *,
    client: Client,
    prompt: str,
    conversation_id: uuid.UUID | None = None,
    customer: Customer | None = None,
    deadline_ms: int = 3_000,
    explain: bool = False,
    is_public: bool = False,
    session_id: uuid.UUID | None = None,
    request_id: str = "",
) -> Answer:
    """Answer a prompt, or ask for what is missing; the turn is stored in the client's conversation.

    `is_public` leaves out the intents that are not marked public, and conversations of sessions. `session_id` is of the
    visitor's session that asks: it goes on with its own conversations alone.
    No transaction is open while a back end is asked.

    Raises: Conversation.DoesNotExist, where the client has no conversation with that id.
    """
    until = time.monotonic() + deadline_ms / 1_000
    known = catalogue.current()
    conversation, is_new = _conversation(client, conversation_id, session_id, is_public=is_public)
    exchange = _Exchange(prompt, customer or Customer(), conversation, known, is_public)
    answer = exchange.answer(lambda: max(0.0, until - time.monotonic()), explain=explain)
    if customer and customer.reference:
        conversation.customer_reference = customer.reference
    _store(conversation, is_new, prompt, answer, known, request_id)
    return answer


class _Exchange:
    """One prompt on its way to its answer; leaves in the conversation what the next turn must know."""

    def __init__(
        self, prompt: str, customer: Customer, conversation: Conversation, known: Catalogue, is_public: bool
    ) -> None:
        self.prompt = prompt
        self.customer = customer
        self.conversation = conversation
        self.known = known
        self.pending = _pending(conversation, known, is_public=is_public)
        self.open_slots = conversations.open_slots(self.pending, conversation.slots, customer) if self.pending else []
        # A yes or no is about the very last question: whatever else is said, it is asked anew.
        self.asking = conversation.slots.pop(confirmations.ASKING, "")
        if self.asking and self.pending and not self.open_slots:
            self.open_slots = [_A_YES]
        self.reading = conversations.understand(
            prompt,
            pending=self.pending,
            open_slots=self.open_slots,
            catalogue=known,
            resolver=resolver,
            is_public=is_public,
        )

    def answer(self, seconds_left: SecondsLeft, *, explain: bool) -> Answer:
        intent = self.reading.intent
        result, missing = self._act(intent, seconds_left) if intent else (self._unclear(), [])
        return Answer(
            state=result.state,
            text=result.text,
            conversation_id=self.conversation.pk,
            intent=intent.name if intent else None,
            confidence=self.reading.confidence,
            missing=missing,
            suggestions=self._suggestions(result.state),
            facts=result.facts,
            explanation=_explanation(self.reading) if explain else None,
        )

    def _act(self, intent: KnownIntent, seconds_left: SecondsLeft) -> tuple[Result, Sequence[Missing]]:
        slots = self._fill(intent)
        open_slots = conversations.open_slots(intent, slots, self.customer)
        if open_slots:
            missing = [Missing(slot.name, slot.prompt) for slot in open_slots]
            return Result(Turn.State.NEEDS_INPUT, " ".join(slot.prompt for slot in open_slots)), missing
        question = Question(
            prompt=self.prompt,
            intent=intent,
            values=conversations.values_of(intent, slots, self.customer),
            named=conversations.named_values(intent, slots, self.customer),
            phone=self.customer.phone,
            client=self.conversation.client,
            conversation_id=self.conversation.pk,
            catalogue=self.known,
            resolver=resolver,
            seconds_left=seconds_left,
        )
        changes = intent.operation is not None and intent.operation.changes
        result = self._confirm(question) if changes else action_of(intent).run(question)
        if result.is_over:
            self.conversation.slots = conversations.without(slots, intent)
        return result, [Missing(_A_YES.name, result.text)] if result.state == Turn.State.NEEDS_INPUT else []

    def _confirm(self, question: Question) -> Result:
        """Do what changes something if the visitor says yes to just that; else ask."""
        intent, arguments = question.intent, arguments_of(question)
        agreed = confirmations.agreed_id(self.asking, intent, arguments)
        if agreed and confirmations.is_no(self.prompt):
            return Result(Turn.State.ANSWERED, NOT_DONE, is_over=True)
        if agreed and confirmations.is_yes(self.prompt):
            row = confirmations.confirmation_make(
                id=agreed, conversation=self.conversation, intent=intent, arguments=arguments
            )
            return change_result(question, *confirmations.wait_for(row, question.seconds_left()))
        self.conversation.slots[confirmations.ASKING] = confirmations.asked(intent, arguments)
        return Result(Turn.State.NEEDS_INPUT, confirmations.question(intent, arguments))

    def _fill(self, intent: KnownIntent) -> dict[str, str]:
        """Return what is known for an intent now: what this prompt tells goes before what earlier ones told."""
        asked = self.open_slots if self.pending and self.pending.name == intent.name else []
        slots = {**self.conversation.slots, **conversations.told(self.prompt, intent, asked)}
        self.conversation.intent_id, self.conversation.slots = intent.id, slots
        return slots

    def _unclear(self) -> Result:
        is_likely = bool(self.reading.suggested)
        return Result(Turn.State.SUGGESTIONS, NOT_UNDERSTOOD) if is_likely else Result(Turn.State.NO_MATCH, NO_MATCH)

    def _suggestions(self, state: Turn.State) -> list[Suggestion]:
        """Return what else may have been meant, where the answer was not what was meant for sure."""
        is_sure = state != Turn.State.SUGGESTIONS and self.reading.confidence is not None
        likely = [] if is_sure else self.reading.suggested
        return [Suggestion(match.intent, self.known.intents[match.intent].label) for match in likely]


def _conversation(
    client: Client, id: uuid.UUID | None, session_id: uuid.UUID | None, *, is_public: bool
) -> tuple[Conversation, bool]:
    if id is None:
        return Conversation(client=client, session_id=session_id), True
    own = {"session_id": session_id} if session_id or is_public else {}
    conversation = Conversation.objects.get(pk=id, client_id=client.pk, **own)
    conversation.client = client
    return conversation, False


def _pending(conversation: Conversation, known: Catalogue, *, is_public: bool) -> KnownIntent | None:
    """Return what the conversation is about, if that may (still) be asked."""
    may_ask = {candidate.intent for candidate in known.candidates_for(is_public=is_public)}
    of_id = {intent.id: intent for name, intent in known.intents.items() if name in may_ask}
    return of_id.get(conversation.intent_id) if conversation.intent_id else None


def _store(
    conversation: Conversation, is_new: bool, prompt: str, answer: Answer, known: Catalogue, request_id: str
) -> None:
    conversation.updated_at = db_now()
    with transaction.atomic():
        conversation.save(force_insert=is_new, force_update=not is_new)
        Turn.objects.create(
            conversation=conversation,
            at=conversation.updated_at,
            prompt=prompt,
            state=answer.state,
            intent_id=known.intents[answer.intent].id if answer.intent else None,
            confidence=answer.confidence,
            answer=answer.text,
            facts=_receipts(answer.facts),
            request_id=request_id,
        )


def _receipts(facts: Sequence[Fact]) -> list[dict[str, Any]]:
    return [fact.as_json() for fact in facts]


def _explanation(reading: Reading) -> Mapping[str, Any]:
    return {
        "because": reading.because,
        "answer_from": ANSWER_FROM,
        "suggest_from": SUGGEST_FROM,
        "matches": [
            {"intent": match.intent, "confidence": match.confidence, "example": match.phrase}
            for match in reading.matches[:10]
        ],
    }
