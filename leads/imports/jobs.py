"""Imports are worked off in batches, each with the note how far it came in one transaction: no row counts twice."""

import csv
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

import structlog
from django.db import transaction
from django.db.models import F

from leads import erasures
from leads.capture import leads_capture
from leads.exports.inert import inert
from leads.imports import files, reading
from leads.models import Activity, Consent, Import, Lead
from leads.services import Capture, Submission
from runtime import jobs, long_work
from runtime.clock import db_now

log = structlog.get_logger(__name__)

KIND = "import"
State = Import.State
BATCH = 500
_LEASE = timedelta(seconds=60)


class Stopped(Exception):
    """The import is not ours to go on with."""


def look(now: datetime, limit: int) -> jobs.Look:
    """Return which imports wait."""
    return Import.objects.look(now, limit)


def run(id: str) -> None:
    """Go on with one import in a program of its own."""
    long_work.start(KIND, id)


def work(id: str) -> None:
    """Go on with one import, if nobody else does."""
    for claimed in Import.objects.filter(pk=id).claim():
        try:
            _undo(claimed) if claimed.is_undoing else _take(claimed)
        except Stopped:
            Import.objects.settle(claimed, state=State.WAITING, due_at=db_now())
        except (reading.NotASheet, FileNotFoundError) as err:
            words = str(err) if isinstance(err, reading.NotASheet) else "Its file is gone. Bring it again."
            Import.objects.settle(claimed, state=State.NEEDS_YOU, reason=words[:200])
        except Exception as err:
            log.exception("import.failed", id=id)
            tries = claimed.tries + 1
            reason = f"It stopped at row {claimed.rows_done} ({type(err).__name__})."
            state = State.NEEDS_YOU if tries >= 3 else State.WAITING
            later = db_now() + timedelta(seconds=10 * tries)
            Import.objects.settle(claimed, state=state, tries=tries, due_at=later, reason=reason)


def _take(claimed: Import) -> None:
    path = files.path_of(claimed)
    rows = reading.rows(path)
    header = next(rows)
    for _ in islice(rows, claimed.rows_done):
        pass
    with files.errors_of(claimed).open("a", encoding="utf-8", newline="") as errors:
        if errors.tell() == 0:
            csv.writer(errors).writerow([*map(inert, header), "why it was not taken"])
        while batch := list(islice(rows, BATCH)):
            _check(claimed)
            refused = _take_batch(claimed, header, [reading.padded(row, len(header)) for row in batch])
            csv.writer(errors).writerows([*map(inert, row), why] for row, why in refused)
            errors.flush()
    ended = {"state": State.DONE, "reason": "", "finished_at": db_now()}
    if Import.objects.settle(claimed, **ended):
        # Whoever was in the file is a lead now; the file itself isn't kept.
        path.unlink(missing_ok=True)


def _take_batch(claimed: Import, header: Sequence[str], batch: Sequence[list[str]]) -> list[tuple[list[str], str]]:
    """Write one batch and how far we are, together; returns the rows that can't be taken."""
    # Brings the API's serializers along: a worker that takes no import in does without these 9 MB.
    from leads.imports import matching

    refused: list[tuple[list[str], str]] = []
    taken: list[matching.Read] = []
    for row in batch:
        try:
            cells = dict(zip(header, row, strict=True))
            taken.append(matching.read(cells, claimed.matched, wording=f"Imported from {claimed.file_name}"[:200]))
        except matching.Refused as err:
            refused.append((row, str(err)))
    gone = erasures.erased_among([read.lead for read in taken], claimed.client_id)
    kept = [read for read, at in zip(taken, gone, strict=True) if at is None]
    erased = len(taken) - len(kept)
    client = claimed.client
    if client is None:
        raise reading.NotASheet("The chatbot whose leads they were to become is gone. Choose another one.")
    submissions = [
        Submission(
            client,
            read.lead,
            source=Consent.Source.IMPORT,
            is_sent=claimed.is_sent,
            import_id=claimed.pk,
            captured_at=read.captured_at,
        )
        for read in kept
    ]

    def remember(captures: Sequence[Capture]) -> None:
        created = sum(capture.created for capture in captures)
        _note(claimed, len(batch), created, len(captures) - created, len(refused), erased)

    if submissions:
        leads_capture(submissions, remember)
    else:
        _note(claimed, len(batch), 0, 0, len(refused), erased)
    return refused


def _note(claimed: Import, rows: int, created: int, updated: int, refused: int, erased: int) -> None:
    mine = Import.objects.filter(pk=claimed.pk, fence=claimed.fence, state=State.RUNNING)
    noted = mine.update(
        rows_done=F("rows_done") + rows,
        created=F("created") + created,
        updated=F("updated") + updated,
        refused=F("refused") + refused,
        erased=F("erased") + erased,
        lease_until=db_now() + _LEASE,
    )
    if not noted:
        raise Stopped


def _check(claimed: Import) -> None:
    if jobs.stopping.is_set():
        raise Stopped


def _undo(claimed: Import) -> None:
    """Take back what an import did, newest first; what changed since stays as it is."""
    while True:
        _check(claimed)
        with transaction.atomic():
            mine = Activity.objects.filter(import_id=claimed.pk).order_by("-pk")
            some = list(mine.values_list("pk", "lead")[:BATCH])
            if not some:
                break
            known = {lead.pk: lead for lead in Lead.objects.select_for_update().filter(pk__in={pk for _, pk in some})}
            gone = _take_back([pk for pk, _ in some], known)
            lease = {"lease_until": db_now() + _LEASE, "undone": F("undone") + gone}
            if not Import.objects.filter(pk=claimed.pk, fence=claimed.fence, state=State.RUNNING).update(**lease):
                raise Stopped
    Import.objects.settle(claimed, state=State.UNDONE, finished_at=db_now(), reason="")


def _take_back(ids: Sequence[uuid.UUID], known: dict[uuid.UUID, Lead]) -> int:
    """Take back these activities; returns how many leads are gone with them."""
    doomed = set()
    for activity in Activity.objects.filter(pk__in=ids).order_by("-pk"):
        lead = known[activity.lead_id]
        if activity.kind == Activity.Kind.CAPTURED and lead.revision == activity.revision:
            doomed.add(lead.pk)
            continue
        for name, (before, after) in _changes(activity):
            if name.startswith("attributes."):
                key = name.removeprefix("attributes.")
                if lead.attributes.get(key) == after:
                    lead.attributes = {k: v for k, v in {**lead.attributes, key: before}.items() if v is not None}
            elif getattr(lead, name, None) == after:
                setattr(lead, name, before)
        if lead.revision == activity.revision:
            lead.revision -= 1
        lead.updated_at = db_now()
    for pk, lead in known.items():
        if pk not in doomed:
            lead.save()
    Consent.objects.filter(import_id__isnull=False, lead__in=known, import_id__in=_imports_of(ids)).delete()
    Activity.objects.filter(pk__in=ids).delete()
    Lead.objects.filter(pk__in=doomed).delete()
    return len(doomed)


def _imports_of(ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    found = Activity.objects.filter(pk__in=ids).values_list("import_id", flat=True)
    return [pk for pk in set(found) if pk is not None]


def _changes(activity: Activity) -> Iterator[tuple[str, tuple[object, object]]]:
    for name, pair in activity.changes.items():
        if isinstance(pair, list) and len(pair) == 2 and name != Activity.ALSO:
            yield name, (pair[0], pair[1])


WORK = jobs.Kind(KIND, look, run)
