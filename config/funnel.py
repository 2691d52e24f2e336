"""How far people come: questions, captures, people, deliveries; by day, chatbot, channel or campaign."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from engine.models import Turn
from integrations.models import Delivery
from leads.models import Activity, Lead
from leads.selection import day_start

State = Delivery.State
BY = {"day": "day", "client": "chatbot", "channel": "channel", "campaign": "campaign"}
STEPS = {
    "questions": "questions",
    "captured": "captures",
    "unique": "new people",
    "delivered": "delivered",
    "skipped": "skipped",
    "needs_you": "needs you",
}
"""What is counted: captures are what chatbots sent, people are the new leads among them and what became of those."""
MOST_ROWS = 400
_UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """The counts of one day, chatbot, channel or campaign; None where it isn't known."""

    label: str
    questions: int | None = 0
    captured: int = 0
    unique: int = 0
    delivered: int = 0
    skipped: int = 0
    needs_you: int = 0

    @property
    def cells(self) -> list[int | None]:
        """The counts in the order of STEPS."""
        return [getattr(self, name) for name in STEPS]


def funnel(first: date, last: date, by: str) -> list[Row]:
    """Return a row per day, chatbot, channel or campaign, over whole days of the site's zone."""
    start, end = day_start(first), day_start(last + timedelta(days=1))
    turns = Turn.objects.filter(at__gte=start, at__lt=end)
    captures = Activity.objects.filter(
        at__gte=start, at__lt=end, kind__in=[Activity.Kind.CAPTURED, Activity.Kind.UPDATED], import_id=None
    )
    people = Lead.objects.filter(created_at__gte=start, created_at__lt=end)
    counts: dict[str, Mapping[str, int]] = {
        "captured": _counted(captures, _GROUPS[by]("at", "client")),
        "unique": _counted(people, _GROUPS[by]("created_at", "client")),
        **{name: _counted(rows, _GROUPS[by]("created_at", "client")) for name, rows in _became(people).items()},
    }
    # A question knows its chatbot and its day; the page it was asked on stands with the lead alone.
    knows = by in ("day", "client")
    if knows:
        counts["questions"] = _counted(turns, _GROUPS[by]("at", "conversation__client"))
    labels = _labels(counts, first, last, by)
    return [
        Row(
            label,
            counts["questions"].get(label, 0) if knows else None,
            *(counts[name].get(label, 0) for name in list(STEPS)[1:]),
        )
        for label in labels
    ]


def total(rows: Sequence[Row]) -> Row:
    """Return the sum of rows; what isn't known of each isn't known of all."""
    sums = {name: sum(getattr(row, name) for row in rows) for name in STEPS if name != "questions"}
    asked = [row.questions for row in rows if row.questions is not None]
    return Row("all", questions=sum(asked) if len(asked) == len(rows) else None, **sums)


def _became(people: QuerySet[Lead]) -> dict[str, QuerySet[Lead]]:
    """Return people by what became of them: delivered anywhere, else waiting for a person, else skipped."""
    mine = Delivery.objects.filter(subject_kind="lead", subject_id=OuterRef("pk"))
    delivered, asks, skipped = (
        Exists(mine.filter(state=state)) for state in (State.DELIVERED, State.NEEDS_YOU, State.SKIPPED)
    )
    return {
        "delivered": people.filter(delivered),
        "needs_you": people.filter(~Q(delivered), asks),
        "skipped": people.filter(~Q(delivered), ~Q(asks), skipped),
    }


def _counted(rows: QuerySet[Any], group: Combinable | str) -> dict[str, int]:
    found = rows.order_by().annotate(label=group).values("label").annotate(number=Count("pk"))
    result: dict[str, int] = {}
    for label, number in found.values_list("label", "number"):
        name = _UNKNOWN if label in (None, "") else str(label)
        result[name] = result.get(name, 0) + number
    return result


def _by_day(at: str, client: str) -> Combinable:
    return TruncDate(at, tzinfo=timezone.get_current_timezone())


def _by_client(at: str, client: str) -> Combinable:
    return F(f"{client}__name")


def _by_channel(at: str, client: str) -> Combinable:
    return KeyTextTransform("channel", "source")


def _by_campaign(at: str, client: str) -> Combinable:
    utm = KeyTransform("utm", "source")
    return Coalesce(KeyTextTransform("campaign", utm), KeyTextTransform("utm_campaign", utm))


_GROUPS: dict[str, Callable[[str, str], Combinable]] = {
    "day": _by_day,
    "client": _by_client,
    "channel": _by_channel,
    "campaign": _by_campaign,
}


def _labels(counts: Mapping[str, Mapping[str, int]], first: date, last: date, by: str) -> list[str]:
    if by == "day":
        days = min((last - first).days + 1, MOST_ROWS)
        return [(first + timedelta(days=number)).isoformat() for number in range(days)]
    known = {label: count for found in counts.values() for label, count in found.items()}
    return sorted(known, key=lambda label: (-counts["captured"].get(label, 0), label))[:MOST_ROWS]
