"""Addresses of engine."""

from django.urls import path

from engine.api import FaqsView, InventoryView, OrderLookupView, OwnOrderView, QueryView

urlpatterns = [
    path("query", QueryView.as_view(), name="query"),
    path("orders/lookup", OrderLookupView.as_view(), name="orders-lookup"),
    path("orders/<str:number>", OwnOrderView.as_view(), name="order"),
    path("inventory/<str:sku>", InventoryView.as_view(), name="inventory"),
    path("faqs", FaqsView.as_view(), name="faqs"),
]
