"""The one view: reads JSON, inserts a row in autocommit, answers 201."""

import json

from django.http import HttpRequest, JsonResponse
from django.urls import path

from tests.bench.floor.models import Row

_COLUMNS = ("email", "first_name", "last_name", "company", "message")


def rows(request: HttpRequest) -> JsonResponse:
    """Insert a row."""
    if request.method != "POST":
        return JsonResponse({})
    told = json.loads(request.body)
    row = Row.objects.create(**{name: told[name] for name in _COLUMNS})
    return JsonResponse({"id": row.pk}, status=201)


urlpatterns = [path("rows", rows)]
