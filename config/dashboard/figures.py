"""Four figures with a week's line each, and the sentence for a day on which all is well."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, Max, Min, Q, QuerySet
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from engine.models import Turn
from integrations.models import Delivery
from integrations.subjects import nouns
from leads.models import Lead
from runtime.display import counted, line, milliseconds

DAYS = 7
# How many of the newest deliveries the time to the CRM is taken from.
_SAMPLE = 2000


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, what it counts, its week and the list it comes from."""

    title: str
    number: str
    note: str
    line: SafeString
    address: str


def week(request: HttpRequest) -> list[Figure]:
    """Return the figures this person may see; four statements."""
    may = request.user.has_perm
    figures: list[Figure] = []
    if may("leads.view_lead"):
        figures.append(_captured())
    if may("integrations.view_delivery"):
        figures += [_delivered(), _time_to_crm()]
    if may("engine.view_conversation"):
        figures.append(_answered())
    return figures


def all_well(request: HttpRequest) -> str:
    """Return what there is to say when nothing needs anybody."""
    if not request.user.has_perm("integrations.view_delivery"):
        return "Nothing needs you."
    today = _delivered_rows().filter(settled_at__gte=_midnight(_today()))
    slowest = Max(F("settled_at") - F("created_at"))
    kinds = {"kind": Min("subject_kind"), "other": Max("subject_kind")}
    found = today.aggregate(count=Count("pk"), slowest=slowest, **kinds)
    if not found["count"]:
        return "Nothing needs you. Nothing has been delivered yet today."
    many = counted(found["count"], *nouns(found["kind"], found["other"]))
    took = milliseconds(found["slowest"].total_seconds() * 1000)
    return f"Nothing needs you. {many} delivered today, the slowest in {took}."


def _captured() -> Figure:
    counts = _per_day(Lead.objects.all(), "created_at")
    return _counted("Leads captured", counts, _since("leads_lead", "created_at"))


def _delivered() -> Figure:
    counts = _per_day(_delivered_rows(), "settled_at")
    return _counted("Delivered", counts, _since("integrations_delivery", "settled_at", state__exact="delivered"))


def _time_to_crm() -> Figure:
    """Median and 95th percentile of the newest deliveries, and the median of each day."""
    # The newest of all, as only the primary key is in order; what isn't delivered is passed over here.
    newest = Delivery.objects.order_by("-pk").values_list("state", "created_at", "settled_at")[:_SAMPLE]
    by_day: dict[date, list[float]] = {day: [] for day in _days()}
    for state, begun, settled in newest:
        if state != Delivery.State.DELIVERED or settled is None:
            continue
        day = timezone.localtime(settled).date()
        if day in by_day:
            by_day[day].append(max((settled - begun).total_seconds() * 1000, 0))
    every = [took for day in by_day.values() for took in day]
    medians = [_percentile(day, 50) for day in by_day.values()]
    address = _since("integrations_delivery", "settled_at", state__exact="delivered")
    shown = line(medians, f"Median of each of the last {DAYS} days: {', '.join(map(milliseconds, medians))}")
    if not every:
        return Figure("Time to CRM", "–", "nothing was delivered this week", shown, address)
    note = f"half are faster; 95 % within {milliseconds(_percentile(every, 95))}"
    return Figure("Time to CRM", milliseconds(_percentile(every, 50)), note, shown, address)


def _answered() -> Figure:
    rows = Turn.objects.filter(at__gte=_midnight(_days()[0])).annotate(day=TruncDate("at")).order_by()
    found = rows.values_list("day").annotate(asked=Count("pk"), answered=Count("pk", filter=Q(state="answered")))
    by_day = {day: (asked, answered) for day, asked, answered in found}
    answered = [by_day.get(day, (0, 0))[1] for day in _days()]
    asked = sum(asked for asked, _ in by_day.values())
    figure = _counted("Questions answered", answered, _since("engine_conversation", "updated_at"))
    note = f"of {asked:,} asked this week; {answered[-1]:,} today"
    return Figure(figure.title, figure.number, note, figure.line, figure.address)


def _counted(title: str, counts: Sequence[int], address: str) -> Figure:
    shown = line(counts, f"{title}, the last {DAYS} days: {', '.join(map(str, counts))}")
    return Figure(title, f"{sum(counts):,}", f"this week; {counts[-1]:,} today", shown, address)


def _delivered_rows() -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=Delivery.State.DELIVERED).exclude(settled_at=None)


def _per_day(rows: QuerySet[Any], name: str) -> list[int]:
    recent = rows.filter(**{f"{name}__gte": _midnight(_days()[0])})
    counts = dict(recent.annotate(day=TruncDate(name)).order_by().values_list("day").annotate(Count("pk")))
    return [counts.get(day, 0) for day in _days()]


def _percentile(values: Sequence[float], percent: int) -> float:
    if len(values) < 2:
        return values[0] if values else 0.0
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _today() -> date:
    return timezone.localdate()


def _days() -> list[date]:
    return [_today() - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001 (the zone follows)


def _since(name: str, field: str, **filters: str) -> str:
    since = {f"{field}__gte": str(_midnight(_days()[0]))}
    return f"{reverse(f'admin:{name}_changelist')}?{urlencode({**since, **filters})}"
