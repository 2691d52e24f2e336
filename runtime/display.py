"""How pages show times, states and bodies: relative with the exact one on hover, in words and never by colour alone."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from runtime.clock import db_now

Tone = Literal["good", "busy", "calm", "warn", "bad"]

TONES: dict[str, Tone] = {
    "delivered": "good",
    "processed": "good",
    "done": "good",
    "answered": "good",
    "active": "good",
    "waiting": "calm",
    "sending": "busy",
    "running": "busy",
    "confirming": "busy",
    "needs_you": "bad",
    "unavailable": "bad",
    "exposed": "bad",
    "paused": "warn",
    "expired": "warn",
    "revoked": "calm",
    "off": "calm",
    "skipped": "calm",
    "superseded": "calm",
    "cancelled": "calm",
    "needs_input": "busy",
    "verification_required": "busy",
    "partial": "warn",
    "no_match": "warn",
    "suggestions": "busy",
}
"""What each state means for a person who skims a page; a state that is not here is calm."""

_SYMBOLS: dict[Tone, str] = {"good": "✓", "busy": "↻", "calm": "·", "warn": "‖", "bad": "!"}
# Up to here a text is shown whole; of a longer one its beginning. Between them is room, so that folding always saves.
_SHORT_CHARACTERS, _SHORT_LINES = 400, 8
_BEGINNING_CHARACTERS, _BEGINNING_LINES = 240, 4
_UNITS = ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def badge_parts(state: str, words: str = "") -> tuple[Tone, str, str]:
    """Return what a badge is made of: its tone, its symbol, its words."""
    tone = TONES.get(state, "calm")
    return tone, _SYMBOLS[tone], words or state.replace("_", " ")


def badge(state: str, words: str = "") -> SafeString:
    """Return a state as a symbol, words and a colour."""
    parts = badge_parts(state, words)
    return format_html('<span class="sb-badge sb-{}"><span aria-hidden="true">{}</span> {}</span>', *parts)


def ago(at: datetime | None, never: str = "never") -> SafeString:
    """Return a time as people say it ("5 minutes ago", "in 2 days"), the exact one on hover."""
    if at is None:
        return format_html('<span class="sb-quiet">{}</span>', never)
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact(at), relative(at - db_now()))


def due(at: datetime) -> SafeString:
    """Return when something is to happen: a time that has passed means as soon as nothing holds it."""
    if at > db_now():
        return ago(at)
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact(at), "as soon as possible")


def exact(at: datetime) -> str:
    """Return a time to the second in the installation's zone, e.g. "3 Nov 2026, 14:05:09 CET"."""
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"


def relative(span: timedelta) -> str:
    """Return a span seen from now: negative is past."""
    seconds = abs(span.total_seconds())
    if seconds < 45 and span <= timedelta(0):
        return "just now"
    for size, unit in _UNITS:
        if seconds >= size:
            return _said(counted(int(seconds // size), unit), span)
    return _said("a minute" if seconds >= 45 else "moments", span)


def _said(amount: str, span: timedelta) -> str:
    return f"in {amount}" if span > timedelta(0) else f"{amount} ago"


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: "1 lead", "1,204 leads"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def milliseconds(duration: float | None) -> str:
    """Return a duration with a unit that fits: "38 ms", "1.4 s", "3 min"."""
    if duration is None:
        return "–"
    if duration < 1000:
        return f"{duration:.0f} ms"
    return f"{duration / 1000:.1f} s" if duration < 120_000 else f"{duration / 60_000:.0f} min"


def body(text: str) -> SafeString:
    """Return a request's or reply's body, JSON set in lines, everything escaped."""
    if not text:
        return format_html('<span class="sb-quiet">{}</span>', "empty")
    with suppress(ValueError):  # not JSON: shown as it is
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return format_html('<pre class="sb-body" dir="auto" tabindex="0">{}</pre>', text)


def folded(text: object) -> SafeString:
    """Return a text in its lines, everything escaped; a long one as its beginning, which opens the whole."""
    whole = str(text)
    if len(whole) <= _SHORT_CHARACTERS and len(whole.splitlines()) <= _SHORT_LINES:
        return _in_lines(whole)
    return format_html(
        '<details class="sb-folded"><summary><span class="sb-beginning">{}… </span>'
        '<span class="sb-more">all {}</span></summary><div dir="auto">{}</div></details>',
        _in_lines(_beginning(whole)),
        counted(len(whole), "character"),
        _in_lines(whole),
    )


def _in_lines(text: str) -> SafeString:
    # Not the template filter: workers speak in these words, too, and have no use for templates.
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in text.splitlines()))


def _beginning(text: str) -> str:
    start = "\n".join(text.splitlines()[:_BEGINNING_LINES])
    if len(start) <= _BEGINNING_CHARACTERS:
        return start.rstrip()
    start = start[:_BEGINNING_CHARACTERS]
    # Between words where there are some: languages without spaces and long tokens are cut anywhere.
    at_a_space = start.rfind(" ", _BEGINNING_CHARACTERS - 40)
    return start[: at_a_space if at_a_space > 0 else None].rstrip()


def line(points: Sequence[float], label: str) -> SafeString:
    """Return a small line over the days of a week as inline SVG; `label` says the same in words."""
    width, height, edge = 120, 32, 3
    top = max(points, default=0) or 1
    step = (width - 2 * edge) / max(len(points) - 1, 1)
    spots = [
        (edge + step * index, height - edge - (height - 2 * edge) * value / top) for index, value in enumerate(points)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    last_x, last_y = spots[-1] if spots else (edge, height - edge)
    return format_html(
        '<svg class="sb-line" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>'
        '<polyline points="{}"/><circle cx="{}" cy="{}" r="2.5"/></svg>',
        width,
        height,
        label,
        label,
        path,
        f"{last_x:.1f}",
        f"{last_y:.1f}",
    )
