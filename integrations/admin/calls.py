"""The log of calls to vendors."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from integrations.admin.subjects import subject_names
from integrations.models import Call
from runtime.admin import RecordAdmin
from runtime.display import ago, badge, body, milliseconds


class CallOutcomeFilter(admin.SimpleListFilter):
    """Calls by how they ended."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The outcomes a person looks for."""
        return [("ok", "went well"), ("failed", "failed"), ("slow", "over 5 seconds")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Call]) -> QuerySet[Call]:
        """Narrow the list."""
        well = Q(status__lt=400, error="")
        narrowed = {"ok": well, "failed": ~well | Q(status=None), "slow": Q(duration_ms__gt=5000)}.get(
            self.value() or ""
        )
        return queryset.filter(narrowed) if narrowed else queryset


@admin.register(Call)
class CallAdmin(RecordAdmin):
    """Every request to a vendor and its answer, scrubbed."""

    list_display = ("when", "connector", "purpose", "shown_path", "shown_status", "items", "took")
    list_filter = (CallOutcomeFilter, "connector", "at")
    list_select_related = ("connector",)
    search_fields = ("url", "error", "purpose__exact")
    empty_words = "No vendor was called yet. Every request to one and its answer appear here."
    ordering = ("-at",)
    fields = (
        "when",
        "connector",
        "purpose",
        "shown_request",
        "shown_status",
        "error",
        "items",
        "took",
        "shown_request_body",
        "shown_response_body",
        "shown_deliveries",
    )
    readonly_fields = (
        "when",
        "shown_request",
        "shown_status",
        "took",
        "shown_request_body",
        "shown_response_body",
        "shown_deliveries",
    )

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Bring along what the call was about, once: a page asks for each of its values several times."""
        call = super().get_object(request, object_id, from_field)
        if call is not None:
            call.page_deliveries = list(call.deliveries.order_by("created_at")[:20])
            call.page_names = subject_names(call.page_deliveries)
        return call

    @admin.display(description="when", ordering="at")
    def when(self, call: Call) -> SafeString:
        """When it was sent."""
        return ago(call.at)

    @admin.display(description="request", ordering="url")
    def shown_request(self, call: Call) -> SafeString:
        """What was sent where."""
        return format_html('<span class="sb-code">{} {}</span>', call.method, call.url)

    @admin.display(description="request", ordering="url")
    def shown_path(self, call: Call) -> SafeString:
        """What was sent, without the host that the connector stands for."""
        parts = call.url.split("/", 3)
        return format_html('<span class="sb-code">{} /{}</span>', call.method, parts[3] if len(parts) > 3 else "")

    @admin.display(description="status", ordering="status")
    def shown_status(self, call: Call) -> SafeString:
        """How the vendor answered."""
        if call.status is None:
            return badge("unavailable", "no answer")
        return badge("active" if call.status < 400 and not call.error else "unavailable", str(call.status))

    @admin.display(description="took", ordering="duration_ms")
    def took(self, call: Call) -> str:
        """How long it took."""
        return milliseconds(call.duration_ms)

    @admin.display(description="request body")
    def shown_request_body(self, call: Call) -> SafeString:
        """What was sent."""
        return body(call.request_body)

    @admin.display(description="answer")
    def shown_response_body(self, call: Call) -> SafeString:
        """What came back."""
        return body(call.response_body)

    @admin.display(description="deliveries")
    def shown_deliveries(self, call: Any) -> SafeString | str:
        """What it was about."""
        links = (
            (
                reverse("admin:integrations_delivery_change", args=(row.pk,)),
                call.page_names.get(row.subject_id) or row.pk,
            )
            for row in call.page_deliveries
        )
        return format_html_join(", ", '<a href="{}" dir="auto">{}</a>', links) or "none"
