"""Comparing two leads side by side, and making them one."""

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from leads import merging, selection
from leads.models import Lead
from runtime.admin import button

_MOST_FOUND = 20


class MergePages:
    """The pages of a lead about its double, for its admin."""

    admin_site: Any
    has_view_permission: Any
    has_press_permission: Any
    say: Any
    log_change: Any

    def merge_urls(self) -> list[URLPattern]:
        """Return the address of the comparison."""
        return [path("<uuid:pk>/merge/", self.admin_site.admin_view(self.merge_view), name="leads_lead_merge")]

    def merge_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Offer who may be the same; with one chosen, show both side by side; posted, make them one."""
        lead = Lead.objects.filter(pk=pk).first()
        if not self.has_view_permission(request) or not self.has_press_permission(request, lead):
            raise PermissionDenied
        if lead is None:
            raise Http404
        other = _other(request, lead)
        if request.method == "POST" and other is not None:
            return self._merged(request, lead, other)
        sought = request.GET.get("q", "").strip()
        context = {
            **admin.site.each_context(request),
            "title": "Compare and merge",
            "lead": lead,
            "other": other,
            "pairs": merging.pairs(lead, other) if other else [],
            "twice": merging.there_twice(lead, other) if other else [],
            "candidates": [] if other else _found(lead, sought),
            "sought": sought,
            "lead_address": reverse("admin:leads_lead_change", args=(pk,)),
        }
        return TemplateResponse(request, "leads/merge.html", context)

    def _merged(self, request: HttpRequest, lead: Lead, other: Lead) -> HttpResponse:
        theirs = request.POST.getlist("theirs")
        merging.lead_merge(kept=lead, lost=other, theirs=theirs, who=str(request.user))
        self.log_change(request, lead, f"Merged the lead {other.pk} into this one.")
        self.say(request, "The two are one lead now. Every value that lost stands in what happened.")
        return HttpResponseRedirect(reverse("admin:leads_lead_change", args=(lead.pk,)))

    @button("Not a duplicate", is_shown=lambda lead: lead.possible_duplicate)
    def not_a_duplicate(self, request: HttpRequest, lead: Lead) -> None:
        """Take the mark away."""
        merging.not_a_duplicate(lead=lead)
        self.say(request, "The mark is taken away.")


def _other(request: HttpRequest, lead: Lead) -> Lead | None:
    try:
        wanted = uuid.UUID(request.GET.get("with", ""))
    except ValueError:
        return None
    return Lead.objects.exclude(pk=lead.pk).filter(pk=wanted).first()


def _found(lead: Lead, sought: str) -> list[Lead]:
    if not sought:
        return merging.candidates(lead)
    return list(selection.search(Lead.objects.exclude(pk=lead.pk), sought).select_related("client")[:_MOST_FOUND])
