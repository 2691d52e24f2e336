"""The outbox: how deliveries are put in, found and claimed."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q

from runtime import turns
from runtime.clock import db_now
from runtime.ids import uuid7
from runtime.inserts import adapted, insert_values
from runtime.jobs import LEASE_SECONDS, JobQuerySet

if TYPE_CHECKING:
    from integrations.models import Delivery

ERASE = "erase"


class DeliveryQuerySet(JobQuerySet["Delivery"]):
    """Reads and claims deliveries."""

    def for_subject(self, kind: str, subject_id: uuid.UUID) -> "DeliveryQuerySet":
        """Return what became of one subject, oldest first."""
        return self.filter(subject_kind=kind, subject_id=subject_id).order_by("created_at")

    def current(self) -> "DeliveryQuerySet":
        """Return deliveries that still say something: neither superseded nor cancelled."""
        return self.exclude(state__in=[self.model.State.SUPERSEDED, self.model.State.CANCELLED])

    def ready(self, now: datetime) -> "DeliveryQuerySet":
        """Return waiting deliveries that may be sent now.

        They are due, their subject has no call under way there, and no erasure of it comes first.
        """
        subject = self.model._default_manager.filter(connector=OuterRef("connector"), subject_id=OuterRef("subject_id"))
        under_way = subject.filter(state=self.model.State.SENDING)
        erasure = subject.filter(operation=ERASE, state__in=[self.model.State.WAITING, self.model.State.NEEDS_YOU])
        due = self.filter(state=self.model.State.WAITING, due_at__lte=now)
        return due.exclude(Exists(under_way)).filter(Q(operation=ERASE) | ~Exists(erasure))

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

    def claim_batch(self, connector_id: uuid.UUID, limit: int) -> "list[Delivery]":
        """Take up to `limit` ready deliveries of one connector, all of one operation; committed on return."""
        with turns.writing(), transaction.atomic():
            now = db_now()
            ready = self.filter(connector=connector_id).ready(now).order_by("due_at", "id")
            rows = list(ready.select_for_update(skip_locked=True, of=("self",)).values_list("pk", "operation")[:limit])
            ids = [pk for pk, operation in rows if operation == rows[0][1]]
            if not ids:
                return []
            mine = self.model._default_manager.filter(pk__in=ids)
            mine.update(
                state=self.model.State.SENDING,
                lease_until=now + timedelta(seconds=LEASE_SECONDS),
                fence=F("fence") + 1,
            )
            return list(mine.order_by("due_at", "id"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A delivery to be put in. `skipped_because` is a reason code where the subject doesn't qualify now."""

    connector_id: uuid.UUID
    subject_id: uuid.UUID
    operation: str
    subject_kind: str = "lead"
    skipped_because: str = ""


_JOIN = (
    "ON CONFLICT (connector_id, subject_kind, subject_id, operation) WHERE state = 'waiting' "
    # Changes nothing but takes the row's lock: a claim passes it over until the newer capture has committed.
    "DO UPDATE SET operation = excluded.operation RETURNING id"
)
"""Written by hand because Django can't name a partial unique index as the target of a conflict."""


def put(wanted: Sequence[Wanted]) -> list[uuid.UUID]:
    """Put deliveries into the outbox in the caller's transaction; one that waits already is joined.

    Returns the ids, in no order. Rows are written in key order: two transactions can't wait for each other.
    """
    from integrations.models import Delivery

    now = db_now()
    rows = [
        {
            "id": uuid7(),
            "connector_id": want.connector_id,
            "subject_kind": want.subject_kind,
            "subject_id": want.subject_id,
            "operation": want.operation,
            "state": "skipped" if want.skipped_because else "waiting",
            "reason": want.skipped_because,
            "due_at": now,
            "created_at": now,
        }
        for want in sorted(wanted, key=lambda want: (want.subject_id, str(want.connector_id), want.operation))
    ]
    return [uuid.UUID(str(id)) for (id,) in insert_values(Delivery, rows, suffix=_JOIN)]


def closing(state: str, reason: str | None = None) -> dict[str, Any]:
    """Return what is written to a delivery that comes to an end; an erasure has no use for identifiers then."""
    ended: dict[str, Any] = {"state": state, "settled_at": db_now(), "sealed": ""}
    return ended if reason is None else {**ended, "reason": reason}


def settle_delivered(delivered: Sequence["Delivery"], call_id: uuid.UUID | None) -> "list[Delivery]":
    """Note that the vendor has these, in one statement; returns those that somebody else has claimed since.

    Of each row its `external_id`, `revision` and `tries` are written.
    """
    from integrations.models import Delivery

    now = adapted(Delivery, "settled_at", db_now())
    names = ("id", "external_id", "revision", "tries", "fence")
    values = [adapted(Delivery, name, getattr(row, name)) for row in delivered for name in names]
    sql = (
        f"UPDATE {Delivery._meta.db_table} AS d SET state = 'delivered', external_id = v.column2, "
        "revision = v.column3, tries = v.column4, reason = '', vendor_words = '', field = '', sealed = '', "
        "lease_until = NULL, settled_at = %s, call_id = %s "
        f"FROM (VALUES {', '.join(['(%s, %s, %s, %s, %s)'] * len(delivered))}) AS v "
        "WHERE d.id = v.column1 AND d.fence = v.column5 AND d.state = 'sending' RETURNING id"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [now, adapted(Delivery, "call_id", call_id), *values])
        settled = {uuid.UUID(str(row[0])) for row in cursor.fetchall()}
    return [row for row in delivered if row.pk not in settled]
