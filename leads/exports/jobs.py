"""Exports are written by a worker: with progress, whole or not at all, and again after a crash."""

import shutil
import time
from collections.abc import Iterator, Sequence
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
from leads.exports import files, rows
from leads.exports.columns import Column
from leads.models import Export, Lead
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
_LINES_AT_ONCE = 5000
_MOST_TRIES = 3


class Stopped(Exception):
    """The export is not ours to go on with: the process ends, somebody cancelled it or another has taken it over."""


def folder() -> Path:
    """Return where files of leads lie; nobody else on this machine may look in."""
    path = Path(settings.EXPORT_DIR)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def path_of(export: Export) -> Path:
    """Return where an export's finished file is."""
    return folder() / f"{export.pk}.{export.format}"


def look(now: datetime, limit: int) -> jobs.Look:
    """Return which exports wait to be written."""
    return Export.objects.look(now, limit)


def run(id: str) -> None:
    """Have one export written, in a thread of its own: it may take minutes."""
    long_work.start(KIND, id, write)


def write(id: str) -> None:
    """Write one export, if nobody else does."""
    for export in Export.objects.filter(pk=id).claim():
        try:
            _write(export)
        except Stopped:
            # Where we stop because the process ends, the next one begins anew at once.
            Export.objects.settle(export, state=State.WAITING, due_at=db_now(), written=0)
        except selection.Unreadable as err:
            _give_up(export, f"A filter can’t be read: {err}")
        except Exception as err:
            log.exception("export.failed", id=id)
            _try_later(export, err)
        finally:
            _sweep(export)


def _write(export: Export) -> None:
    shown = catalogue.named(export.columns, may_see_personal=export.has_personal)
    leads = selection.narrow(Lead.objects.all(), export.filters)
    progress = _Progress(export, leads.count())
    workshop = folder() / f"{export.pk}.{export.fence}.part"
    workshop.mkdir(mode=0o700)
    part = workshop / "file"
    writer = files.opened(export, part, shown)
    written = 0
    for count in _filled(writer, export, leads, shown):
        written += count
        progress.say(written)
    progress.say(written, lease=_LEASE_FOR_CLOSING)
    writer.close()
    progress.say(written, lease=_LEASE)
    part.replace(path_of(export))
    now = db_now()
    Export.objects.settle(
        export,
        state=State.DONE,
        written=written,
        cut_cells=writer.cut_cells,
        size_bytes=path_of(export).stat().st_size,
        file_name=f"leads-{timezone.localtime(export.created_at):%Y-%m-%d-%H%M}.{export.format}",
        reason="",
        finished_at=now,
        expires_at=now + timedelta(days=retention.days(FILES) or settings.EXPORT_KEEP_DAYS),
    )


def _filled(writer: files.Writer, export: Export, leads: QuerySet[Lead], shown: Sequence[Column]) -> Iterator[int]:
    """Write all rows; yields how many were added each time."""
    zone = ZoneInfo(export.time_zone or settings.TIME_ZONE)
    if isinstance(writer, files.CsvWriter) and rows.can_stream():
        lines = rows.csv_lines(leads, shown, zone, export.separator)
        while some := list(islice(lines, _LINES_AT_ONCE)):
            writer.write_lines(some)
            yield len(some)
        return
    for page in rows.pages(leads, shown, zone):
        writer.write(page)
        yield len(page)


class _Progress:
    """Says now and then how far we are, and with that keeps the lease."""

    def __init__(self, export: Export, total: int) -> None:
        self._rows = Export.objects.filter(pk=export.pk, fence=export.fence, state=State.RUNNING)
        self._said_at = 0.0
        if not self._rows.update(total=total, written=0, started_at=db_now()):
            raise Stopped

    def say(self, written: int, lease: timedelta | None = None) -> None:
        """Note how many rows are written; at once where a lease is asked for. Raises: Stopped."""
        if jobs.stopping.is_set():
            raise Stopped
        if lease is None and time.monotonic() - self._said_at < _SAY_EVERY_SECONDS:
            return
        self._said_at = time.monotonic()
        if not self._rows.update(written=written, lease_until=db_now() + (lease or _LEASE)):
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


def _sweep(export: Export) -> None:
    """Remove what this and earlier, killed tries left half written; a later one's part is not ours."""
    for part in folder().glob(f"{export.pk}.*.part"):
        if int(part.name.split(".")[1]) <= export.fence:
            shutil.rmtree(part, ignore_errors=True)


WORK = jobs.Kind(KIND, look, run)
