"""Syncs: how each connector does with its leads, live, with the buttons that move it on."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from integrations import backfill, causes, services, sweeps, syncs
from integrations.admin.causes import causes_shown
from integrations.admin.connectors import PauseFilter, connector_standing, connector_state, is_paused
from integrations.admin.subjects import sweep_said
from integrations.models import Connector, ConnectorState, Delivery, Sync
from integrations.pace import PACE_FIELDS, PaceForm
from runtime.admin import PageAdmin, PageList, button
from runtime.clock import db_now
from runtime.display import ago, badge_parts, counted, exact, relative

State = Delivery.State


def _is_backfilling(connector: Connector) -> bool:
    status: ConnectorState | None = getattr(connector, "status", None)
    return bool(status and status.backfill_scope)


def _may_send(connector: Connector) -> bool:
    return connector.is_active and not is_paused(connector)


class SyncList(PageList):
    """Those that write leads; and others while something waits there, such as a confirmed change."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: list[str | None] | None = None) -> Any:
        """Leave out who has nothing to do with leads: its page stays where its causes lead."""
        busy = Q(waiting_count__gt=0) | Q(needs_you_count__gt=0)
        return super().get_queryset(request, exclude_parameters).filter(~Q(operations=[]) | busy)


@admin.register(Sync)
class SyncAdmin(PageAdmin):
    """Connectors as what they do with leads."""

    list_display = ("name", "shown_state", "shown_waiting", "shown_needs_you", "last_success")
    list_filter = (PauseFilter,)
    search_fields = ("name",)
    empty_words = "No system takes leads yet. Connect one under Connectors, and how it does is shown here."
    ordering = ("name",)
    actions = None
    form = PaceForm
    change_form_template = "integrations/sync.html"
    buttons = ("send_now", "pause", "resume", "send_existing", "cancel_backfill")

    class Media:
        js = ("config/live.js",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are made as connectors."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Connector | None = None) -> bool:
        """They are deleted as connectors."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Connector | None = None) -> bool:
        """Whoever may see connectors may see how they do."""
        return self.has_change_permission(request, obj) or request.user.has_perm("integrations.view_connector")

    def has_change_permission(self, request: HttpRequest, obj: Connector | None = None) -> bool:
        """Whoever may change connectors may change their pace."""
        return request.user.has_perm("integrations.change_connector")

    def has_press_permission(self, request: HttpRequest, record: Any = None) -> bool:
        """Whoever may change connectors may press their buttons."""
        return self.has_change_permission(request, record)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show it to whoever may see it."""
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sync]:
        """Count what waits and what needs somebody, in the same statement."""
        rows: QuerySet[Sync] = super().get_queryset(request).filter(provider__in=syncs.writers())
        return rows.select_related("status").annotate(
            waiting_count=_count_of(State.WAITING), needs_you_count=_count_of(State.NEEDS_YOU)
        )

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        """Use the list of those that write leads."""
        return SyncList

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the figures and of the buttons of causes."""
        site = self.admin_site
        return [
            path("<uuid:pk>/figures/", site.admin_view(self.figures_view), name="integrations_sync_figures"),
            path("<uuid:pk>/cause/<slug:name>/", site.admin_view(self.cause_view), name="integrations_sync_cause"),
            *super().get_urls(),
        ]

    def get_fieldsets(self, request: HttpRequest, obj: Connector | None = None) -> Any:
        """Offer the pace to those who may change it."""
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": ()})]
        return [("Change the pace", {"fields": PACE_FIELDS})]

    def save_model(self, request: HttpRequest, obj: Connector, form: Any, change: bool) -> None:
        """Set the pace and nothing else of the connector."""
        services.connector_pace_set(connector=obj, **form.pace())

    @admin.display(description="state")
    def shown_state(self, connector: Connector) -> SafeString:
        """How it does."""
        return connector_state(connector)

    @admin.display(description="waiting", ordering="waiting_count")
    def shown_waiting(self, connector: Any) -> str:
        """How many deliveries wait."""
        return f"{connector.waiting_count:,}"

    @admin.display(description="needs you", ordering="needs_you_count")
    def shown_needs_you(self, connector: Any) -> str:
        """How many deliveries wait for a person."""
        return f"{connector.needs_you_count:,}"

    @admin.display(description="last success", ordering="status__last_success_at")
    def last_success(self, connector: Connector) -> SafeString:
        """When it last took something."""
        status = getattr(connector, "status", None)
        return ago(status.last_success_at if status else None)

    def page_context(self, request: HttpRequest, record: Connector) -> Mapping[str, Any]:
        """The figures, what needs somebody, the retry table in sentences."""
        may_see = request.user.has_perm
        shown = live(record)
        return {
            "connector": record,
            "live": shown,
            "figures_address": reverse("admin:integrations_sync_figures", args=(record.pk,)),
            "lists": _lists(record) if may_see("integrations.view_delivery") else {},
            "causes": causes_shown(request, record) if may_see("integrations.view_delivery") else [],
            "retries": syncs.retry_sentences(record),
            "links": self._ways(request, record),
            "page_path": request.path,
            "may_change": self.has_change_permission(request, record),
        }

    def _ways(self, request: HttpRequest, connector: Connector) -> list[dict[str, str]]:
        ways = [("Settings", reverse("admin:integrations_connector_change", args=(connector.pk,)))]
        for name, label in (("delivery", "Deliveries"), ("call", "Calls")):
            if request.user.has_perm(f"integrations.view_{name}"):
                every = reverse(f"admin:integrations_{name}_changelist")
                ways.append((label, f"{every}?connector__id__exact={connector.pk}"))
        return [{"label": label, "address": address} for label, address in ways]

    def figures_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Answer with what the page keeps up to date."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        answer = JsonResponse(live(_connector(pk)))
        answer["Cache-Control"] = "no-store"
        return answer

    def cause_view(self, request: HttpRequest, pk: uuid.UUID, name: str) -> HttpResponse:
        """Do what a cause's button says to all of its deliveries."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        connector = _connector(pk)
        press = {"send_again": _send_again, "leave_out": _leave_out, "cancel": _cancel}.get(name)
        if press is None:
            raise Http404
        needed = ["change_delivery", *(["change_connector"] if name == "leave_out" else [])]
        if not all(request.user.has_perm(f"integrations.{codename}") for codename in needed):
            raise PermissionDenied
        words = press(connector, request.POST.get("reason", "")[:64], request.POST.get("field", "")[:80])
        self.say(request, words or "There was nothing left to do.", is_good=bool(words))
        if words:
            self.log_change(request, connector, words)
        return HttpResponseRedirect(self._way_back(request, str(pk)))

    @button("Send now", is_primary=True, is_shown=_may_send)
    def send_now(self, request: HttpRequest, connector: Connector) -> None:
        """Try everything that waits at once."""
        services.connector_send_now(connector=connector)
        self.say(request, f"Everything that waits for {connector} is tried now.")

    @button("Pause", is_shown=_may_send)
    def pause(self, request: HttpRequest, connector: Connector) -> None:
        """Let it rest."""
        services.connector_pause(connector=connector)
        self.say(request, f"{connector} is paused. What is captured waits and is sent when you resume it.")

    @button("Resume", is_primary=True, is_shown=lambda connector: connector.is_active and is_paused(connector))
    def resume(self, request: HttpRequest, connector: Connector) -> None:
        """Let it work again."""
        services.connector_resume(connector=connector)
        self.say(request, f"{connector} works again; what waited is being sent.")

    @button(
        "Send all existing leads",
        confirm="Every lead that this connector wants and doesn't have as it is now will be sent. Go on?",
        is_shown=lambda connector: (
            connector.is_active and bool(connector.operations) and not _is_backfilling(connector)
        ),
    )
    def send_existing(self, request: HttpRequest, connector: Connector) -> None:
        """Send what it doesn't have yet."""
        total = backfill.backfill_start(connector=connector)
        words = f"{counted(total, 'lead')} are gone through; new ones don’t wait for them." if total > 1 else "Begun."
        self.say(request, words if total else "There is no lead yet.", is_good=bool(total))

    @button("Stop sending existing leads", is_shown=_is_backfilling)
    def cancel_backfill(self, request: HttpRequest, connector: Connector) -> None:
        """Put no more in."""
        backfill.backfill_cancel(connector=connector)
        self.say(request, "Stopped. What was put in already is still sent; the rest is not.")


def _connector(pk: uuid.UUID) -> Connector:
    found = Sync.objects.select_related("status").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _count_of(state: str) -> Coalesce:
    rows = Delivery.objects.filter(connector=OuterRef("pk"), state=state).order_by()
    return Coalesce(Subquery(rows.values("connector").annotate(number=Count("pk")).values("number")), 0)


def _lists(connector: Connector) -> dict[str, str]:
    """Return the lists behind the figures."""
    every = f"{reverse('admin:integrations_delivery_changelist')}?connector__id__exact={connector.pk}"
    return {
        state: f"{every}&state__exact={state}"
        for state in ("waiting", "sending", "confirming", "needs_you", "delivered")
    }


def _send_again(connector: Connector, reason: str, field: str) -> str:
    begun = _begin(sweeps.Action.SEND_AGAIN, connector, reason, field)
    return sweep_said(begun, "will be sent now", "are sent again")


def _leave_out(connector: Connector, reason: str, field: str) -> str:
    begun = causes.field_leave_out(connector=connector, reason=reason, field=field)
    sent = sweep_said(begun, "will be sent now", "are sent again")
    return f"“{field}” is no longer sent to {connector}. {sent}" if begun.count else ""


def _cancel(connector: Connector, reason: str, field: str) -> str:
    return sweep_said(_begin(sweeps.Action.CANCEL, connector, reason, field), "cancelled", "are cancelled")


def _begin(action: sweeps.Action, connector: Connector, reason: str, field: str) -> sweeps.Begun:
    return sweeps.begin(action=action, connector=connector, filters=causes.filters_of(reason, field))


def _when(at: datetime | None, never: str) -> dict[str, str]:
    return {"text": relative(at - db_now()), "title": exact(at)} if at else {"text": never, "title": ""}


def live(connector: Connector) -> dict[str, Any]:
    """Return what a connector's page shows and keeps up to date: strings, numbers, times with the exact one."""
    now, sweep = syncs.figures(connector), sweeps.shown(connector)
    is_sweeping = bool(sweep and not sweep.ended_at)
    status: ConnectorState | None = getattr(connector, "status", None)
    tone, symbol, words = badge_parts(*connector_standing(connector))
    return {
        "state": {"text": f"{symbol} {words}", "tone": tone},
        "standing": syncs.standing(connector, now),
        "waiting": f"{now.waiting:,}",
        "sending": f"{now.sending:,}",
        "confirming": f"{now.confirming:,}",
        "is_confirming": bool(now.confirming),
        "needs_you": f"{now.needs_you:,}",
        "delivered_today": f"{now.delivered_today:,}",
        "speed": syncs.speed_words(now),
        "quota": syncs.quota_words(connector, now.waiting),
        "oldest": _when(now.oldest_at, "nothing waits"),
        "last_success": _when(status.last_success_at if status else None, "never"),
        "last_failure": _when(status.last_failure_at if status else None, "never"),
        "last_words": status.last_failure if status and status.last_failure_at else "",
        "backfill": syncs.backfill_words(status),
        "backfill_total": status.backfill_total if status else 0,
        "backfill_seen": status.backfill_seen if status else 0,
        "is_backfilling": _is_backfilling(connector),
        "sweep": syncs.sweep_words(sweep),
        "sweep_total": sweep.total if sweep else 0,
        "sweep_seen": sweep.seen if sweep else 0,
        "is_sweeping": is_sweeping,
        # What the buttons on the page depend on: where this differs from what was drawn, they are out of date.
        "drawn": f"{_is_backfilling(connector)} {is_paused(connector)} {is_sweeping or now.needs_you}",
    }
