"""Small views behind the whole front door, so that its tests need no other room."""

import time
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.urls import include, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateway import idempotency
from gateway.api import ApiView, StrictSerializer
from gateway.models import Client


class ConsentSerializer(StrictSerializer):
    purpose = serializers.CharField(max_length=20)


class NoteSerializer(StrictSerializer):
    email = serializers.EmailField()
    consent = ConsentSerializer(many=True, required=False)


class NotesView(ApiView):
    required_scopes = {"GET": "leads:read", "POST": "leads:write"}
    allows_publishable = allows_session = True

    def get(self, request: Request) -> Response:
        return Response(
            {"client": str(self.caller.client.pk), "kind": self.caller.kind, "address": self.caller.address}
        )

    def post(self, request: Request) -> Response:
        serializer = NoteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(serializer.validated_data, status=201)


class OnceView(ApiView):
    """Makes a client per request that is not a repetition; `pause` holds the transaction open."""

    required_scopes = {"POST": "leads:write"}
    pause_seconds = 0.0

    def post(self, request: Request) -> Response:
        attempt = idempotency.attempt(request, route="once")
        if attempt.stored is None:
            try:
                attempt = self._make(attempt)
            except idempotency.Raced:
                attempt = idempotency.attempt(request, route="once")
        status, result = (attempt.stored.status, attempt.stored.result) if attempt.stored else (201, self._result)
        return Response(result, status=status, headers=attempt.headers)

    def _make(self, attempt: idempotency.Attempt) -> idempotency.Attempt:
        with transaction.atomic():
            made = Client(name="made", client_type="confidential", authorization_grant_type="client-credentials")
            self._result: dict[str, Any] = {"id": str(made.pk)}
            attempt.remember(201, self._result)
            made.save(force_insert=True)
            time.sleep(self.pause_seconds)
        return attempt


class SecretOnlyView(ApiView):
    required_scopes = {"GET": "query"}

    def get(self, request: Request) -> Response:
        return Response({})


class BrokenView(ApiView):
    required_scopes = {"GET": "query", "POST": "query"}

    def get(self, request: Request) -> Response:
        raise RuntimeError("password=hunter22")

    def post(self, request: Request) -> Response:
        return Response(request.data)


urlpatterns = [
    path("", include("gateway.urls")),
    path("admin/", admin.site.urls),
    path("v1/notes", NotesView.as_view()),
    path("v1/once", OnceView.as_view()),
    path("v1/slow-once", OnceView.as_view(pause_seconds=3.5)),
    path("v1/secret-only", SecretOnlyView.as_view()),
    path("v1/broken", BrokenView.as_view()),
]

handler400 = "gateway.problems.bad_request"
handler403 = "gateway.problems.permission_denied"
handler404 = "gateway.problems.page_not_found"
handler500 = "gateway.problems.server_error"
