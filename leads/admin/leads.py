"""Leads: who they are, what they asked, where they went."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from integrations import deliveries
from integrations.models import Delivery
from leads import selection
from leads.admin.consents import ConsentPages
from leads.admin.erasures import ErasePage
from leads.admin.filters import FILTERS, asked_for
from leads.admin.merging import MergePages
from leads.consents import newest
from leads.exports.services import may_see_personal
from leads.exports.stream import leads_csv
from leads.models import Lead
from leads.standing import deliveries_of
from leads.story import standing, story
from runtime.admin import BoundedPaginator, PageList, RecordAdmin, button
from runtime.display import ago, badge, counted

State = Delivery.State

_MOST_AT_ONCE = 1000
# What a person has to know first, first.
_WORST_FIRST = (State.NEEDS_YOU, State.WAITING, State.SENDING, State.CONFIRMING, State.SKIPPED, State.DELIVERED)


class LeadList(PageList):
    """A page of leads with their deliveries, in one statement more."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Lead]) -> Sequence[str]:
        """Sort equal names in the direction of the names: so the index `lead_by_name` serves both directions."""
        ordering: Sequence[str] = super().get_ordering(request, queryset)
        is_by_name = [name.lstrip("-") for name in ordering] == ["last_name", "created_at", "pk"]
        return [ordering[0], ordering[0].replace("last_name", "pk")] if is_by_name else ordering

    def get_results(self, request: HttpRequest) -> None:
        """Hand each lead of the page its deliveries as `page_deliveries`."""
        super().get_results(request)
        by_lead: dict[uuid.UUID, list[Delivery]] = defaultdict(list)
        ids = [lead.pk for lead in self.result_list]
        rows = Delivery.objects.filter(subject_kind="lead", subject_id__in=ids).current()
        for row in rows.select_related("connector").only("subject_id", "operation", "state", "connector__name"):
            by_lead[row.subject_id].append(row)
        for lead in self.result_list:
            lead.page_deliveries = by_lead[lead.pk]


@admin.register(Lead)
class LeadAdmin(ConsentPages, ErasePage, MergePages, RecordAdmin):
    """People who showed interest. They are changed where they are worked on, in the CRM; here is what happened."""

    change_form_template = "leads/lead.html"
    list_display = ("name", "reached_at", "company", "client", "went_to", "captured")
    # Those that an index serves: sorting a million leads by another column takes seconds.
    sortable_by = ("name", "captured")
    list_filter = FILTERS
    paginator = BoundedPaginator
    list_filter_submit = True
    list_before_template = "leads/list_before.html"
    list_select_related = ("client",)
    search_fields = ("email", "phone", "first_name", "last_name", "company")
    search_help_text = "A name, e-mail address, phone number, company, or an id"
    ordering = ("-created_at",)
    empty_words = "No lead yet. The first one a chatbot captures appears here by itself."
    actions = ("export_csv", "send_selected_again")
    buttons = ("send_again", "not_a_duplicate")
    fields = ("email", "phone", "first_name", "last_name", "company", "client", "possible_duplicate")

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may take leads out of the house."""
        return request.user.has_perm("leads.add_export")

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[PageList]:
        """Use the list that knows the deliveries of its page."""
        return LeadList

    def get_urls(self) -> list[URLPattern]:
        """Add the pages about consents, erasing and merging."""
        return [*self.consent_urls(), *self.erase_urls(), *self.merge_urls(), *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search as an export does."""
        return (selection.search(queryset, search_term) if search_term else queryset), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Offer what is listed as a file."""
        filters = asked_for(request)
        export = f"{reverse('admin:leads_export_add')}?{urlencode(filters)}"
        ways = {"export_address": export if request.user.has_perm("leads.add_export") else ""}
        page: HttpResponse = super().changelist_view(request, {**ways, **(extra_context or {})})
        return page

    @admin.display(description="lead", ordering="last_name")
    def name(self, lead: Lead) -> str:
        """Whoever it is."""
        return str(lead)

    @admin.display(description="e-mail or phone")
    def reached_at(self, lead: Lead) -> str:
        """How they can be reached."""
        return lead.email or lead.phone

    @admin.display(description="captured", ordering="created_at")
    def captured(self, lead: Lead) -> SafeString:
        """When they were heard of first."""
        return ago(lead.created_at)

    @admin.display(description="went to")
    def went_to(self, lead: Any) -> SafeString:
        """One mark per state with the connectors' names."""
        names: dict[str, list[str]] = defaultdict(list)
        for delivery in lead.page_deliveries:
            names[delivery.state].append(delivery.connector.name)
        marks = [(badge(state, State(state).label), ", ".join(names[state])) for state in _WORST_FIRST if names[state]]
        if not marks:
            return format_html('<span class="sb-quiet">{}</span>', "nowhere")
        return format_html_join(" ", '<span title="{1}">{0}</span>', marks)

    @admin.action(description="Export as CSV", permissions=["export"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Lead]) -> HttpResponse:
        """Send the selected leads as a sheet; streamed, however many."""
        name = f"leads-{timezone.localtime():%Y-%m-%d}.csv"
        lines = leads_csv(queryset, may_see_personal=may_see_personal(request.user))
        answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        answer["Cache-Control"] = "no-store"
        return answer  # type: ignore[return-value] # Django's actions take any answer

    @admin.action(description="Send again", permissions=["press"])
    def send_selected_again(self, request: HttpRequest, queryset: QuerySet[Lead]) -> None:
        """Send the selected leads again to where they went, with what is known of them now."""
        ids = list(queryset.values_list("pk", flat=True)[: _MOST_AT_ONCE + 1])
        if len(ids) > _MOST_AT_ONCE:
            self.say(request, f"Nothing was sent: choose at most {_MOST_AT_ONCE:,} leads at once.", is_good=False)
            return
        count = sum(deliveries.send_again(deliveries=deliveries_of(pk)) for pk in ids)
        self._say_sent(request, count)

    @button("Send again", is_primary=True)
    def send_again(self, request: HttpRequest, lead: Lead) -> None:
        """Send this lead again to every connector it went to."""
        self._say_sent(request, deliveries.send_again(deliveries=deliveries_of(lead.pk)))

    def _say_sent(self, request: HttpRequest, count: int) -> None:
        words = (
            f"{counted(count, 'delivery', 'deliveries')} will be sent now." if count else "There was nothing to send."
        )
        self.say(request, words, is_good=bool(count))

    def _ways(self, request: HttpRequest, lead: Lead) -> list[dict[str, str]]:
        erase = {"label": "Erase this person …", "address": reverse("admin:leads_lead_erase", args=(lead.pk,))}
        merge = {"label": "Compare and merge", "address": reverse("admin:leads_lead_merge", args=(lead.pk,))}
        shown = [merge] if self.has_press_permission(request, lead) else []
        return [*shown, erase] if self.may_erase(request) else shown

    def opening(self, record: Lead) -> str:
        """Where the lead is, and where it isn't."""
        return standing(record)

    def page_context(self, request: HttpRequest, record: Lead) -> dict[str, Any]:
        """The lead's story, consents and whereabouts."""
        return {
            "lead": record,
            "attributes": list(record.attributes.items()),
            "story": story(record),
            "links": self._ways(request, record),
            "consents": newest(record),
            "may_press": self.has_press_permission(request, record),
            "references": record.references.select_related("client"),
            "utm": record.source.get("utm") if isinstance(record.source.get("utm"), dict) else {},
            "may_see_calls": request.user.has_perm("integrations.view_call"),
        }
