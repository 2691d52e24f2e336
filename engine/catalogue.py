"""What can be asked, remembered in this process until it changes: a query costs one short statement for it."""

import time
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Model, Value

from engine.models import Example, Faq, Intent, Slot
from engine.resolver import Candidate
from integrations.connections import operations_of
from runtime.clock import db_now

# What is remembered is read again after this long even where no marker moved (a bulk update moves none).
_LONGEST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class SlotSpec:
    """Something that must be known, and the question that asks for it."""

    name: str
    kind: str
    prompt: str


@dataclass(frozen=True, slots=True)
class KnownOperation:
    """An operation that is defined of a connector: what it has to be told, which facts it tells."""

    connector_id: uuid.UUID
    name: str
    label: str
    changes: bool
    slots: tuple[SlotSpec, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownIntent:
    """An active intent with its slots, and the operation it asks, where it asks one that is defined and switched on."""

    id: int
    name: str
    label: str
    action: str
    answer: str
    is_public: bool
    slots: tuple[SlotSpec, ...]
    operation: KnownOperation | None = None


@dataclass(frozen=True, slots=True)
class KnownFaq:
    """An active FAQ."""

    id: int
    question: str
    answer: str


@dataclass(frozen=True)
class Catalogue:
    """The active intents and FAQs, and the candidates a resolver chooses from."""

    intents: Mapping[str, KnownIntent]
    candidates: tuple[Candidate, ...]
    public_candidates: tuple[Candidate, ...]
    faqs: Mapping[str, KnownFaq]
    faq_candidates: tuple[Candidate, ...]
    loaded_at: datetime

    def candidates_for(self, *, is_public: bool) -> tuple[Candidate, ...]:
        """Return what may be asked: with a publishable key only the intents marked public."""
        return self.public_candidates if is_public else self.candidates


_Marker = Sequence[Any]
_known: tuple[_Marker, float, Catalogue] | None = None


def current() -> Catalogue:
    """Return what can be asked as it is in the database now."""
    global _known
    marker, known = _marker(), _known
    if known is None or known[0] != marker or time.monotonic() - known[1] > _LONGEST_SECONDS:
        known = _known = (marker, time.monotonic(), _load())
    return known[2]


def _marker() -> _Marker:
    """Return something that differs after any row was added, saved or deleted; one statement."""
    models: tuple[type[Model], ...] = (Intent, Example, Slot, Faq)
    first, *rest = (
        model._default_manager.order_by()
        .annotate(of=Value(index))
        .values("of")
        .annotate(rows=Count("pk"), last=Max("pk"), at=Max("updated_at"))
        .values_list("of", "rows", "last", "at")
        for index, model in enumerate(models)
    )
    return sorted(first.union(*rest, all=True))


def _load() -> Catalogue:
    loaded_at = db_now()
    rows = list(Intent.objects.filter(is_active=True).select_related("connector"))
    slots, phrases = defaultdict(list), defaultdict(list)
    for slot in Slot.objects.filter(intent__in=rows):
        slots[slot.intent_id].append(SlotSpec(slot.name, slot.kind, slot.prompt))
    for intent_id, text in Example.objects.filter(intent__in=rows).order_by("id").values_list("intent_id", "text"):
        phrases[intent_id].append(text)
    faqs = {str(id): KnownFaq(id, *texts) for id, *texts in _active_faqs()}
    questions = [faq.question for faq in faqs.values()]
    for row in rows:
        phrases[row.pk] += [row.label, *(questions if row.action == Intent.Action.FAQ else [])]
    candidates = tuple(Candidate(row.name, tuple(phrases[row.pk])) for row in rows)
    return Catalogue(
        intents={row.name: _known_intent(row, slots[row.pk]) for row in rows},
        candidates=candidates,
        public_candidates=tuple(c for c, row in zip(candidates, rows, strict=True) if row.is_public),
        faqs=faqs,
        faq_candidates=tuple(Candidate(id, (faq.question,)) for id, faq in faqs.items()),
        loaded_at=loaded_at,
    )


def _active_faqs() -> Sequence[tuple[int, str, str]]:
    return list(Faq.objects.filter(is_active=True).order_by("id").values_list("id", "question", "answer"))


def _known_intent(row: Intent, slots: Sequence[SlotSpec]) -> KnownIntent:
    told = (row.pk, row.name, row.label, row.action, row.answer, row.is_public, tuple(slots))
    return KnownIntent(*told, operation=_known_operation(row))


def _known_operation(row: Intent) -> KnownOperation | None:
    if row.action != Intent.Action.OPERATION or row.connector is None or not row.connector.is_active:
        return None
    found = next((each for each in operations_of(row.connector) if each.name == row.operation), None)
    if found is None:
        return None
    asked = found.arguments.get("properties", {})
    slots = tuple(SlotSpec(name, kind_of(name), schema.get("description") or name) for name, schema in asked.items())
    return KnownOperation(row.connector.pk, found.name, found.label, not found.is_read_only, slots, found.facts)


def kind_of(argument: str) -> str:
    """Return what kind of value an argument seems to take, by its name."""
    likely = {"mail": Slot.Kind.EMAIL, "order": Slot.Kind.ORDER_NUMBER, "sku": Slot.Kind.SKU, "article": Slot.Kind.SKU}
    return next((kind.value for part, kind in likely.items() if part in argument), Slot.Kind.TEXT.value)
