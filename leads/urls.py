"""Addresses of leads, below /v1/."""

from django.urls import path

from leads.api import LeadsView, LeadView

urlpatterns = [
    path("leads", LeadsView.as_view(), name="leads"),
    path("leads/<uuid:lead_id>", LeadView.as_view(), name="lead"),
]
