"""Exports are written by a worker: with progress, whole or not at all, and after a crash from where it was."""

import csv
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from leads import selection
from leads.exports import columns as catalogue
from leads.exports import files, parts
from leads.exports.columns import Column
from leads.exports.rows import Shape, pages
from leads.models import Export, Lead, Sheet
from runtime import jobs, long_work, retention
from runtime.clock import db_now

log = structlog.get_logger(__name__)

KIND = "export"
FILES = "exported files"
"""What these are called where it is said how long they are kept."""

State = Export.State
_LEASE = timedelta(seconds=60)
# Excel's files are put together at the end, which takes long where there is much.
_LEASE_FOR_CLOSING = timedelta(minutes=10)
_SAY_EVERY_SECONDS = 1.0
_ROWS_AT_ONCE = 2000
_LONGEST_CELL = 1 << 30
_MOST_TRIES = 3


class Stopped(Exception):
    """The export is not ours to go on with: the process ends, somebody cancelled it or another has taken it over."""


def look(now: datetime, limit: int) -> jobs.Look:
    """Return which exports wait to be written."""
    return Export.objects.look(now, limit)


def run(id: str) -> None:
    """Have one export written, by a program of its own: it may take minutes."""
    long_work.start(KIND, id)


def write(id: str) -> None:
    """Write one export, if nobody else does; what an earlier try has read is not read again."""
    for export in Export.objects.filter(pk=id).claim():
        try:
            _write(export)
        except Stopped:
            # Where we stop because the process ends, the next one goes on at once.
            Export.objects.settle(export, state=State.WAITING, due_at=db_now())
        except selection.Unreadable as err:
            _give_up(export, f"A filter can’t be read: {err}")
        except Exception as err:
            log.exception("export.failed", id=id)
            _try_later(export, err)
        finally:
            parts.sweep(export)


def _write(export: Export) -> None:
    shown = catalogue.named(export.columns, may_see_personal=export.has_personal)
    leads = selection.narrow(Lead.objects.all(), export.filters)
    progress = _Progress(export, leads.count())
    rows = parts.take_over(export, _beginning(export, shown))
    _gather(export, leads, shown, rows, progress)
    file, cut_cells = (rows, 0) if export.format == Sheet.Format.CSV else _made(export, shown, rows, progress)
    file.replace(parts.path_of(export))
    now = db_now()
    kept = timedelta(days=retention.days(FILES) or settings.EXPORT_KEEP_DAYS)
    Export.objects.settle(
        export,
        state=State.DONE,
        written=export.written,
        cut_cells=cut_cells,
        size_bytes=parts.path_of(export).stat().st_size,
        file_name=f"leads-{timezone.localtime(export.created_at):%Y-%m-%d-%H%M}.{export.format}",
        reason="",
        finished_at=now,
        expires_at=now + kept,
    )


def _beginning(export: Export, shown: Sequence[Column]) -> bytes:
    """Return what stands before the rows: in a CSV file its header, elsewhere they are only read once more."""
    if export.format != Sheet.Format.CSV:
        return b""
    return files.csv_beginning(shown, export.separator, has_bom=export.has_bom).encode()


def _gather(export: Export, leads: QuerySet[Lead], shown: Sequence[Column], rows: Path, progress: "_Progress") -> None:
    """Read the leads that aren't on disk yet."""
    is_csv = export.format == Sheet.Format.CSV
    zone = ZoneInfo(export.time_zone or settings.TIME_ZONE)
    shape = Shape(shown, zone, export.separator if is_csv else ",", is_inert=is_csv)
    with rows.open("ab") as file:
        for page in pages(leads, shape, export.after):
            file.write(page.text)
            file.flush()
            export.after, export.part_bytes = page.last, file.tell()
            export.written += page.number
            progress.say()
    progress.say(now=True)


def _made(export: Export, shown: Sequence[Column], rows: Path, progress: "_Progress") -> tuple[Path, int]:
    """Make a file of another format of the rows; returns it, and how many cells had to be cut."""
    file = rows.with_name("file")
    writer = files.opened(export, file, shown)
    # A cell may be as long as a lead's attributes are.
    csv.field_size_limit(_LONGEST_CELL)
    with rows.open(encoding="utf-8", newline="") as lines:
        read = csv.reader(lines)
        while some := list(islice(read, _ROWS_AT_ONCE)):
            writer.write(some)
            progress.say()
    progress.say(now=True, lease=_LEASE_FOR_CLOSING)
    writer.close()
    progress.say(now=True)
    return file, writer.cut_cells


class _Progress:
    """Says now and then how far we are: that is where another goes on should we die, and with it we keep the lease."""

    def __init__(self, export: Export, total: int) -> None:
        self._export = export
        self._rows = Export.objects.filter(pk=export.pk, fence=export.fence, state=State.RUNNING)
        self._said_at = 0.0
        if not self._rows.update(total=total, started_at=db_now()):
            raise Stopped

    def say(self, *, now: bool = False, lease: timedelta = _LEASE) -> None:
        """Note what is on disk. Raises: Stopped."""
        if jobs.stopping.is_set():
            raise Stopped
        if not now and time.monotonic() - self._said_at < _SAY_EVERY_SECONDS:
            return
        self._said_at = time.monotonic()
        reached = {name: getattr(self._export, name) for name in ("after", "part_bytes", "written")}
        if not self._rows.update(**reached, lease_until=db_now() + lease):
            raise Stopped


def _try_later(export: Export, error: Exception) -> None:
    tries = export.tries + 1
    if tries >= _MOST_TRIES:
        _give_up(export, f"It could not be written ({type(error).__name__}). The log says more; then try it again.")
        return
    reason = f"Try {tries} failed ({type(error).__name__}); it is tried again by itself."
    later = db_now() + timedelta(seconds=10 * tries)
    Export.objects.settle(export, state=State.WAITING, tries=tries, due_at=later, reason=reason)


def _give_up(export: Export, reason: str) -> None:
    Export.objects.settle(
        export, state=State.NEEDS_YOU, tries=export.tries + 1, finished_at=db_now(), reason=reason[:200]
    )


WORK = jobs.Kind(KIND, look, run)
