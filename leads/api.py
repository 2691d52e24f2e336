"""The API of leads."""

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from gateway import idempotency
from gateway.api import ApiView
from gateway.problems import Problem
from leads.capture import TooManyWaiting, lead_capture
from leads.models import Lead
from leads.schemas import CAPTURE_EXAMPLE, CaptureAnswer, LeadAnswer
from leads.serializers import LeadCaptureSerializer, capture_answer, lead_answer
from leads.services import Capture, deliveries_of

_ROUTE = "leads"


class LeadsView(ApiView):
    """Captures leads."""

    required_scopes = {"POST": "leads:write"}
    allows_publishable = True

    @extend_schema(
        operation_id="lead_capture",
        summary="Capture a lead",
        request=LeadCaptureSerializer,
        responses={
            201: OpenApiResponse(CaptureAnswer, "A new lead"),
            200: OpenApiResponse(CaptureAnswer, "A lead we know already; it was updated"),
            202: OpenApiResponse(CaptureAnswer, "Taken; a publishable key is not told whether the person is known"),
        },
        examples=[OpenApiExample("A lead from a chat", CAPTURE_EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Take a lead; it reaches every connected system that wants it, whatever happens in between."""
        attempt = idempotency.attempt(request, _ROUTE)
        if attempt.stored:
            return _replay(attempt)
        serializer = LeadCaptureSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        is_trusted = self.caller.kind != "publishable"

        def remember(capture: Capture) -> None:
            attempt.remember(_status(capture, is_trusted), _result(capture, is_trusted))

        try:
            capture = lead_capture(
                client=self.caller.client,
                data=serializer.to_lead_data(),
                is_trusted=is_trusted,
                remember=remember if attempt.key else None,
            )
        except TooManyWaiting as err:
            detail = "More leads arrive than can be written at once. Nothing was taken; send it again in a second."
            raise Problem(503, "busy", "Too many leads at once.", detail, headers={"Retry-After": "1"}) from err
        except idempotency.Raced:
            return _replay(idempotency.attempt(request, _ROUTE))
        if not is_trusted:
            return Response({"id": str(capture.activity.pk)}, status=202)
        body = capture_answer(capture.lead, capture.created, capture.deliveries)
        return Response(body, status=_status(capture, is_trusted))


class LeadView(ApiView):
    """Shows one lead."""

    required_scopes = {"GET": "leads:read"}

    @extend_schema(operation_id="lead_read", summary="Read a lead", responses={200: LeadAnswer})
    def get(self, request: Request, lead_id: uuid.UUID) -> Response:
        """Return a lead this client captured, and where it stands at each connector."""
        leads = Lead.objects.all()
        if "leads:read:all" not in self.caller.scopes:
            leads = leads.filter(activities__client=self.caller.client).distinct()
        lead = leads.filter(pk=lead_id).first()
        if lead is None:
            raise Problem(404, "not_found", "There is no such lead", "Check the id; a client sees its own leads only.")
        references = lead.references.filter(client=self.caller.client).values_list("value", flat=True)
        return Response(lead_answer(lead, list(references), deliveries_of(lead.pk)))


def _status(capture: Capture, is_trusted: bool) -> int:
    if not is_trusted:
        return 202
    return 201 if capture.created else 200


def _result(capture: Capture, is_trusted: bool) -> dict[str, Any]:
    """Return what the answer can be built from again: ids alone, so that an erasure reaches it."""
    if not is_trusted:
        return {"receipt": str(capture.activity.pk)}
    return {"lead": str(capture.lead.pk), "created": capture.created}


def _replay(attempt: idempotency.Attempt) -> Response:
    """Build the answer of the first time again."""
    stored = attempt.stored
    if stored is None:
        detail = "The same request is being worked on. Send it again in a second; it will have its effect once."
        raise Problem(409, "idempotency_in_progress", "The same request is being worked on.", detail)
    if "receipt" in stored.result:
        return Response({"id": stored.result["receipt"]}, status=stored.status, headers=attempt.headers)
    lead = Lead.objects.filter(pk=stored.result["lead"]).first()
    if lead is None:
        raise Problem(404, "not_found", "There is no such lead", "The lead this request made was erased since.")
    rows = [(row.connector.name, row.operation, str(row.state)) for row in deliveries_of(lead.pk)]
    body = capture_answer(lead, stored.result["created"], rows)
    return Response(body, status=stored.status, headers=attempt.headers)
