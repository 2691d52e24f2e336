"""The few pages of the front door: home, the API's documentation, the list of problems."""

import functools
import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.problems import CODES

# Redoc writes its styles into the page and searches in a worker made of a blob.
_REDOC_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)

_REDOC = "drf_spectacular_sidecar/redoc/bundles/redoc.standalone.js"
_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show somebody who opened the bare address where to go."""
    return render(request, "gateway/home.html", {"version": settings.VERSION})


@require_safe
def problem_list(request: HttpRequest) -> HttpResponse:
    """List every problem of the API with what to do."""
    return render(request, "gateway/problems.html", {"codes": CODES})


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """Return the API's description (OpenAPI 3.1)."""
    return HttpResponse(_description(), content_type="application/json")


@functools.cache
def _description() -> bytes:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    description = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.dumps(description, ensure_ascii=False).encode()


class ApiReference(SpectacularRedocView):
    """Redoc, from our own files: the same description, to read."""

    url_name = "openapi"
    template_name = "gateway/redoc.html"
    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        answer["Content-Security-Policy"] = _REDOC_POLICY
        return answer


@require_safe
@cache_control(public=True, max_age=3600)
def redoc_script(request: HttpRequest) -> HttpResponse:
    """Return Redoc without the address of its logo, so that no reader's browser asks anybody else."""
    script = Path(str(finders.find(_REDOC))).read_bytes()
    # An image that is none: Redoc leaves it away by itself.
    return HttpResponse(script.replace(_LOGO, b"data:,"), content_type="text/javascript; charset=utf-8")


class ApiDocs(SpectacularSwaggerSplitView):
    """Swagger UI, from our own files: it works without the internet."""

    url_name = "openapi"
    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = []
