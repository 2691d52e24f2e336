"""Erasing a person: what will be lost, asked once; then how it goes on, and the certificate."""

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from leads import consents, erasures
from leads.models import Erasure, Lead
from runtime import audit
from runtime.admin import RecordAdmin, button
from runtime.display import ago, badge


class ErasePage:
    """The page of a lead that asks once before it is erased, for its admin."""

    admin_site: Any
    has_view_permission: Any

    def erase_urls(self) -> list[URLPattern]:
        """Return its address."""
        return [path("<uuid:pk>/erase/", self.admin_site.admin_view(self.erase_view), name="leads_lead_erase")]

    def may_erase(self, request: HttpRequest) -> bool:
        """Say whether this person may erase leads."""
        return bool(self.has_view_permission(request) and request.user.has_perm("leads.delete_lead"))

    def erase_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Say what will be lost; posted, erase."""
        if not self.may_erase(request):
            raise PermissionDenied
        lead = Lead.objects.filter(pk=pk).first()
        if lead is None:
            raise Http404
        if request.method == "POST":
            person: Any = request.user
            erasure = erasures.erasure_start(lead=lead, person=person)
            audit.note("Erased a person.", erasure, name=f"erasure {erasure.pk}")
            return HttpResponseRedirect(reverse("admin:leads_erasure_change", args=(erasure.pk,)))
        context = {
            **admin.site.each_context(request),
            "title": "Erase this person",
            "lead": lead,
            "connectors": consents.told_connectors(lead),
            "lead_address": reverse("admin:leads_lead_change", args=(pk,)),
        }
        return TemplateResponse(request, "leads/erase.html", context)


def _is_waiting_for_others(erasure: Erasure) -> bool:
    return erasure.step == Erasure.Step.ELSEWHERE and erasure.state != Erasure.State.DONE


@admin.register(Erasure)
class ErasureAdmin(RecordAdmin):
    """People who were erased, without saying who they were."""

    change_form_template = "leads/erasure.html"
    list_display = ("asked", "shown_state", "by", "finished")
    list_filter = ("state",)
    list_select_related = ("person", "client")
    search_fields = ("id",)
    id_fields = ("pk", "lead_id")
    ordering = ("-created_at",)
    empty_words = "Nobody was erased yet. It is done on a lead’s page."
    actions = None
    buttons = ("close",)
    fields = ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the certificate alone."""
        return [(None, {"fields": ()})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Erasure]:
        """Leave out what is sealed."""
        return super().get_queryset(request).defer("sealed")

    def opening(self, record: Erasure) -> str:
        """Say how far it is."""
        if record.state == Erasure.State.DONE:
            return "This person is erased. What could not be erased by us stands below."
        return record.reason or "The person is gone here; what is left is being erased."

    def page_context(self, request: HttpRequest, record: Erasure) -> dict[str, Any]:
        """The certificate, and the erasures at connected systems that need somebody."""
        return {
            "erasure": record,
            "certificate": erasures.certificate(record),
            "vendor_rows": erasures.vendor_erasures(record) if record.state != Erasure.State.DONE else [],
        }

    @button(
        "Finish without them",
        confirm="The certificate will say who did not confirm; erase the person there by hand. Go on?",
        is_shown=_is_waiting_for_others,
    )
    def close(self, request: HttpRequest, erasure: Erasure) -> None:
        """Close it where a system will never confirm."""
        is_closed = erasures.erasure_close(erasure=erasure)
        words = "Finished. The certificate says what is left."
        self.say(request, words if is_closed else "A worker is at it just now; press again.", is_good=is_closed)

    @admin.display(description="asked", ordering="created_at")
    def asked(self, erasure: Erasure) -> SafeString:
        """When."""
        return ago(erasure.created_at)

    @admin.display(description="state", ordering="state")
    def shown_state(self, erasure: Erasure) -> SafeString:
        """How far."""
        is_done = erasure.state == Erasure.State.DONE
        return badge(erasure.state, "erased" if is_done else erasure.get_step_display())

    @admin.display(description="asked by")
    def by(self, erasure: Erasure) -> str:
        """Who."""
        return str(erasure.person or erasure.client or "–")

    @admin.display(description="finished", ordering="finished_at")
    def finished(self, erasure: Erasure) -> SafeString:
        """When it ended."""
        return ago(erasure.finished_at, "not yet")
