"""What a turn means in the conversation it belongs to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine import slots
from engine.actions import slots_of
from engine.catalogue import Catalogue, KnownIntent, SlotSpec
from engine.models import Intent
from engine.resolver import ANSWER_FROM, CERTAIN_FROM, CLEAR_BY, SUGGEST_FROM, Candidate, Match, Resolver

SWITCH_FROM = 0.8
"""A prompt that also tells what was asked for changes the subject only from this confidence on."""
MOST_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class Customer:
    """Who is asking, as the chatbot's own server says.

    `is_alone` is set where a page asks for one visitor: what that visitor types names nobody else.
    """

    email: str = ""
    phone: str = ""
    reference: str = ""
    is_alone: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a prompt means: the intent (None: unclear), how sure that is, and why it was chosen.

    `confidence` is None where the conversation just stays with its intent.
    """

    intent: KnownIntent | None
    confidence: float | None
    because: str
    matches: Sequence[Match]

    @property
    def suggested(self) -> list[Match]:
        """The intents that may be meant besides."""
        chosen = self.intent.name if self.intent else ""
        likely = [match for match in self.matches if match.confidence >= SUGGEST_FROM and match.intent != chosen]
        return likely[:MOST_SUGGESTIONS]


def understand(
    prompt: str,
    *,
    pending: KnownIntent | None,
    open_slots: Sequence[SlotSpec],
    catalogue: Catalogue,
    resolver: Resolver,
    is_public: bool,
) -> Reading:
    """Tell which intent a prompt means in a conversation about `pending`, which still waits for `open_slots`."""
    candidates = catalogue.candidates_for(is_public=is_public)
    found = slots.extract(prompt)
    matches = resolver.resolve(slots.without_values(prompt), candidates) or _that_take(found, candidates, catalogue)
    best = matches[0] if matches else Match("", 0.0)
    tells = pending is not None and any(slot.kind in found for slot in slots_of(pending))
    if _is_clear(matches) and best.confidence >= (SWITCH_FROM if tells and open_slots else ANSWER_FROM):
        because = f'The prompt is like "{best.phrase}".'
        return Reading(catalogue.intents[best.intent], best.confidence, because, matches)
    if pending and tells:
        return Reading(pending, 1.0, "The prompt tells what the conversation's intent needs.", matches)
    if pending and open_slots:
        return Reading(pending, None, "The conversation waits for an answer to its question.", matches)
    return Reading(None, best.confidence, "No intent is like the prompt clearly enough.", matches)


def told(prompt: str, intent: KnownIntent, open_slots: Sequence[SlotSpec] = ()) -> dict[str, str]:
    """Return `{name: value}` for the slots a prompt fills.

    What is asked for now may be told more freely: a free text is the whole prompt, an article number any single word.
    """
    found = slots.extract(prompt)
    values = {slot.name: found[slot.kind] for slot in slots_of(intent) if slot.kind in found}
    for slot in open_slots[:1]:
        freely = {slots.TEXT: prompt.strip()[: slots.LONGEST_TEXT], slots.SKU: slots.only_word(prompt)}
        if slot.name not in values and freely.get(slot.kind):
            values[slot.name] = freely[slot.kind]
    return values


def open_slots(intent: KnownIntent, known: Mapping[str, str], customer: Customer) -> list[SlotSpec]:
    """Return what must still be asked for."""
    return [slot for slot in slots_of(intent) if slot.name not in known and not _fills(customer, slot, intent)]


def values_of(intent: KnownIntent, known: Mapping[str, str], customer: Customer) -> dict[str, str]:
    """Return `{kind: value}`: what was said in the conversation, else what the chatbot's server says."""
    said = {slot.kind: known[slot.name] for slot in slots_of(intent) if slot.name in known}
    if customer.is_alone and (customer.email or customer.phone):
        return {**said, slots.EMAIL: customer.email}
    return {slots.EMAIL: customer.email, **said} if customer.email else said


def named_values(intent: KnownIntent, known: Mapping[str, str], customer: Customer) -> dict[str, str]:
    """Return `{slot name: value}`, by the same rule: two slots of a kind are two values."""
    by_kind = values_of(intent, known, customer)
    found = {slot.name: known.get(slot.name) or by_kind.get(slot.kind, "") for slot in slots_of(intent)}
    theirs = {slot.name: by_kind.get(slots.EMAIL, "") for slot in slots_of(intent) if slot.kind == slots.EMAIL}
    return {**found, **theirs} if customer.is_alone else found


def without(known: Mapping[str, str], intent: KnownIntent) -> dict[str, str]:
    """Return what was told, less what an intent asks for: it was wrong and is asked for again."""
    wrong = {slot.name for slot in slots_of(intent)}
    return {name: value for name, value in known.items() if name not in wrong}


def _fills(customer: Customer, slot: SlotSpec, intent: KnownIntent) -> bool:
    """Tell whether the chatbot's server fills a slot; whose order it is can be proven by phone as well."""
    is_proven_by_phone = intent.action == Intent.Action.ORDER and bool(customer.phone)
    return slot.kind == slots.EMAIL and (bool(customer.email) or is_proven_by_phone)


def _that_take(found: Mapping[str, str], candidates: Sequence[Candidate], catalogue: Catalogue) -> list[Match]:
    """Return the intents that need just what was told, for a prompt that tells and asks nothing."""
    needs = {c.intent: {slot.kind for slot in slots_of(catalogue.intents[c.intent])} for c in candidates}
    return [Match(intent, SUGGEST_FROM) for intent, kinds in needs.items() if kinds and kinds <= set(found)]


def _is_clear(matches: Sequence[Match]) -> bool:
    if len(matches) < 2 or matches[0].confidence >= CERTAIN_FROM > matches[1].confidence:
        return True
    return matches[0].confidence - matches[1].confidence >= CLEAR_BY
