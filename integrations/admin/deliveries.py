"""Deliveries: how they stand, sent again, cancelled."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations import deliveries, resending, sweeps
from integrations.admin.subjects import subject_names, sweep_said
from integrations.explanations import explain
from integrations.models import Connector, Delivery
from runtime.admin import PageList, RecordAdmin, button
from runtime.display import ago, badge, counted, due

State = Delivery.State

# What the list's address calls the filters that a sweep keeps.
_FILTERS = {"state__exact": "state", "reason": "reason", "field": "field"} | {
    name: name for name in sweeps.FILTERS if name.startswith("settled_at")
}
_SUBJECT_PAGES = {"lead": "admin:leads_lead_change"}


class ReasonFilter(admin.SimpleListFilter):
    """Deliveries by what stopped them; only reasons that wait for somebody are listed."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The reasons there are."""
        waiting = Delivery.objects.filter(state__in=[State.NEEDS_YOU, State.SKIPPED]).order_by("reason")
        reasons = waiting.values_list("reason", flat=True).distinct()[:50]
        return [(reason or "-", reason.replace("_", " ") or "none given") for reason in reasons]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Narrow the list."""
        reason = self.value()
        return queryset.filter(reason="" if reason == "-" else reason) if reason else queryset


class DeliveryList(PageList):
    """A page of deliveries with the names of their subjects, in a few statements more."""

    def get_results(self, request: HttpRequest) -> None:
        """Hand each delivery of the page its subject's name as `subject_name`."""
        super().get_results(request)
        names = subject_names(self.result_list)
        for delivery in self.result_list:
            delivery.subject_name = names.get(delivery.subject_id, "")


@admin.register(Delivery)
class DeliveryAdmin(RecordAdmin):
    """What is sent where, and how it stands."""

    list_display = ("subject", "connector", "operation", "shown_state", "explanation", "tries", "when")
    list_filter = ("state", "connector", ReasonFilter, "settled_at")
    list_select_related = ("connector",)
    search_fields = ("vendor_words", "external_id__exact", "reason__exact", "field__exact")
    search_help_text = "Id of a lead, change or delivery, an id at the vendor, or the vendor's words"
    empty_words = "Nothing was sent yet. Every lead that a connector wants gets a delivery here."
    id_fields = ("pk", "subject_id")
    ordering = ("-created_at",)
    actions = ("send_selected_again", "cancel_selected")
    buttons = ("send_again", "cancel")
    fields = (
        "subject_link",
        "connector",
        "operation",
        "shown_state",
        "tries",
        "next_try",
        "external_id",
        "reason",
        "field",
        "vendor_words",
        "created",
        "settled",
        "last_call",
    )
    readonly_fields = ("subject_link", "shown_state", "next_try", "created", "settled", "last_call")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Bring the connector along: every explanation names it."""
        return super().get_queryset(request).select_related("connector")

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[PageList]:
        """Use the list that knows its subjects' names."""
        return DeliveryList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Bring the subject's name along, once: a page asks for each of its values several times."""
        delivery = super().get_object(request, object_id, from_field)
        if delivery is not None:
            delivery.subject_name = subject_names([delivery]).get(delivery.subject_id, "")
        return delivery

    @admin.display(description="about")
    def subject(self, delivery: Any) -> str:
        """Who it is about."""
        return delivery.subject_name or "no longer exists"

    @admin.display(description="about")
    def subject_link(self, delivery: Any) -> SafeString | str:
        """Who it is about, with the way to their page."""
        page = _SUBJECT_PAGES.get(delivery.subject_kind)
        if not delivery.subject_name or page is None:
            return self.subject(delivery)
        address = reverse(page, args=(delivery.subject_id,))
        return format_html('<a href="{}" dir="auto">{}</a>', address, delivery.subject_name)

    @admin.display(description="state", ordering="state")
    def shown_state(self, delivery: Delivery) -> SafeString:
        """Where it stands."""
        return badge(delivery.state, delivery.get_state_display())

    @admin.display(description="in words")
    def explanation(self, delivery: Delivery) -> SafeString:
        """What happened, why, what to do."""
        words = explain(delivery)
        short = words if len(words) <= 90 else f"{words[:89]}…"
        return format_html('<span dir="auto" title="{}">{}</span>', words, short)

    @admin.display(description="when", ordering="due_at")
    def when(self, delivery: Delivery) -> SafeString:
        """When it is tried next, or when it was settled."""
        return due(delivery.due_at) if delivery.state == State.WAITING else ago(delivery.settled_at, never="now")

    @admin.display(description="next try")
    def next_try(self, delivery: Delivery) -> SafeString:
        """When it is tried again by itself."""
        return due(delivery.due_at) if delivery.state == State.WAITING else ago(None, never="none by itself")

    @admin.display(description="created")
    def created(self, delivery: Delivery) -> SafeString:
        """When it was asked for."""
        return ago(delivery.created_at)

    @admin.display(description="settled")
    def settled(self, delivery: Delivery) -> SafeString:
        """When it came to an end."""
        return ago(delivery.settled_at, never="not yet")

    @admin.display(description="request and answer")
    def last_call(self, delivery: Delivery) -> SafeString | str:
        """The way to the last call."""
        if delivery.call_id is None:
            return "none yet"
        address = reverse("admin:integrations_call_change", args=(delivery.call_id,))
        return format_html('<a href="{}">{}</a>', address, delivery.call)

    def page_title(self, record: Delivery) -> str:
        """Where it goes and what for."""
        return f"{record.connector}: {record.operation}"

    def opening(self, record: Delivery) -> str:
        """What happened, why, what to do."""
        return explain(record)

    @admin.action(description="Send again", permissions=["press"])
    def send_selected_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Send the selected deliveries once more, now."""
        self._sweep(request, queryset, sweeps.Action.SEND_AGAIN, "will be sent now", "are sent again")

    @admin.action(description="Cancel", permissions=["press"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Give the selected deliveries up."""
        self._sweep(request, queryset, sweeps.Action.CANCEL, "cancelled", "are cancelled")

    def _sweep(
        self, request: HttpRequest, queryset: QuerySet[Delivery], action: sweeps.Action, done: str, under_way: str
    ) -> None:
        """Do it to a few at once, to more than a page holds in the background."""
        count = queryset.count()
        if count <= sweeps.AT_ONCE:
            act = resending.cancel_all if action == sweeps.Action.CANCEL else resending.send_again_all
            words = sweep_said(sweeps.Begun(act(queryset), is_done=True), done, under_way)
        else:
            words = self._sweep_all(request, queryset, count, action, done, under_way)
        self.say(request, words or "There was nothing to do.", is_good=bool(words))

    def _sweep_all(
        self,
        request: HttpRequest,
        queryset: QuerySet[Delivery],
        count: int,
        action: sweeps.Action,
        done: str,
        under_way: str,
    ) -> str:
        filters = {_FILTERS[name]: value for name, value in request.GET.items() if name in _FILTERS}
        if filters.get("reason") == "-":
            filters["reason"] = ""
        connectors = Connector.objects.filter(pk__in=queryset.order_by().values("connector"))
        # What else narrows the list (a search) can't be kept for later: then the figures differ.
        if sum(sweeps.chosen(connector, filters).count() for connector in connectors) != count:
            return f"{count:,} are too many to find by a search: narrow the list by its filters instead."
        for connector in connectors:
            sweeps.begin(action=action, connector=connector, filters=filters)
        return sweep_said(sweeps.Begun(count, is_done=False), done, under_way)

    @button(
        "Send again",
        is_primary=True,
        is_shown=lambda delivery: delivery.state not in {State.SENDING, State.CONFIRMING, State.SUPERSEDED},
    )
    def send_again(self, request: HttpRequest, delivery: Delivery) -> None:
        """Send it once more, now."""
        self._say_sent(request, resending.send_again(deliveries=[delivery]))

    @button(
        "Cancel",
        confirm="It will not be sent, unless somebody presses “Send again” or the person gets in touch again. Cancel?",
        is_shown=lambda delivery: delivery.state in {State.WAITING, State.NEEDS_YOU, State.SKIPPED},
    )
    def cancel(self, request: HttpRequest, delivery: Delivery) -> None:
        """Give it up."""
        count = deliveries.cancel(deliveries=[delivery])
        self.say(request, "Cancelled." if count else "It was being sent already.", is_good=bool(count))

    def _say_sent(self, request: HttpRequest, count: int) -> None:
        words = (
            f"{counted(count, 'delivery', 'deliveries')} will be sent now." if count else "There was nothing to send."
        )
        self.say(request, words, is_good=bool(count))
