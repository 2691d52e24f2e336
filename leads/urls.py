"""Addresses of leads, below /v1/."""

from django.urls import path

from leads.api import LeadBatchView, LeadsView, LeadView
from leads.privacy_api import ErasureView, LeadConsentsView
from leads.sessions import SessionsView

urlpatterns = [
    path("leads", LeadsView.as_view(), name="leads"),
    path("leads/batch", LeadBatchView.as_view(), name="leads-batch"),
    path("leads/<uuid:lead_id>", LeadView.as_view(), name="lead"),
    path("erasures/<uuid:erasure_id>", ErasureView.as_view(), name="erasure"),
    path("leads/<uuid:lead_id>/consents", LeadConsentsView.as_view(), name="lead-consents"),
    path("sessions", SessionsView.as_view(), name="sessions"),
]
