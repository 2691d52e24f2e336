"""Where other systems send their events."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api import ApiView
from gateway.problems import Problem
from webhooks.services import inbound_event_receive, source_of

BODY_MAX_BYTES = 256 * 1024
_LONGEST_TOKEN = 100


class ReceivedSerializer(serializers.Serializer[Any]):
    """The note that an event is stored."""

    id = serializers.UUIDField()
    duplicate = serializers.BooleanField(help_text="It had been received before and is not processed twice.")


class InboundView(ApiView):
    """`POST /v1/webhooks/in/{token}`: an event; the token in the address is the sender's credential."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(
        operation_id="webhooks_in", request={"application/json": dict[str, Any]}, responses={202: ReceivedSerializer}
    )
    def post(self, request: Request, token: str) -> Response:
        """Store an event; it is processed afterwards."""
        raw = _body(request)
        source = source_of(token) if len(token) <= _LONGEST_TOKEN else None
        if source is None:
            raise Problem(404, "not_found", "Nothing was found here.", "There is no such webhook address.")
        header_id = request.META.get("HTTP_WEBHOOK_ID")
        event, is_duplicate = inbound_event_receive(source=source, raw=raw, header_id=header_id)
        return Response({"id": str(event.pk), "duplicate": is_duplicate}, status=202)


def _body(request: Request) -> bytes:
    """Return the raw bytes, whatever type they are declared as: senders declare many."""
    raw: bytes = request._request.body
    if len(raw) > BODY_MAX_BYTES:
        detail = f"An event has at most {BODY_MAX_BYTES // 1024} kB."
        raise Problem(413, "body_too_large", "The body is too large.", detail)
    return raw
