"""The files of imports: what people brought, and the rows that couldn't be taken."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from leads.exports.parts import folder as files_folder
from leads.models import Import
from runtime.clock import db_now

KEPT_DAYS = 30


def folder() -> Path:
    """Return where files that people brought lie."""
    path = files_folder() / "imports"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def path_of(run: Import) -> Path:
    """Return where an import's file is."""
    return folder() / f"{run.pk}{run.suffix}"


def errors_of(run: Import) -> Path:
    """Return where the rows are that couldn't be taken, each with its reason."""
    return folder() / f"{run.pk}.errors.csv"


def keep(run: Import, upload: Iterator[bytes]) -> None:
    """Put an uploaded file where the worker finds it."""
    path = path_of(run)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        for chunk in upload:
            file.write(chunk)
    shutil.move(part, path)


def forget_files(run: Import) -> None:
    """Remove the files of an import."""
    for path in (path_of(run), errors_of(run)):
        with suppress(FileNotFoundError):
            path.unlink()


def imports_prune(*, days: int = KEPT_DAYS) -> int:
    """Remove the files of old imports; returns how many imports."""
    ended = Import.objects.exclude(state__in=[Import.State.RUNNING, Import.State.WAITING])
    old = ended.filter(created_at__lt=db_now() - timedelta(days=days))
    count = 0
    for run in old.filter(has_files=True):
        forget_files(run)
        Import.objects.filter(pk=run.pk).update(has_files=False)
        count += 1
    return count
