"""Addresses of the front door."""

from django.urls import path

from gateway import consent, health, metrics, oauth, pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.page, name="metrics"),
    path(".well-known/oauth-authorization-server", oauth.metadata, name="oauth-metadata"),
    path("oauth/authorize", consent.ConsentView.as_view(), name="oauth-authorize"),
    path("oauth/token", oauth.ClientTokenView.as_view(), name="oauth-token"),
    path("oauth/revoke_token", oauth.ClientRevokeTokenView.as_view(), name="oauth-revoke"),
    path("oauth/introspect", oauth.ClientIntrospectTokenView.as_view(), name="oauth-introspect"),
    path("v1/openapi.json", pages.openapi, name="openapi"),
    path("docs/", pages.ApiDocs.as_view(), name="docs"),
    path("docs/redoc/", pages.ApiReference.as_view(), name="redoc"),
    path("docs/redoc.js", pages.redoc_script, name="redoc-script"),
    path("docs/problems", pages.problem_list, name="problems"),
]
