"""Erasing a person: here at once, everywhere else as durable work, with a certificate at the end."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from django.db import connection, transaction

from gateway.models import Client, User
from integrations import erasures as vendors
from integrations.explanations import explain
from integrations.models import Delivery
from integrations.outbox import ERASE
from leads.exports import services as exports
from leads.models import Erasure, Export, ExportPlan, Lead, Tombstone
from runtime import jobs, personal, secrets
from runtime.clock import db_now
from runtime.hashes import person_hash
from runtime.personal import Person
from runtime.wakeups import wake

if TYPE_CHECKING:
    from leads.services import LeadData

log = structlog.get_logger(__name__)

KIND = "erasure"
State = Erasure.State
_ENDED = {Delivery.State.DELIVERED, Delivery.State.CANCELLED, Delivery.State.SUPERSEDED, Delivery.State.SKIPPED}
_FIRST_LOOK, _LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=10)


def erasure_start(*, lead: Lead, person: User | None = None, client: Client | None = None) -> Erasure:
    """Forget somebody: the lead with all that hangs on it is gone when this returns, the rest follows by itself.

    A fresh capture, by the person's own doing, is a new lead; a retry, a replay or an import brings nobody back.
    """
    with transaction.atomic():
        known = Lead.objects.select_for_update().get(pk=lead.pk)
        who = _person(known)
        references = list(known.references.values_list("client_id", "value"))
        first = {"email": known.email, "phone": known.phone, "reference": references[0][1] if references else ""}
        asked = vendors.erase(subject_kind="lead", subject_id=known.pk, identifiers=first)
        erasure = Erasure.objects.create(
            lead_id=known.pk,
            person=person,
            client=client,
            sealed=secrets.seal(_sealable(who)),
            captured_at=known.created_at,
            by_hand=[connector.name for connector in asked.by_hand],
            counts=dict(_counts(known)),
        )
        hashes = [person_hash(f"reference {client_id}", value) for client_id, value in references]
        hashes += [person_hash("email", known.email)] if known.email else []
        hashes += [person_hash("phone", known.phone)] if known.phone else []
        Tombstone.objects.bulk_create(
            [Tombstone(hash=each, erasure=erasure, erased_at=erasure.created_at) for each in hashes],
            ignore_conflicts=True,
        )
        known.delete()
        wake(KIND, str(erasure.pk))
    return erasure


def _counts(lead: Lead) -> Iterator[tuple[str, int]]:
    yield "lead", 1
    yield "activities", lead.activities.count()
    yield "consents", lead.consents.count()
    yield "references", lead.references.count()


def _person(lead: Lead) -> Person:
    """Collect what stands for somebody: today's identifiers and earlier ones, conversations, vendors' ids."""
    found = [lead.email, lead.phone, *lead.references.values_list("value", flat=True)]
    activities = list(lead.activities.all())
    for activity in activities:
        for name in ("email", "phone"):
            found += [str(value) for value in activity.changes.get(name, ()) if value]
    conversations = {activity.conversation_id for activity in activities if activity.conversation_id}
    told = Delivery.objects.filter(subject_kind="lead", subject_id=lead.pk).exclude(external_id="")
    external = told.values_list("external_id", flat=True).distinct()
    return Person(lead.pk, tuple(filter(None, dict.fromkeys(found))), tuple(conversations), tuple(external))


def _sealable(who: Person) -> dict[str, Any]:
    return {
        "identifiers": list(who.identifiers),
        "conversations": [str(pk) for pk in who.conversation_ids],
        "external": list(who.external_ids),
    }


def _unsealed(erasure: Erasure) -> Person:
    values = secrets.unseal(erasure.sealed)
    conversations = tuple(uuid.UUID(pk) for pk in values["conversations"])
    return Person(erasure.lead_id, tuple(values["identifiers"]), conversations, tuple(values["external"]))


def erased_at(*, email: str = "", phone: str = "", client_id: Any = None, reference: str = "") -> datetime | None:
    """Return when somebody with one of these identifiers was erased, or None."""
    hashes = [person_hash("email", email)] if email else []
    hashes += [person_hash("phone", phone)] if phone else []
    hashes += [person_hash(f"reference {client_id}", reference)] if reference else []
    return Tombstone.objects.filter(hash__in=hashes).values_list("erased_at", flat=True).first()


def erased_among(people: Sequence["LeadData"], client_id: Any) -> list[datetime | None]:
    """Return of each of many when they were erased, or None; one statement."""
    hashes = [_hashes(each, client_id) for each in people]
    known = dict(
        Tombstone.objects.filter(hash__in={one for some in hashes for one in some}).values_list("hash", "erased_at")
    )
    return [next((known[one] for one in some if one in known), None) for some in hashes]


def _hashes(who: "LeadData", client_id: Any) -> list[str]:
    hashes = [person_hash("email", who.email)] if who.email else []
    hashes += [person_hash("phone", who.phone)] if who.phone else []
    return [*hashes, *([person_hash(f"reference {client_id}", who.reference)] if who.reference else [])]


def look(now: datetime, limit: int) -> jobs.Look:
    """Return which erasures have work."""
    return Erasure.objects.look(now, limit)


def run(id: str) -> None:
    """Go on with one erasure, if nobody else does."""
    for erasure in Erasure.objects.filter(pk=id).claim():
        try:
            _go_on(erasure)
        except secrets.WrongEncryptionKey:
            reason = "Its identifiers were sealed with a key that is gone. Bring ENCRYPTION_KEYS back, then go on."
            Erasure.objects.settle(erasure, state=State.NEEDS_YOU, reason=reason)
        except Exception as err:
            log.exception("erasure.failed", id=id)
            reason = f"It stopped ({type(err).__name__}) and goes on by itself."
            _look_again(erasure, reason)


def _go_on(erasure: Erasure) -> None:
    if erasure.step == Erasure.Step.HERE:
        _forget_here(erasure)
        erasure.step = Erasure.Step.ELSEWHERE
    if open_ones := [row for row in vendor_erasures(erasure) if row.state not in _ENDED]:
        asks = any(row.state == Delivery.State.NEEDS_YOU for row in open_ones)
        _look_again(erasure, "A connected system needs you." if asks else "Connected systems are told.")
        return
    erasure_finish(erasure=erasure)


def _forget_here(erasure: Erasure) -> None:
    """Have every registered table forget; each is noted as it is done, so that a crash costs nothing."""
    who = _unsealed(erasure)
    for holding in personal.holdings():
        if holding.table in erasure.done:
            continue
        with transaction.atomic():
            count = holding.forget(who)
            erasure.done = [*erasure.done, holding.table]
            if count:
                erasure.counts = {**erasure.counts, holding.words: count}
            mine = Erasure.objects.filter(pk=erasure.pk, fence=erasure.fence, state=State.RUNNING)
            lease = db_now() + timedelta(seconds=jobs.LEASE_SECONDS)
            if not mine.update(done=erasure.done, counts=erasure.counts, lease_until=lease):
                raise RuntimeError("Another worker has taken this erasure over.")


def _look_again(erasure: Erasure, reason: str) -> None:
    tries = erasure.tries + 1
    pause = min(_LONGEST_PAUSE, _FIRST_LOOK * 2 ** min(tries, 10))
    Erasure.objects.settle(
        erasure, state=State.WAITING, step=erasure.step, tries=tries, due_at=db_now() + pause, reason=reason
    )


def vendor_erasures(erasure: Erasure) -> list[Delivery]:
    """Return how the connected systems' erasures stand, the newest of each."""
    rows = Delivery.objects.for_subject("lead", erasure.lead_id).filter(operation=ERASE).select_related("connector")
    newest = {row.connector_id: row for row in rows}
    return sorted(newest.values(), key=lambda row: row.connector.name)


def erasure_finish(*, erasure: Erasure) -> None:
    """Close an erasure: the certificate is written, and what it needed to know is forgotten."""
    told = vendor_erasures(erasure)
    Erasure.objects.settle(
        erasure,
        state=State.DONE,
        step=Erasure.Step.DONE,
        sealed="",
        reason="",
        finished_at=db_now(),
        vendors=[_vendor_line(row) for row in told],
        remains=_remains(erasure, told),
    )
    # A vendor's own id stands for the person as well, and isn't needed any more.
    Delivery.objects.filter(subject_kind="lead", subject_id=erasure.lead_id).update(external_id="", vendor_words="")
    sweep_files()


def _vendor_line(row: Delivery) -> dict[str, str]:
    at = row.settled_at.isoformat() if row.settled_at else ""
    words = "" if row.state == Delivery.State.DELIVERED else explain(row)
    return {"connector": row.connector.name, "state": str(row.state), "at": at, "words": words}


def _remains(erasure: Erasure, told: Sequence[Delivery]) -> list[str]:
    remains = [f"{name}: it can’t be told by us. Erase the person there by hand." for name in erasure.by_hand]
    remains += [
        f"{row.connector.name}: not erased there ({explain(row)})"
        for row in told
        if row.state != Delivery.State.DELIVERED
    ]
    taken = Export.objects.filter(created_at__gte=erasure.captured_at, has_personal=True, downloads__gt=0).count()
    if taken:
        remains.append(f"Copies of {taken} exported files that people downloaded since the person was captured.")
    remains.append("Backups of the database and of its files that were made before.")
    return remains


def erasure_close(*, erasure: Erasure) -> bool:
    """Finish an erasure that a connected system will never confirm: the certificate says what is left there."""
    for claimed in Erasure.objects.filter(pk=erasure.pk, step=Erasure.Step.ELSEWHERE).claim():
        erasure_finish(erasure=claimed)
        return True
    return False


def sweep_files() -> None:
    """Have SQLite forget what stood in its log; deleted rows themselves are overwritten as they go (secure_delete)."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def certificate(erasure: Erasure) -> dict[str, Any]:
    """Return what was erased, where, and what could not be."""
    told: Sequence[Mapping[str, str]] = erasure.vendors or [_vendor_line(row) for row in vendor_erasures(erasure)]
    is_done = erasure.state == State.DONE
    return {
        "id": str(erasure.pk),
        "lead": str(erasure.lead_id),
        "state": str(erasure.state),
        "asked_at": erasure.created_at.isoformat(),
        "finished_at": erasure.finished_at.isoformat() if erasure.finished_at else None,
        "erased": dict(erasure.counts),
        "connectors": [dict(each) for each in told],
        "remains": list(erasure.remains) if is_done else [],
    }


def exports_forget(who: Person) -> int:
    """Take away every file that may show somebody, and questions that name them."""
    personal.blank(Export.objects.all(), who.mentioned_in("filters", "columns"), filters={}, columns=["id"])
    personal.blank(ExportPlan.objects.all(), who.mentioned_in("filters", "columns"), filters={}, schedule="")
    count = 0
    for export in Export.objects.filter(has_personal=True, state=Export.State.DONE):
        exports.export_remove(export=export, reason="Removed because somebody in it was erased. Write it again.")
        count += 1
    running = Export.objects.filter(state__in=[Export.State.WAITING, Export.State.RUNNING])
    # Written anew, without the person: the fence makes whoever writes now give up.
    for export in running:
        exports.export_restart(export=export)
    return count


WORK = jobs.Kind(KIND, look, run)
