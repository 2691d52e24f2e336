"""A lead's consents: every statement with its proof on one page, and the withdrawal of one."""

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from leads import consents
from leads.models import Consent, Lead


class ConsentPages:
    """The pages of a lead about consents, for its admin."""

    admin_site: Any
    has_view_permission: Any
    has_press_permission: Any
    say: Any
    log_change: Any

    def consent_urls(self) -> list[URLPattern]:
        """Return the addresses of the ledger and of the withdrawal."""
        view = self.admin_site.admin_view
        return [
            path("<uuid:pk>/consents/", view(self.ledger_view), name="leads_lead_consents"),
            path("<uuid:pk>/withdraw/", view(self.withdraw_view), name="leads_lead_withdraw"),
        ]

    def ledger_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Show every statement, newest first, with what proves it."""
        lead = self._lead(request, pk)
        context = {
            **admin.site.each_context(request),
            "title": "Consents",
            "lead": lead,
            "statements": lead.consents.select_related("client").order_by("-at", "-pk"),
            "connectors": consents.told_connectors(lead),
            "lead_address": reverse("admin:leads_lead_change", args=(pk,)),
        }
        return TemplateResponse(request, "leads/consents.html", context)

    def withdraw_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Write down that somebody withdrew."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        lead = self._lead(request, pk)
        if not self.has_press_permission(request, lead):
            raise PermissionDenied
        purpose = request.POST.get("purpose", "")
        if not Consent.objects.filter(lead=lead, purpose=purpose).exists():
            raise Http404
        who = str(request.user)
        consents.consent_withdraw(lead=lead, purpose=purpose, source=Consent.Source.ADMIN, who=who)
        words = f"“{purpose}” is withdrawn. Every connector learns of it; what waits for it isn’t sent."
        self.say(request, words)
        self.log_change(request, lead, f"Withdrew the consent to “{purpose}”.")
        return HttpResponseRedirect(reverse("admin:leads_lead_change", args=(pk,)))

    def _lead(self, request: HttpRequest, pk: uuid.UUID) -> Lead:
        if not self.has_view_permission(request):
            raise PermissionDenied
        lead = Lead.objects.filter(pk=pk).first()
        if lead is None:
            raise Http404
        return lead
