"""How far exports and imports are, in the words and figures that their pages keep up to date."""

from typing import Any

from leads.models import Export, Import
from runtime.display import badge_parts, counted, exact

State = Export.State


def export_progress(export: Export) -> dict[str, Any]:
    """Return how far an export is."""
    return _told(export, _said(export), export.written)


def import_progress(run: Import) -> dict[str, Any]:
    """Return how far an import is."""
    parts = [
        f"{run.rows_done:,} of {counted(run.total, 'row')} done",
        f"{counted(run.created, 'lead')} new",
        f"{run.updated:,} known",
        f"{run.refused:,} not taken" if run.refused else "",
        f"{run.erased:,} left out because the person was erased" if run.erased else "",
        f"{run.undone:,} taken back" if run.undone else "",
    ]
    return _told(run, f"{', '.join(filter(None, parts))}. {run.reason}".strip(), run.rows_done)


def _told(job: Export | Import, said: str, done: int) -> dict[str, Any]:
    """Return strings, numbers, and what the buttons on the page depend on."""
    tone, symbol, words = badge_parts(job.state, job.get_state_display())
    return {
        "state": {"text": f"{symbol} {words}", "tone": tone},
        "said": said,
        "total": job.total,
        "written": done,
        "is_under_way": job.state in (job.WAITING, job.CLAIMED),
        "drawn": job.state,
    }


def _said(export: Export) -> str:
    if export.state == State.RUNNING and 0 < export.total <= export.written:
        return f"{counted(export.written, 'lead')} read; the file is being put together."
    if export.state == State.RUNNING:
        return f"{export.written:,} of {counted(export.total, 'lead')} written."
    if export.state == State.DONE:
        until = exact(export.expires_at) if export.expires_at else ""
        cut = f" {counted(export.cut_cells, 'cell was', 'cells were')} cut." if export.cut_cells else ""
        note = f" {export.reason}" if export.reason else ""
        return f"{counted(export.written, 'lead')}, {_size(export.size_bytes)}; kept until {until}.{cut}{note}"
    if export.state == State.WAITING:
        return export.reason or "It waits for a worker: a second or two, or until another export or import is done."
    if export.state == State.EXPIRED:
        return f"The file is no longer here. {export.reason}".strip()
    return export.reason


def _size(count: int) -> str:
    return f"{count / 1_000_000:,.1f} MB" if count >= 100_000 else f"{max(count / 1000, 0.1):,.1f} kB"
