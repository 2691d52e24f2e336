"""Where files of leads lie, and the rows that were read for one that isn't whole yet."""

import shutil
from pathlib import Path

from django.conf import settings

from leads.models import Export

_COPIED_AT_ONCE = 1 << 20


def folder() -> Path:
    """Return where files of leads lie; nobody else on this machine may look in."""
    path = Path(settings.EXPORT_DIR)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def path_of(export: Export) -> Path:
    """Return where an export's finished file is."""
    return folder() / f"{export.pk}.{export.format}"


def take_over(export: Export, beginning: bytes) -> Path:
    """Return the file of rows, with all that an earlier try has noted; where that is gone, with the beginning alone.

    Each try has a file of its own: one that lost its lease and doesn't know it yet can't write into another's.
    """
    workshop = folder() / f"{export.pk}.{export.fence}.part"
    workshop.mkdir(mode=0o700)
    rows = workshop / "rows"
    earlier = next((found for found in _earlier(export) if found.stat().st_size >= export.part_bytes), None)
    if export.after and earlier:
        _copy(earlier, rows, export.part_bytes)
    else:
        export.after, export.part_bytes, export.written = None, len(beginning), 0
        rows.write_bytes(beginning)
    _remove(export, before=export.fence)
    return rows


def _earlier(export: Export) -> list[Path]:
    """Return the rows of earlier tries, the newest first."""
    found = [part for part in folder().glob(f"{export.pk}.*.part") if _fence(part) < export.fence]
    rows = [part / "rows" for part in sorted(found, key=_fence, reverse=True)]
    return [path for path in rows if path.exists()]


def _fence(part: Path) -> int:
    return int(part.name.split(".")[1])


def _copy(source: Path, target: Path, size: int) -> None:
    with source.open("rb") as old, target.open("wb") as new:
        while size and (some := old.read(min(size, _COPIED_AT_ONCE))):
            new.write(some)
            size -= len(some)


def sweep(export: Export) -> None:
    """Remove what was read for a file that is whole by now, or never will be."""
    is_open = Export.objects.filter(pk=export.pk, state__in=[Export.State.WAITING, Export.State.RUNNING]).exists()
    if not is_open:
        forget(export)


def forget(export: Export) -> None:
    """Remove everything that was read for a file."""
    _remove(export)


def _remove(export: Export, before: int | None = None) -> None:
    for part in folder().glob(f"{export.pk}.*.part"):
        if before is None or _fence(part) < before:
            shutil.rmtree(part, ignore_errors=True)
