"""Sends a connector the leads it doesn't have: all that exist, or those that were left out before.

The drainer asks for the next few whenever nothing else is due, so what is captured meanwhile never waits behind more
than those few; how far it has come is a row, so it goes on wherever a worker stopped.
"""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from integrations import outbox, subjects
from integrations.models import Connector, ConnectorState, Delivery
from integrations.subjects import Surveyed
from runtime import wakeups
from runtime.clock import db_now

KIND = "lead"
Scope = ConnectorState.Scope
State = Delivery.State

# Looked at in one go; of these, no more are put in than the drainer asks for.
_PAGE = 200
_OPEN = {State.WAITING, State.SENDING, State.CONFIRMING}
_DECLINED = {"cancelled_by_person", "erased"}


def backfill_start(*, connector: Connector, scope: ConnectorState.Scope = Scope.ALL) -> int:
    """Begin to send a connector what it doesn't have yet, from the first lead on; returns how many are looked at.

    One that goes through all leads is not narrowed by one that looks at left-out leads alone: it begins again.
    """
    with transaction.atomic():
        state, _ = ConnectorState.objects.select_for_update().get_or_create(connector=connector)
        if scope == Scope.SKIPPED and state.backfill_scope:
            scope = Scope(state.backfill_scope)
        total = subjects.surveyor(KIND).count() if scope == Scope.ALL else _left_out(connector.pk).count()
        if total:
            ConnectorState.objects.filter(pk=connector.pk).update(
                backfill_scope=scope,
                backfill_after=None,
                backfill_total=total,
                backfill_seen=0,
                backfill_put=0,
                backfill_started_at=db_now(),
                backfill_ended_at=None,
            )
            wakeups.wake("connector", str(connector.pk))
    return total


def backfill_cancel(*, connector: Connector) -> bool:
    """Put no more leads in; the few that wait already are sent. False where nothing was under way."""
    under_way = ConnectorState.objects.filter(pk=connector.pk).exclude(backfill_scope="")
    return bool(under_way.update(backfill_scope="", backfill_ended_at=db_now()))


@dataclass(slots=True)
class _Step:
    """What one go looked at: how far it came, how many it saw, what it puts in."""

    after: uuid.UUID | None
    seen: int = 0
    wanted: list[outbox.Wanted] = field(default_factory=list)
    left_out: list[Surveyed] = field(default_factory=list)


def put_next(connector_id: uuid.UUID, at_most: int) -> bool:
    """Put in the next deliveries of a connector's backfill, about `at_most`; False where none is under way."""
    state = ConnectorState.objects.select_related("connector").filter(pk=connector_id).first()
    if state is None or not state.backfill_scope:
        return False
    step = _all(state, at_most) if state.backfill_scope == Scope.ALL else _skipped(state, at_most)
    with transaction.atomic():
        # Whoever started anew, cancelled or went on meanwhile has changed these.
        unchanged = ConnectorState.objects.filter(
            pk=state.pk,
            backfill_scope=state.backfill_scope,
            backfill_after=state.backfill_after,
            backfill_started_at=state.backfill_started_at,
        )
        if unchanged.update(**_progress(step)):
            _close_skips(state.connector_id, step.wanted)
            _say_why(state.connector_id, step.left_out)
            outbox.put(step.wanted)
    return True


def _progress(step: _Step) -> dict[str, Any]:
    if not step.seen:
        # Leads may have come or gone meanwhile: all there are were seen.
        return {"backfill_scope": "", "backfill_ended_at": db_now(), "backfill_total": F("backfill_seen")}
    return {
        "backfill_after": step.after,
        "backfill_seen": F("backfill_seen") + step.seen,
        "backfill_put": F("backfill_put") + len({want.subject_id for want in step.wanted}),
    }


def _all(state: ConnectorState, at_most: int) -> _Step:
    """Look at the next leads of all."""
    connector = state.connector
    page = subjects.surveyor(KIND).page(connector.lead_filter, state.backfill_after, _PAGE)
    known = _Known(connector, [lead.id for lead in page])
    step = _Step(state.backfill_after)
    for lead in page:
        step.after, step.seen = lead.id, step.seen + 1
        step.wanted += known.wanted(lead)
        if len(step.wanted) >= at_most:
            break
    return step


def _skipped(state: ConnectorState, at_most: int) -> _Step:
    """Look at the next leads of those that the filter left out; the cursor is a delivery's id."""
    connector = state.connector
    rows = _left_out(connector.pk).order_by("pk")
    rows = rows.filter(pk__gt=state.backfill_after) if state.backfill_after else rows
    page = list(rows.values_list("pk", "subject_id")[: min(_PAGE, at_most)])
    ids = [subject_id for _, subject_id in page]
    known = _Known(connector, ids)
    found = subjects.surveyor(KIND).some(connector.lead_filter, ids)
    wanted = [want for lead in found for want in known.wanted(lead)]
    return _Step(page[-1][0] if page else None, len(page), wanted, [lead for lead in found if lead.left_out])


def _left_out(connector_id: uuid.UUID) -> QuerySet[Delivery]:
    return Delivery.objects.filter(connector=connector_id, subject_kind=KIND, state=State.SKIPPED, reason="filtered")


def _close_skips(connector_id: uuid.UUID, wanted: Sequence[outbox.Wanted]) -> None:
    closed = _left_out(connector_id).filter(subject_id__in={want.subject_id for want in wanted})
    closed.update(state=State.SUPERSEDED, settled_at=db_now())


def _say_why(connector_id: uuid.UUID, leads: Sequence[Surveyed]) -> None:
    """Have what stays left out say which rule of the changed filter does so."""
    by_rule: dict[outbox.LeftOut, list[uuid.UUID]] = defaultdict(list)
    for lead in leads:
        if lead.left_out:
            by_rule[lead.left_out].append(lead.id)
    for because, ids in by_rule.items():
        _left_out(connector_id).filter(subject_id__in=ids).update(**because.told())


class _Known:
    """What a connector knows of some leads: what it was told, what is on its way, what was given up."""

    def __init__(self, connector: Connector, ids: Sequence[uuid.UUID]) -> None:
        self._connector = connector
        self._told: dict[tuple[uuid.UUID, str], int] = defaultdict(int)
        self._open: set[tuple[uuid.UUID, str]] = set()
        self._declined_at: dict[uuid.UUID, Any] = {}
        for row in Delivery.objects.filter(connector=connector, subject_kind=KIND, subject_id__in=ids).only(
            "subject_id", "operation", "state", "revision", "reason", "created_at", "settled_at"
        ):
            self._note(row)

    def _note(self, row: Delivery) -> None:
        key = (row.subject_id, row.operation)
        if row.state == State.DELIVERED:
            self._told[key] = max(self._told[key], row.revision)
        elif row.state in _OPEN:
            self._open.add(key)
        if row.operation == "erase" or (row.state == State.CANCELLED and row.reason in _DECLINED):
            at = row.settled_at or row.created_at
            self._declined_at[row.subject_id] = max(at, self._declined_at.get(row.subject_id, at))

    def wanted(self, lead: Surveyed) -> list[outbox.Wanted]:
        """Return what is to be sent of a lead; nothing where it was given up or erased since it last came."""
        declined_at = self._declined_at.get(lead.id)
        if lead.left_out or (declined_at and declined_at >= lead.changed_at):
            return []
        keys = ((lead.id, operation) for operation in self._connector.operations)
        return [
            outbox.Wanted(self._connector.pk, lead.id, operation, KIND)
            for _, operation in (key for key in keys if key not in self._open and self._told[key] < lead.revision)
        ]
