"""What happened with a lead, in order and in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.explanations import explain
from integrations.models import Delivery
from leads.models import Activity, Lead
from leads.standing import deliveries_of
from runtime.display import counted, milliseconds

State = Delivery.State


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: `words` in one line, then what was said, changed or explained."""

    at: datetime
    words: str
    state: str = ""
    state_words: str = ""
    message: str = ""
    explanation: str = ""
    changes: Sequence[tuple[str, Any, Any]] = field(default=())
    delivery: Delivery | None = None


_HAPPENED: dict[str, str] = {
    Activity.Kind.CAPTURED: "Captured by",
    Activity.Kind.CONSENT: "Consent changed, as told by",
    Activity.Kind.MERGED: "Merged by",
    Activity.Kind.IMPORTED: "Imported by",
}


def story(lead: Lead) -> list[Step]:
    """Return everything that happened with a lead, oldest first; two statements."""
    activities = [_of_activity(row) for row in lead.activities.select_related("client").order_by("revision", "pk")]
    rows = Delivery.objects.for_subject("lead", lead.pk).select_related("connector", "call")
    return sorted([*activities, *map(_of_delivery, rows)], key=lambda step: step.at)


def _of_activity(activity: Activity) -> Step:
    whom = activity.client.name if activity.client else "a client that no longer exists"
    whom = activity.said_by or whom
    happened = _HAPPENED.get(activity.kind, "Heard from again by")
    changes = [(name, *pair) for name, pair in activity.changes.items() if isinstance(pair, list) and len(pair) == 2]
    return Step(activity.at, f"{happened} {whom}", message=activity.message, changes=changes)


def _of_delivery(delivery: Delivery) -> Step:
    told = explain(delivery) if delivery.state != State.DELIVERED else ""
    return Step(
        delivery.created_at,
        delivery.connector.name,
        state=delivery.state,
        state_words=f"{delivery.get_state_display()}{_pace(delivery)}",
        explanation=told,
        delivery=delivery,
    )


def _pace(delivery: Delivery) -> str:
    if delivery.state != State.DELIVERED or delivery.settled_at is None:
        return ""
    if delivery.tries > 1:
        return f" after {counted(delivery.tries, 'try', 'tries')}"
    took = (delivery.settled_at - delivery.created_at).total_seconds() * 1000
    return f" in {milliseconds(max(took, 0))}"


def standing(lead: Lead) -> str:
    """Return one sentence: where a lead is, and where it isn't and why."""
    there: list[str] = []
    elsewhere: list[str] = []
    for delivery in deliveries_of(lead.pk):
        if delivery.state == State.DELIVERED:
            there.append(delivery.connector.name)
        else:
            elsewhere.append(f"{delivery.connector.name} ({delivery.get_state_display()})")
    if not there and not elsewhere:
        return "No connector asked for this lead, so it is here only."
    parts = [f"In {_and(there)}" if there else "", f"not in {_and(elsewhere)}" if elsewhere else ""]
    sentence = "; ".join(filter(None, parts))
    return f"{sentence[0].upper()}{sentence[1:]}."


def _and(names: Sequence[str]) -> str:
    names = list(dict.fromkeys(names))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
