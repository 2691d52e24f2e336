"""Where other systems send their events."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.addresses import client_address, whole_address
from gateway.api import ApiView
from gateway.problems import Problem
from integrations.connections import event_source
from integrations.providers.base import EventSource, Received
from integrations.providers.errors import BadSignature
from runtime.clock import db_now
from webhooks.models import Source
from webhooks.services import inbound_event_receive, source_of
from webhooks.told import message_receive

BODY_MAX_BYTES = 256 * 1024
"""For events of systems that are no connectors; what vendors send may be as large as any body."""
_LONGEST_TOKEN = 100


class ReceivedSerializer(serializers.Serializer[Any]):
    """The note that an event is stored."""

    id = serializers.UUIDField()
    duplicate = serializers.BooleanField(help_text="It had been received before and is not processed twice.")


class InboundView(ApiView):
    """`POST /v1/webhooks/in/{token}`: an event; the token in the address is the sender's credential.

    Where it belongs to a connector, the vendor's own requests come here: signed, and answered, in its own way.
    """

    authentication_classes = []
    permission_classes = []
    own_problems = frozenset({"401"})

    @property
    def allowed_methods(self) -> list[str]:
        """Tell only what is described: a vendor that probes by GET, as its connector's address takes it, knows."""
        return ["POST"]

    @extend_schema(exclude=True)  # for vendors alone, who know it already
    def get(self, request: Request, token: str) -> HttpResponse:
        """Tell a vendor that looks first whether anybody is here; addresses of other senders take no GET."""
        speaks = _speaks(_source(token))
        if speaks is None or not speaks.is_probe(_received(request)):
            raise MethodNotAllowed("GET")
        return HttpResponse(content_type="text/plain")

    @extend_schema(
        operation_id="webhooks_in", request={"application/json": OpenApiTypes.ANY}, responses={202: ReceivedSerializer}
    )
    def post(self, request: Request, token: str) -> HttpResponse:
        """Store an event; it is processed afterwards. A connector's vendor sends, and is answered, in its own way.

        Any JSON is taken, as systems send what they like; what means nothing here waits for a person, in sight.
        """
        source = _source(token)
        if speaks := _speaks(source):
            return _take(request, source, speaks, token)
        raw = _body(request)
        header_id = request.META.get("HTTP_WEBHOOK_ID")
        event, is_duplicate = inbound_event_receive(source=source, raw=raw, header_id=header_id)
        return Response({"id": str(event.pk), "duplicate": is_duplicate}, status=202)


def _source(token: str) -> Source:
    source = source_of(token) if len(token) <= _LONGEST_TOKEN else None
    if source is None:
        raise Problem(404, "not_found", "Nothing was found here.", "There is no such webhook address.")
    return source


def _speaks(source: Source) -> EventSource | None:
    """Return how a connector's vendor speaks; None where the source is no connector's."""
    if source.connector is None:
        return None
    if (speaks := event_source(source.connector)) is None:
        raise Problem(404, "not_found", "Nothing was found here.", "There is no such webhook address.")
    return speaks


def _take(request: Request, source: Source, speaks: EventSource, token: str) -> HttpResponse:
    """Answer a connector's vendor."""
    received = _received(request)
    if speaks.is_probe(received):
        return HttpResponse(status=speaks.acknowledgement.status, content_type="text/plain")
    sender = client_address(request._request.META)
    try:
        heard = message_receive(source=source, speaks=speaks, token=token, received=received, sender=sender)
    except BadSignature as err:
        # What was wrong with it helps whoever set it up, on the connector's page, and whoever tries to get in, here.
        raise Problem(401, "bad_signature", "The message does not prove where it comes from.") from err
    return HttpResponse(heard.body, status=heard.status, content_type=heard.content_type or "text/plain")


def _received(request: Request) -> Received:
    plain = request._request
    address = whole_address(plain.META)
    return Received(method=plain.method or "", url=address, headers=plain.headers, body=plain.body, now=db_now())


def _body(request: Request) -> bytes:
    """Return the raw bytes, whatever type they are declared as: senders declare many."""
    raw: bytes = request._request.body
    if len(raw) > BODY_MAX_BYTES:
        detail = f"An event has at most {BODY_MAX_BYTES // 1024} kB."
        raise Problem(413, "body_too_large", "The body is too large.", detail)
    return raw
