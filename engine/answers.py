"""What is said back: facts with their receipts, and the sentences around them."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import re2

from engine.models import Turn
from engine.words import plain

LONGEST_FACT = 2_000

_PLACEHOLDER = re2.compile(r"\{([a-z_][a-z0-9_]{0,39})\}")
_SENTENCE = re2.compile(r"[^.!?\n]*(?:[.!?]+(?:[^\s.!?][^.!?\n]*)?)*[ \t\n]*")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a fact comes from and how old it is."""

    source: str
    record_id: str
    fetched_at: datetime
    age_seconds: float
    cache: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something looked up: `value` for programs, `text` for people."""

    name: str
    value: Any
    text: str
    receipt: Receipt

    def as_json(self) -> dict[str, Any]:
        """Return the fact as the API gives it."""
        return {
            "name": self.name,
            "value": self.value,
            "source": self.receipt.source,
            "record_id": self.receipt.record_id,
            "fetched_at": self.receipt.fetched_at.isoformat(),
            "age_seconds": round(self.receipt.age_seconds, 3),
            "cache": self.receipt.cache,
        }


@dataclass(frozen=True, slots=True)
class Missing:
    """A slot that must be filled, and the question that asks for it."""

    slot: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An intent that may have been meant."""

    intent: str
    label: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer to one question; `explanation` is None unless it was asked for."""

    state: Turn.State
    text: str
    conversation_id: uuid.UUID | None
    intent: str | None = None
    confidence: float | None = None
    missing: Sequence[Missing] = ()
    suggestions: Sequence[Suggestion] = ()
    facts: Sequence[Fact] = ()
    explanation: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the answer as the API gives it, without the request id."""
        explained = {} if self.explanation is None else {"explanation": self.explanation}
        return {
            "state": self.state.value,
            "answer": self.text,
            "intent": self.intent,
            "confidence": self.confidence,
            "missing": [{"slot": one.slot, "prompt": one.prompt} for one in self.missing],
            "suggestions": [{"intent": one.intent, "label": one.label} for one in self.suggestions],
            "facts": [fact.as_json() for fact in self.facts],
            "conversation_id": str(self.conversation_id) if self.conversation_id else None,
            **explained,
        }


def render(template: str, names: Collection[str], facts: Mapping[str, str]) -> str:
    """Return an admin's text with `{name}` replaced for the names an action declares; other braces stay as they are.

    A sentence that names a declared fact nobody knows is left out. What is put in is never looked at again, so a
    customer's `{email}` stays seven characters.
    """
    sentences = (found.group() for found in _SENTENCE.finditer(template))
    known = (sentence for sentence in sentences if not _lacks(sentence, names, facts))
    return "".join(_filled(sentence, names, facts) for sentence in known).strip()


def one_line(text: str) -> str:
    """Return what a vendor or a person wrote as one line without control characters."""
    return " ".join(plain(text[:LONGEST_FACT]).split())


def _lacks(sentence: str, names: Collection[str], facts: Mapping[str, str]) -> bool:
    return any(name in names and not facts.get(name) for name in _PLACEHOLDER.findall(sentence))


def _filled(sentence: str, names: Collection[str], facts: Mapping[str, str]) -> str:
    def fact_or_literal(found: Any) -> str:
        return facts[found.group(1)] if found.group(1) in names else found.group()

    return str(_PLACEHOLDER.sub(fact_or_literal, sentence))
