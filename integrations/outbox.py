"""The outbox: how deliveries are put in, found and claimed."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, models, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, Subquery, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Greatest

from runtime import turns
from runtime.clock import db_now
from runtime.ids import uuid7
from runtime.jobs import LEASE_SECONDS, JobQuerySet
from runtime.together import Statement, ask, send
from runtime.writes import adapter, insert_values, told_of

if TYPE_CHECKING:
    from integrations.models import Delivery

ERASE = "erase"
CALL = "call"
"""Something an administrator has defined is to be done; the subject says what, and with which arguments."""
_UNDER_WAY = ["sending", "confirming"]
_OPEN = ["waiting", "needs_you"]

_AT_ONCE = 1000
# How long what waits for another delivery of its subject is left alone, unless that ends before.
_BLOCKED = timedelta(seconds=2)
_BEHIND_ERASURE = timedelta(minutes=10)
# Rows of one job are settled together; those written a moment later are asked about in the same go.
_SAME_MOMENT = timedelta(seconds=1)


class Batch(list["Delivery"]):
    """Deliveries claimed together."""

    is_all = False
    """Whether nothing else was due."""


class DeliveryQuerySet(JobQuerySet["Delivery"]):
    """Reads and claims deliveries."""

    def for_subject(self, kind: str, subject_id: uuid.UUID) -> "DeliveryQuerySet":
        """Return what became of one subject, oldest first."""
        return self.filter(subject_kind=kind, subject_id=subject_id).order_by("created_at")

    def known_as(self, connector_id: uuid.UUID, external_id: str) -> "DeliveryQuerySet":
        """Return deliveries whose subject a connector's vendor calls by this id."""
        # Written out, not bound: SQLite uses the index of named ones only where it sees that it asks for those.
        is_named = Q(external_id__gt=RawSQL("''", []))
        return self.filter(is_named, connector=connector_id, external_id=external_id)

    def current(self) -> "DeliveryQuerySet":
        """Return deliveries that still say something: neither superseded nor cancelled."""
        return self.exclude(state__in=[self.model.State.SUPERSEDED, self.model.State.CANCELLED])

    def ready(self, connector_id: uuid.UUID, now: datetime) -> "DeliveryQuerySet":
        """Return waiting deliveries of a connector that may be sent now.

        They are due, their subject has nothing under way there, and no erasure of it comes first.
        """
        here = self.filter(connector=connector_id)
        # Asked once for the connector, not for every row: PostgreSQL, whose figures of a young backlog are old, would
        # go through all that is under way a hundred times.
        busy = here.filter(state__in=_UNDER_WAY).values("subject_id")
        erased = here.filter(operation=ERASE, state__in=_OPEN).values("subject_id")
        due = here.filter(state="waiting", due_at__lte=now).exclude(subject_id__in=busy)
        return due.filter(Q(operation=ERASE) | ~Q(subject_id__in=erased))

    def _of_subject(self) -> "DeliveryQuerySet":
        return self.model._default_manager.filter(connector=OuterRef("connector"), subject_id=OuterRef("subject_id"))

    def _under_way(self) -> "DeliveryQuerySet":
        return self._of_subject().filter(state__in=_UNDER_WAY)

    def _erasure(self) -> "DeliveryQuerySet":
        return self._of_subject().filter(operation=ERASE, state__in=_OPEN)

    def postpone_blocked(self, now: datetime) -> int:
        """Move what is due but has to wait for another delivery of its subject to when that may be through.

        Otherwise the clock would find it due all the time. `release` takes it up as soon as the other ends.
        """
        due = self.filter(state=self.model.State.WAITING, due_at__lte=now)
        under_way, erasure = self._under_way(), self._erasure()
        through_at = Coalesce("lease_until", "due_at", output_field=models.DateTimeField())
        ends = under_way.annotate(at=through_at).order_by().values("connector").annotate(last=Max("at")).values("last")
        asked_at = Greatest(Subquery(ends), Value(now + _BLOCKED), output_field=models.DateTimeField())
        moved = due.filter(Exists(under_way)).update(due_at=asked_at)
        behind = due.exclude(operation=ERASE).filter(Exists(erasure))
        return moved + behind.update(due_at=now + _BEHIND_ERASURE)

    def release(self, subject_ids: Sequence[uuid.UUID]) -> int:
        """Let what `postpone_blocked` moved be sent now."""
        waiting = self.filter(subject_id__in=subject_ids, state=self.model.State.WAITING, due_at__gt=db_now())
        return waiting.filter(tries=0, reason="").update(due_at=db_now())

    def erased_since(self) -> "DeliveryQuerySet":
        """Return deliveries that an erasure of their subject came after: what they were to tell is not to be told."""
        erasure = self.model._default_manager.filter(
            connector=OuterRef("connector"),
            subject_id=OuterRef("subject_id"),
            operation=ERASE,
            created_at__gt=OuterRef("created_at"),
        )
        return self.exclude(operation=ERASE).filter(Exists(erasure))

    def lapsed(self, now: datetime) -> "DeliveryQuerySet":
        """Return deliveries whose sender has let its lease run out, and with it the outcome."""
        return self.filter(state=self.model.State.SENDING, lease_until__lt=now)

    def to_ask(self, now: datetime) -> "DeliveryQuerySet":
        """Return deliveries whose vendor is to be asked now what became of them."""
        return self.filter(state=self.model.State.CONFIRMING, due_at__lte=now)

    def claim_batch(self, connector_id: uuid.UUID, limit: int) -> "Batch":
        """Take up to `limit` ready deliveries of one connector, all of one operation; committed on return."""
        with turns.writing(), transaction.atomic():
            now = db_now()
            ready = self.ready(connector_id, now).order_by("due_at", "id")
            rows = list(ready.select_for_update(skip_locked=True, of=("self",))[:limit])
            # A parcel is one request, and a request one operation: the first that is due says which.
            mine = Batch(row for row in rows if row.operation == rows[0].operation)
            mine.is_all = len(mine) == len(rows) < limit
            if mine:
                state, until = self.model.State.SENDING, now + timedelta(seconds=LEASE_SECONDS)
                claimed = self.model._default_manager.filter(pk__in=[row.pk for row in mine])
                claimed.update(state=state, lease_until=until, fence=F("fence") + 1)
                # Locked, or on SQLite alone with the file: nobody changed them in between.
                for row in mine:
                    row.state, row.lease_until, row.fence = state, until, row.fence + 1
            return mine

    def claim_job(self, connector_id: uuid.UUID) -> "list[Delivery]":
        """Take the deliveries of one job that is to be asked about; committed on return.

        They come up again after a lease: asking twice does no harm.
        """
        with turns.writing(), transaction.atomic():
            now = db_now()
            confirming = self.filter(connector=connector_id, state=self.model.State.CONFIRMING)
            job = confirming.to_ask(now).order_by("due_at", "id").values_list("job", flat=True).first()
            if job is None:
                return []
            until = now + timedelta(seconds=LEASE_SECONDS)
            # The new time, exact to the microsecond, tells those taken here from others of the same job.
            confirming.filter(job=job, due_at__lte=now + _SAME_MOMENT).update(due_at=until, fence=F("fence") + 1)
            return list(confirming.filter(job=job, due_at=until).order_by("id"))

    def settle(self, job: "Delivery", /, **values: Any) -> bool:
        """Write `values` to a delivery in hand; False where someone else has claimed it since."""
        in_hand = [self.model.State.SENDING, self.model.State.CONFIRMING]
        mine = self.model._default_manager.filter(pk=job.pk, fence=job.fence, state__in=in_hand)
        return bool(mine.update(**{"lease_until": None, **values}))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why a subject doesn't qualify now: a reason code, what of the subject it is about, and the rule in words."""

    reason: str
    about: str = ""
    words: str = ""

    def told(self) -> dict[str, str]:
        """Return what a delivery keeps of it."""
        return {"reason": self.reason, "field": self.about, "vendor_words": self.words}


_QUALIFIES = LeftOut("")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A delivery to be put in; `left_out` where the subject doesn't qualify now."""

    connector_id: uuid.UUID
    subject_id: uuid.UUID
    operation: str
    subject_kind: str = "lead"
    left_out: LeftOut | None = None


_JOIN = (
    "ON CONFLICT (connector_id, subject_kind, subject_id, operation) WHERE state = 'waiting' "
    # Changes nothing but takes the row's lock: a claim passes it over until the newer capture has committed.
    "DO UPDATE SET operation = excluded.operation"
)
"""Written by hand because Django can't name a partial unique index as the target of a conflict."""


def put(wanted: Sequence[Wanted]) -> None:
    """Put deliveries into the outbox in the caller's transaction; one that waits already is joined."""
    send(putting(wanted))


def put_and_name(wanted: Sequence[Wanted]) -> list[uuid.UUID]:
    """Do the same and return the ids, in no order."""
    return [uuid.UUID(str(id)) for rows in ask(*putting(wanted, " RETURNING id")) for (id,) in rows]


def putting(wanted: Sequence[Wanted], suffix: str = "") -> list[Statement]:
    """Return what puts deliveries in; in key order, so that two transactions can't wait for each other."""
    from integrations.models import Delivery

    now = db_now()
    rows = [
        {
            "id": uuid7(),
            "connector_id": want.connector_id,
            "subject_kind": want.subject_kind,
            "subject_id": want.subject_id,
            "operation": want.operation,
            "state": "skipped" if want.left_out else "waiting",
            **(want.left_out or _QUALIFIES).told(),
            "due_at": now,
            "created_at": now,
        }
        for want in sorted(wanted, key=lambda want: (want.subject_id, str(want.connector_id), want.operation))
    ]
    return insert_values(Delivery, rows, suffix=f"{_JOIN}{suffix}")


def closing(state: str, reason: str | None = None) -> dict[str, Any]:
    """Return what is written to a delivery that comes to an end; an erasure has no use for identifiers then."""
    ended: dict[str, Any] = {"state": state, "settled_at": db_now(), "sealed": ""}
    return ended if reason is None else {**ended, "reason": reason}


def settle_many(rows: "Sequence[Delivery]", own: Sequence[str], **same: Any) -> "list[Delivery]":
    """End a call for many: each row's values of `own` and what is the `same` for all, a statement per thousand.

    Returns those that somebody else has claimed since; of these nothing is written.
    """
    settled: set[uuid.UUID] = set()
    for start in range(0, len(rows), _AT_ONCE):
        settled |= _settle_some(rows[start : start + _AT_ONCE], own, same)
    return [row for row in rows if row.pk not in settled]


def _settle_some(rows: "Sequence[Delivery]", own: Sequence[str], same: Mapping[str, Any]) -> set[uuid.UUID]:
    from integrations.models import Delivery

    names = ("id", "fence", *own)
    told, parameters = told_of(Delivery, names, rows)
    constants = [adapter(Delivery, name)(value) for name, value in same.items()]
    sets = [f"{name} = %s" for name in same] + [f"{name} = told_{name}" for name in own]
    sql = (
        f"{told} UPDATE {Delivery._meta.db_table} SET {', '.join(sets)} FROM told "
        "WHERE id = told_id AND fence = told_fence AND state IN ('sending', 'confirming') RETURNING id"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*parameters, *constants])
        return {uuid.UUID(str(row[0])) for row in cursor.fetchall()}
