"""The page that shows a new key, once, filled into examples that run as they are."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from gateway.models import Client, Key
from runtime.secrets import Secret


def page(request: HttpRequest, client: Client, template: str, **context: Any) -> HttpResponse:
    """Return a page about a client that isn't its form."""
    request.current_app = admin.site.name
    whole = {**admin.site.each_context(request), "opts": Client._meta, "client": client, **context}
    return TemplateResponse(request, template, whole)


def key_page(request: HttpRequest, key: Key, text: Secret, *, replaced: Key | None = None) -> HttpResponse:
    """Show a key's text, in this answer and nowhere else; `replaced` is the key whose place it takes."""
    client = key.client
    return page(
        request,
        client,
        "gateway/key_once.html",
        title="Your new key",
        key=key,
        text=text,
        replaced=replaced,
        address=request.build_absolute_uri("/").rstrip("/"),
        can_ask="query" in client.scopes,
        can_capture="leads:write" in client.scopes,
        is_publishable=key.kind == Key.Kind.PUBLISHABLE,
        origin=next(iter(client.origins), ""),
    )
