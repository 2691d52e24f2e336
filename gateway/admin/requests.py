"""The request log: what was called, by whom, and what came of it."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from gateway.models import RequestLog
from runtime.admin import RecordAdmin
from runtime.display import ago, badge, body, milliseconds


class OutcomeFilter(admin.SimpleListFilter):
    """Requests by how they ended."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The outcomes a person looks for."""
        return [("ok", "answered"), ("refused", "refused (4xx)"), ("failed", "failed (5xx)"), ("slow", "over 1 second")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RequestLog]) -> QuerySet[RequestLog]:
        """Narrow the list."""
        narrowed = {
            "ok": Q(status__lt=400),
            "refused": Q(status__range=(400, 499)),
            "failed": Q(status__gte=500),
            "slow": Q(duration_ms__gt=1000),
        }.get(self.value() or "")
        return queryset.filter(narrowed) if narrowed else queryset


@admin.register(RequestLog)
class RequestLogAdmin(RecordAdmin):
    """Every call to the API, scrubbed."""

    list_display = ("when", "shown_request", "shown_status", "code", "client", "took", "address")
    list_filter = (OutcomeFilter, "client", "at")
    list_select_related = ("client",)
    search_fields = ("request_id__exact", "route", "code__exact", "key_prefix__exact")
    search_help_text = "A request id, a path, an error's code or how a key starts"
    ordering = ("-at",)
    empty_words = "Nobody has called the API yet."
    fields = (
        "when",
        "shown_request",
        "shown_status",
        "code",
        "client",
        "key_prefix",
        "address",
        "took",
        "request_id",
        "shown_request_body",
        "shown_response_body",
    )
    readonly_fields = ("when", "shown_request", "shown_status", "took", "shown_request_body", "shown_response_body")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RequestLog], search_term: str
    ) -> tuple[QuerySet[RequestLog], bool]:
        """Look for a whole request id first, by its index: the other columns are gone through row by row."""
        exactly = queryset.filter(request_id=search_term.strip())
        if search_term and exactly.exists():
            return exactly, False
        found: tuple[QuerySet[RequestLog], bool] = super().get_search_results(request, queryset, search_term)
        return found

    @admin.display(description="when", ordering="at")
    def when(self, call: RequestLog) -> SafeString:
        """When it came in."""
        return ago(call.at)

    @admin.display(description="request", ordering="route")
    def shown_request(self, call: RequestLog) -> str:
        """What was asked for."""
        return f"{call.method} {call.route or '(no such address)'}"

    @admin.display(description="status", ordering="status")
    def shown_status(self, call: RequestLog) -> SafeString:
        """The answer's status."""
        state = "active" if call.status < 400 else "partial" if call.status < 500 else "unavailable"
        return badge(state, str(call.status))

    @admin.display(description="took", ordering="duration_ms")
    def took(self, call: RequestLog) -> str:
        """How long the answer took."""
        return milliseconds(call.duration_ms)

    @admin.display(description="request body")
    def shown_request_body(self, call: RequestLog) -> SafeString:
        """What was sent to us."""
        return body(call.request_body)

    @admin.display(description="answer")
    def shown_response_body(self, call: RequestLog) -> SafeString:
        """What we answered."""
        return body(call.response_body)
