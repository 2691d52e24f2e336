"""The funnel as a page with a chart and a table, and as CSV."""

import csv
import io
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from config.funnel import BY, MOST_ROWS, STEPS, Row, funnel, total
from leads.exports.inert import inert


def show(request: HttpRequest) -> HttpResponse:
    """Show the funnel of a period, or send it as a sheet (`?as=csv`)."""
    if not request.user.has_perm("leads.view_lead"):
        raise PermissionDenied
    first, last, by = _asked(request)
    rows = funnel(first, last, by)
    if request.GET.get("as") == "csv":
        return _sheet(rows, by)
    everything = total(rows)
    asked = {"from": first.isoformat(), "to": last.isoformat(), "by": by}
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Funnel",
        "rows": rows,
        "total": everything,
        "steps": list(STEPS.values()),
        "bars": _bars(everything, knows_questions=by in ("day", "client")),
        "by": by,
        "by_words": BY[by],
        "choices": BY.items(),
        "first": first.isoformat(),
        "last": last.isoformat(),
        "csv_address": f"{reverse('admin:funnel')}?{urlencode({**asked, 'as': 'csv'})}",
        "zone": timezone.get_current_timezone_name(),
    }
    return TemplateResponse(request, "admin/funnel.html", context)


def _asked(request: HttpRequest) -> tuple[date, date, str]:
    """Return the period and the grouping that were asked for; what makes no sense is the last 30 days, by day."""
    today = timezone.localdate()
    last = _day(request.GET.get("to", ""), today)
    first = _day(request.GET.get("from", ""), last - timedelta(days=29))
    by = request.GET.get("by", "day")
    first = max(min(first, last), last - timedelta(days=MOST_ROWS - 1))
    return first, last, by if by in BY else "day"


def _day(text: str, otherwise: date) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return otherwise
    return found if date(2000, 1, 1) <= found <= date(2200, 1, 1) else otherwise


def _bars(everything: Row, *, knows_questions: bool) -> list[dict[str, Any]]:
    """Return each step with how wide its bar is: a share of the widest."""
    steps = [(name, words) for name, words in STEPS.items() if knows_questions or name != "questions"]
    most = max((getattr(everything, name) or 0 for name, _ in steps), default=0) or 1
    return [
        {
            "words": words,
            "count": getattr(everything, name) or 0,
            "width": f"{100 * (getattr(everything, name) or 0) / most:.1f}",
            "tone": {"needs_you": "bad", "skipped": "calm"}.get(name, "good"),
        }
        for name, words in steps
    ]


def _sheet(rows: list[Row], by: str) -> HttpResponse:
    written = io.StringIO()
    sheet = csv.writer(written)
    sheet.writerow([BY[by], *STEPS.values()])
    for row in rows:
        sheet.writerow([inert(row.label), *("" if cell is None else cell for cell in row.cells)])
    answer = HttpResponse("\ufeff" + written.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="funnel-by-{by}.csv"'
    return answer
