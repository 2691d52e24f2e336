"""The filters beside the list of leads: each is one of `leads.selection`, so an export means the same by it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import Any, TypeVar, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter

from integrations.models import Delivery
from leads import selection
from leads.models import Lead

State = Delivery.State

Found = TypeVar("Found")
Choices = Iterable[tuple[str, str]]


class LeadFilter(admin.SimpleListFilter):
    """One filter; `choices_known` says what there is to choose."""

    choices_known: Callable[[HttpRequest], Choices]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """What there is to choose, and what was chosen even where nobody offers it."""
        found = list(type(self).choices_known(request))
        asked = request.GET.get(str(self.parameter_name), "")
        return [*found, (asked, asked[:40])] if asked and asked not in dict(found) else found

    def has_output(self) -> bool:
        """Offer it where there is something to choose."""
        return bool(self.lookup_choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Lead]) -> QuerySet[Lead]:
        """Narrow the list; a value that makes no sense finds nothing."""
        value = self.value()
        try:
            return selection.narrow(queryset, {str(self.parameter_name): str(value)}) if value else queryset
        except selection.Unreadable:
            return queryset.none()


def _delivery_choices(request: HttpRequest) -> Choices:
    known = (State.NEEDS_YOU, State.WAITING, State.DELIVERED, State.SKIPPED)
    return [*((str(state), str(state.label)) for state in known), ("none", "sent nowhere")]


def _offered(name: str) -> Callable[[HttpRequest], Choices]:
    return lambda request: _once(request, selection.offered)[name]


def _texts(some: Callable[[HttpRequest], list[str]]) -> Callable[[HttpRequest], Choices]:
    return lambda request: [(text, text) for text in some(request)]


def _once(request: HttpRequest, look: Callable[[], Found]) -> Found:
    """Look once per page, however many filters show a part of it."""
    seen: dict[Any, Any] = request.__dict__.setdefault("filters_seen", {})
    if look not in seen:
        seen[look] = look()
    return cast("Found", seen[look])


def _filter(parameter: str, title: str, choices: Callable[[HttpRequest], Choices]) -> type[LeadFilter]:
    members = {"parameter_name": parameter, "title": title, "choices_known": staticmethod(choices)}
    return type(f"{parameter.title()}Filter", (LeadFilter,), members)


class CapturedBetween(RangeDateFilter):  # type: ignore[misc] # unfold has no types
    """The first and the last day on which leads were captured, in the site's zone."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.title = "day of capture"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Lead]) -> QuerySet[Lead]:
        """Narrow the list to whole days."""
        for end in ("from", "to"):
            value = self.used_parameters.get(f"{self.parameter_name}_{end}")
            if value and _is_day(value):
                queryset = selection.narrow(queryset, {f"captured_{end}": value})
        return queryset

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """Hand the form over, with nothing in it that isn't a day."""
        for name, value in list(self.used_parameters.items()):
            if not _is_day(value):
                del self.used_parameters[name]
        yield from super().choices(changelist)


def _is_day(value: Any) -> bool:
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return True


FILTERS = (
    _filter("captured", "captured", lambda request: selection.PERIODS.items()),
    ("created_at", CapturedBetween),
    _filter("delivery", "delivery", _delivery_choices),
    _filter("in", "delivered to", _offered("in")),
    _filter("client", "client", _offered("client")),
    _filter("channel", "channel", _texts(lambda request: _once(request, selection.seen_lately).channel)),
    _filter("utm_campaign", "campaign", _texts(lambda request: _once(request, selection.seen_lately).utm_campaign)),
    _filter("consent", "consented to", _offered("consent")),
    _filter("duplicate", "possible duplicate", lambda request: [("yes", "yes"), ("no", "no")]),
)


def asked_for(request: HttpRequest) -> dict[str, str]:
    """Return the filters in a page's address, the days of the calendar among them."""
    parameters = request.GET.dict()
    for end in ("from", "to"):
        if _is_day(value := parameters.pop(f"created_at_{end}", "")):
            parameters[f"captured_{end}"] = value
    return selection.chosen(parameters)
