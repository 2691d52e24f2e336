"""Connectors: set up, tested, paused."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from integrations import rule_forms, services, syncs, trials
from integrations.admin.cards import cards
from integrations.admin.endpoints import EndpointPages, defines_endpoints
from integrations.admin.vendors import ProviderPageAdmin
from integrations.forms import address_refusal, connector_fieldsets, connector_form
from integrations.models import Connector, ConnectorState, Delivery
from integrations.providers.base import ContactSink, Provider
from integrations.providers.registry import is_able
from runtime.admin import button
from runtime.display import ago, badge, counted

_PAUSE_WORDS = {
    "": "paused",
    "by_person": "paused",
    "needs_reauth": "paused: needs a new key",
    "endpoint_gone": "paused: address gone",
}
_HOLD_WORDS = {"quota": "held: limit used up", "breaker": "held: in trouble"}


def connector_state(connector: Connector) -> SafeString:
    """Return how a connector does, in words and colour; its `status` must be loaded."""
    return badge(*connector_standing(connector))


def connector_standing(connector: Connector) -> tuple[str, str]:
    """Return how a connector does: the state that gives the colour, and the words; its `status` must be loaded."""
    status: ConnectorState | None = getattr(connector, "status", None)
    if not connector.is_active:
        return "off", "off"
    if status is None:
        return "waiting", "not used yet"
    if status.paused_at:
        reason = status.pause_reason
        return "paused", _PAUSE_WORDS.get(reason, f"paused: {reason.replace('_', ' ')}")
    if syncs.held(status):
        return "paused", _HOLD_WORDS.get(status.held_because, "held")
    if syncs.in_trouble(status):
        return "needs_you", "in trouble"
    return ("active", "working") if status.last_success_at else ("waiting", "not used yet")


def is_paused(connector: Connector) -> bool:
    """Tell whether a connector rests; its `status` must be loaded."""
    status: ConnectorState | None = getattr(connector, "status", None)
    return bool(status and status.paused_at)


def pause_button(connector: Connector) -> dict[str, str]:
    """Return the button that pauses or resumes a connector: `{"label", "address", "confirm"}`."""
    name = "resume" if is_paused(connector) else "pause"
    address = reverse("admin:integrations_connector_press", args=(connector.pk, name))
    return {"label": name.capitalize(), "address": address, "confirm": ""}


_WANTS = ("operations", "lead_filter")
"""What says which leads a connector wants."""


class PauseFilter(admin.SimpleListFilter):
    """Connectors by how they do."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states a person looks for."""
        return [("working", "working"), ("paused", "paused"), ("off", "switched off")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connector]) -> QuerySet[Connector]:
        """Narrow the list."""
        narrowed = {
            "working": Q(is_active=True, status__paused_at=None),
            "paused": Q(is_active=True, status__paused_at__isnull=False),
            "off": Q(is_active=False),
        }.get(self.value() or "")
        return queryset.filter(narrowed) if narrowed else queryset


@admin.register(Connector)
class ConnectorAdmin(ProviderPageAdmin):
    """Connections to the company's systems."""

    list_display = ("name", "shown_provider", "shown_state", "last_success", "shown_waiting", "base_url")
    list_filter = (PauseFilter, "provider")
    list_select_related = ("status",)
    search_fields = ("name", "base_url")
    empty_words = "No system is connected yet. Store its key under Credentials first, then connect it here."
    change_form_template = "integrations/connector.html"
    buttons = ("test", "pause", "resume")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connector]:
        """Count what waits, in the same statement."""
        waiting = Delivery.objects.filter(connector=OuterRef("pk"), state=Delivery.State.WAITING).order_by()
        count = waiting.values("connector").annotate(number=Count("pk")).values("number")
        rows: QuerySet[Connector] = (
            super().get_queryset(request).select_related("status").annotate(waiting_count=Subquery(count))
        )
        return rows

    def has_delete_permission(self, request: HttpRequest, obj: Connector | None = None) -> bool:
        """A connector that was used is switched off, not deleted: its deliveries and calls tell what happened."""
        if obj is not None and (obj.deliveries.exists() or obj.calls.exists()):
            return False
        return bool(super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out deleting many at once."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def save_model(self, request: HttpRequest, obj: Connector, form: Any, change: bool) -> None:
        """Store it; where it wants other leads now, those that it had left out are looked at again."""
        before = Connector.objects.filter(pk=obj.pk).values(*_WANTS).first()
        super().save_model(request, obj, form, change)
        if before and before != {name: getattr(obj, name) for name in _WANTS}:
            count = services.connector_reconsider(connector=obj)
            if count:
                left_out = counted(count, "lead that was left out is", "leads that were left out are")
                self.say(request, f"{left_out} looked at again; what qualifies now is sent.")

    @admin.display(description="state")
    def shown_state(self, connector: Connector) -> SafeString:
        """How it does."""
        return connector_state(connector)

    @admin.display(description="last success", ordering="status__last_success_at")
    def last_success(self, connector: Connector) -> SafeString:
        """When it last did what was asked."""
        status = getattr(connector, "status", None)
        return ago(status.last_success_at if status else None)

    @admin.display(description="waiting", ordering="waiting_count")
    def shown_waiting(self, connector: Any) -> str:
        """How many deliveries wait."""
        return f"{connector.waiting_count or 0:,}"

    @admin.display(description="which leads")
    def shown_filter(self, connector: Connector) -> SafeString | str:
        """What its filter asks."""
        asked = rule_forms.said(connector.lead_filter)
        return format_html_join("", "<p>{}</p>", ([words] for words in asked)) if asked else "every lead"

    def get_urls(self) -> list[URLPattern]:
        """Add the address at which a filter is tried, and the pages of endpoints."""
        view = self.admin_site.admin_view(self.try_view)
        tried = path("try-filter/", view, name="integrations_connector_try")
        return [tried, *EndpointPages(self).urls(), *super().get_urls()]

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """Answer in words what the rules of the form would have done with past leads; nothing is saved."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (self.has_change_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        try:
            asked = rule_forms.RulesField(required=False).clean(rule_forms.posted(request.POST, "rules"))
        except ValidationError as err:
            return JsonResponse({"sentences": err.messages})
        return JsonResponse({"sentences": trials.lead_filter_try(asked).sentences()})

    def provider_of(self, request: HttpRequest, record: Any) -> type[Provider]:
        """Return the provider with what this connector can do."""
        return super().provider_of(request, record).configured(record.config if record else {})

    def get_fieldsets(self, request: HttpRequest, obj: Connector | None = None) -> Any:
        """Ask what the provider asks; who may only look sees what is stored."""
        if obj is not None and not self.has_change_permission(request, obj):
            shown = (
                "name",
                "shown_provider",
                "base_url",
                "credential",
                "config",
                "operations",
                "shown_filter",
                "is_active",
            )
            return ((None, {"fields": shown}),)
        return connector_fieldsets(self.provider_of(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Connector | None = None) -> Any:
        """Show the system's name to those who may only look."""
        return () if obj is None or self.has_change_permission(request, obj) else ("shown_provider", "shown_filter")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Use the form of the connector's provider."""
        if obj is not None and not self.has_change_permission(request, obj):
            return super().get_form(request, obj, change, **options)
        refusal = getattr(request, "address_refusal", "")
        options["form"] = connector_form(self.provider_of(request, obj), refusal)
        return super().get_form(request, obj, change, **options)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Look the address up before the page's transaction begins: a slow name server must not hold it open."""
        if request.method == "POST" and request.POST.get("base_url"):
            request.address_refusal = address_refusal(request.POST["base_url"])  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def opening(self, record: Connector) -> str:
        """What is missing, or went wrong last, while it still matters."""
        if defines_endpoints(record) and not record.config.get("endpoints"):
            return "It can’t do anything yet. Press Endpoints and say what it can be asked."
        status: ConnectorState | None = getattr(record, "status", None)
        if status is None or not status.last_failure_at:
            return ""
        if status.last_success_at and status.last_success_at > status.last_failure_at:
            return ""
        return f"The last call failed: {status.last_failure}"

    def page_context(self, request: HttpRequest, record: Connector) -> Mapping[str, Any]:
        """Ways to what this connector did."""
        links = []
        if defines_endpoints(record) and self.has_change_permission(request, record):
            address = reverse("admin:integrations_endpoint_list", args=(record.pk,))
            links.append({"label": "Endpoints", "address": address})
        if is_able(record, ContactSink) and request.user.has_perm("integrations.view_mappingversion"):
            address = f"{reverse('admin:integrations_mappingversion_changelist')}?connector__id__exact={record.pk}"
            links.append({"label": "Fields", "address": address})
        for app_model, label in (("integrations_delivery", "Deliveries"), ("integrations_call", "Calls")):
            if request.user.has_perm(app_model.replace("_", ".view_")):
                address = f"{reverse(f'admin:{app_model}_changelist')}?connector__id__exact={record.pk}"
                links.append({"label": label, "address": address})
        return {"links": links, "page_state": connector_state(record), "cards": cards(request, record)}

    @button("Test connection", is_primary=True)
    def test(self, request: HttpRequest, connector: Connector) -> None:
        """Ask the vendor something harmless and say what came of it."""
        check = services.connector_test(connector=connector)
        self.say(request, check.words, is_good=check.ok)

    @button("Pause", is_shown=lambda connector: connector.is_active and not is_paused(connector))
    def pause(self, request: HttpRequest, connector: Connector) -> None:
        """Let it rest."""
        services.connector_pause(connector=connector)
        self.say(request, f"{connector} is paused. What is captured waits and is sent when you resume it.")

    @button("Resume", is_shown=lambda connector: connector.is_active and is_paused(connector))
    def resume(self, request: HttpRequest, connector: Connector) -> None:
        """Let it work again."""
        services.connector_resume(connector=connector)
        self.say(request, f"{connector} works again; what waited is being sent.")
