"""Which intent a prompt means."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from rapidfuzz import fuzz, process

from engine.words import tokens

ANSWER_FROM = 0.6
"""From this confidence on an intent is answered."""
SUGGEST_FROM = 0.35
"""From this confidence on an intent is suggested; below it nothing matched."""
CLEAR_BY = 0.08
"""Two intents whose confidences are closer than this are both suggested, unless the first is all but certain."""
CERTAIN_FROM = 0.97

# A word of the example that the prompt lacks says more against a match than a word the prompt has on top.
_LACKING, _ON_TOP = 0.5, 0.4
# How alike (0–100) two words must be to count as one with a typing mistake; shorter words must be equal.
_TYPO_FROM, _TYPO_LENGTH = 82, 4
_FUNCTION_WORD = 0.1
_SAY_LITTLE = """
a about am an and any are as at be but by can could did do does for from get give has have hello hey hi how i if im in
is it its just let like may me my of on or our please shall should so some tell thank thanks that thats the their there
these they this to us was we were what whats when where wheres which who will with would you your
"""
_FUNCTION_WORDS = frozenset(_SAY_LITTLE.split())


@dataclass(frozen=True, slots=True)
class Candidate:
    """An intent by name, and the ways people put it into words."""

    intent: str
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """How sure it is (0–1) that an intent is meant, and the phrase that speaks for it."""

    intent: str
    confidence: float
    phrase: str = ""


class Resolver(Protocol):
    """Tells which of the candidates a prompt means."""

    def resolve(self, prompt: str, candidates: Sequence[Candidate]) -> list[Match]:
        """Return a match for every candidate with any likeness, the surest first."""
        ...


class LexicalResolver:
    """Compares words: those that few intents use weigh more, and typing mistakes are forgiven.

    The confidence is 1 where the prompt has the same words as an example, and falls with each word that only one of
    them has. It knows nothing of meaning: a synonym that no example uses is not found.
    """

    def resolve(self, prompt: str, candidates: Sequence[Candidate]) -> list[Match]:
        """Return a match for every candidate with any likeness, the surest first."""
        index = _index(tuple(candidates))
        said = index.recognise(tokens(prompt))
        matches = (index.best(candidate, said) for candidate in index.candidates)
        return sorted((match for match in matches if match.confidence > 0), key=lambda m: (-m.confidence, m.intent))


@dataclass(frozen=True, slots=True)
class _Said:
    """A prompt in the words of the index: how surely each was said, and what the rest weighs."""

    known: Mapping[str, float]
    weight: float


@dataclass(frozen=True, slots=True)
class _Phrase:
    text: str
    words: frozenset[str]
    weight: float


class _Index:
    """What is worth counting once for a set of candidates."""

    def __init__(self, candidates: tuple[Candidate, ...]) -> None:
        self.candidates = candidates
        words = {c.intent: {word for phrase in c.phrases for word in tokens(phrase)} for c in candidates}
        used_by = Counter(word for of_intent in words.values() for word in of_intent)
        self.weights = {word: _weight(word, count, len(candidates)) for word, count in used_by.items()}
        self.long_words = [word for word in self.weights if len(word) >= _TYPO_LENGTH]
        self.phrases = {c.intent: [self._phrase(text) for text in c.phrases] for c in candidates}

    def _phrase(self, text: str) -> _Phrase:
        words = frozenset(tokens(text))
        return _Phrase(text, words, sum(self.weights[word] for word in words))

    def recognise(self, words: Sequence[str]) -> _Said:
        known: dict[str, float] = {}
        weight = 0.0
        for word in words:
            mine, likeness = self._closest(word)
            known[mine] = max(known.get(mine, 0.0), likeness)
            weight += self.weights.get(mine) or _weight(word, 1, 1)
        return _Said(known, weight)

    def _closest(self, word: str) -> tuple[str, float]:
        if word in self.weights or word in _FUNCTION_WORDS or len(word) < _TYPO_LENGTH:
            return word, 1.0
        found = process.extractOne(word, self.long_words, scorer=fuzz.ratio, score_cutoff=_TYPO_FROM)
        return (found[0], found[1] / 100) if found else (word, 1.0)

    def best(self, candidate: Candidate, said: _Said) -> Match:
        scored = [(self._likeness(phrase, said), phrase.text) for phrase in self.phrases[candidate.intent]]
        confidence, text = max(scored, default=(0.0, ""), key=lambda pair: pair[0])
        return Match(candidate.intent, round(confidence, 3), text)

    def _likeness(self, phrase: _Phrase, said: _Said) -> float:
        """Tversky's index over weighed words. Source: Tversky, "Features of Similarity", 1977."""
        shared = [(self.weights[word], said.known[word]) for word in phrase.words if word in said.known]
        both = sum(weight * likeness for weight, likeness in shared)
        lacking = phrase.weight - sum(weight for weight, _ in shared)
        on_top = max(0.0, said.weight - sum(weight for weight, _ in shared))
        return both / (both + _LACKING * lacking + _ON_TOP * on_top) if both else 0.0


@lru_cache(maxsize=8)
def _index(candidates: tuple[Candidate, ...]) -> _Index:
    return _Index(candidates)


def _weight(word: str, used_by: int, of: int) -> float:
    rarity = math.log(1 + of / used_by) / math.log(1 + of)
    return rarity * (_FUNCTION_WORD if word in _FUNCTION_WORDS else 1.0)
