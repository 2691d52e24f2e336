"""Bringing leads from elsewhere: a file, matched, tried, taken, and taken back."""

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from django.db import transaction

from gateway.models import Client, User
from leads.imports import files, jobs, matching, reading
from leads.imports.matching import Refused
from leads.models import Import
from runtime.clock import db_now
from runtime.wakeups import wake

State = Import.State
SUFFIXES = (".csv", ".txt", ".xlsx")
_SHOWN = 5
_TRIED = 200


def import_create(*, file_name: str, upload: Iterable[bytes], person: User | None) -> Import:
    """Take a file in and guess what its columns are. Raises: reading.NotASheet."""
    suffix = PurePath(file_name).suffix.lower()
    if suffix not in SUFFIXES:
        raise reading.NotASheet("Bring a CSV or XLSX file.")
    # Only what the file is, nothing of what it is called, decides about a path.
    known = ".xlsx" if suffix == ".xlsx" else ".csv"
    run = Import(file_name=PurePath(file_name).name[:120], suffix=known, person=person)
    files.keep(run, iter(upload))
    try:
        header, _ = reading.header_and(files.path_of(run), 1)
        run.total = reading.counted(files.path_of(run))
    except reading.NotASheet:
        files.forget_files(run)
        raise
    run.matched = matching.guessed(header)
    run.save()
    return run


def preview(run: Import) -> dict[str, Any]:
    """Return the first rows as they would be taken, and how many of the first ones can't be.

    `{"rows": [{"lead": LeadData | None, "why": str}], "tried": int, "refused": int}`
    """
    header, rows = reading.header_and(files.path_of(run), _TRIED)
    shown: list[dict[str, Any]] = []
    refused = 0
    for row in rows:
        cells = dict(zip(header, reading.padded(row, len(header)), strict=True))
        try:
            lead, why = matching.read(cells, run.matched, wording="").lead, ""
        except Refused as err:
            lead, why = None, str(err)
        refused += bool(why)
        if len(shown) < _SHOWN:
            shown.append({"lead": lead, "why": why})
    return {"rows": shown, "tried": len(rows), "refused": refused}


def examples(run: Import) -> list[dict[str, Any]]:
    """Return each column with what it is and a value of it: `[{"header", "target", "example"}]`."""
    header, rows = reading.header_and(files.path_of(run), _SHOWN)
    first = [reading.padded(row, len(header)) for row in rows]
    return [
        {
            "header": name,
            "target": run.matched.get(name, ""),
            "example": next((row[index] for row in first if row[index]), ""),
        }
        for index, name in enumerate(header)
    ]


def import_match(*, run: Import, matched: Mapping[str, str], client: Client | None, is_sent: bool) -> None:
    """Set what the columns are, whose leads they become, and whether connectors get them."""
    run.matched = {name: matched.get(name, "") for name in run.matched}
    run.client, run.is_sent = client, is_sent
    Import.objects.filter(pk=run.pk, state=State.DRAFT).update(
        matched=run.matched, client=run.client, is_sent=run.is_sent
    )


def import_start(*, run: Import) -> bool:
    """Have the rows taken; False where that was begun already, or nobody could be found by any column."""
    if run.client is None or not {"email", "phone", "reference"} & set(run.matched.values()):
        return False
    return _begin(run, State.DRAFT)


def import_go_on(*, run: Import) -> bool:
    """Go on where it stopped."""
    return _begin(run, State.NEEDS_YOU)


def import_undo(*, run: Import) -> bool:
    """Take back what an import did: leads it made that nobody touched since go, values it changed come back."""
    Import.objects.filter(pk=run.pk, state=State.DONE).update(is_undoing=True)
    return _begin(run, State.DONE)


def _begin(run: Import, state: str) -> bool:
    with transaction.atomic():
        mine = Import.objects.filter(pk=run.pk, state=state)
        begun = bool(mine.update(state=State.WAITING, due_at=db_now(), tries=0, reason=""))
        if begun:
            wake(jobs.KIND, str(run.pk))
    return begun
