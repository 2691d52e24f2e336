"""Addresses of webhooks."""

from django.urls import path

from webhooks.api import InboundView

urlpatterns = [
    path("webhooks/in/<str:token>", InboundView.as_view(), name="webhooks-in"),
]
