"""The API of leads."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from gateway import idempotency
from gateway.api import ApiView, json_answer
from gateway.authentication import Caller
from gateway.problems import Problem, flatten
from leads import visitors
from leads.capture import TooManyWaiting, lead_capture, leads_capture
from leads.erasures import certificate, erasure_start
from leads.listing import LeadListSerializer, lead_page, leads_for
from leads.models import Lead
from leads.schemas import CaptureAnswer, CertificateAnswer, LeadAnswer, LeadBatchAnswer, LeadListAnswer
from leads.serializers import LeadBatchSerializer, LeadCaptureSerializer, capture_answer, lead_answer, read_lead
from leads.services import Capture, LeadData, Submission
from leads.standing import deliveries_of
from runtime.ids import uuid7

_ROUTE = "leads"
_BATCH_ROUTE = "leads/batch"


class LeadsView(ApiView):
    """Captures leads, and lists them."""

    required_scopes = {"GET": "leads:read", "POST": "leads:write"}
    allows_publishable = allows_session = True
    idempotent_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="lead_list",
        summary="List leads",
        parameters=[LeadListSerializer],
        responses={200: LeadListAnswer},
    )
    def get(self, request: Request) -> Response:
        """Return a page of the leads this client captured (or of all), those changed longest ago first.

        To go on, send `next_cursor` as `cursor` with the same filters. A lead that changes meanwhile moves to the end,
        so nothing is missed.
        """
        asked = LeadListSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        return Response(lead_page(caller=self.caller, asked=asked.validated_data))

    @extend_schema(
        operation_id="lead_capture",
        summary="Capture a lead",
        request=LeadCaptureSerializer,
        responses={
            201: OpenApiResponse(CaptureAnswer, "A new lead"),
            200: OpenApiResponse(CaptureAnswer, "A lead we know already; it was updated"),
            202: OpenApiResponse(CaptureAnswer, "Taken; a publishable key is not told whether the person is known"),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Take a lead; it reaches every connected system that wants it, whatever happens in between.

        A page (publishable key or session) is answered 202 with an opaque id, whether we know the person or not. It may
        send a field `website` that people don't see and leave empty: what has it filled in is answered and not taken.
        """
        if not self.caller.is_visitor:
            return self._capture(request)
        started = time.monotonic()
        try:
            return self._capture(request)
        finally:
            visitors.hold(started)

    def _capture(self, request: Request) -> HttpResponse:
        caller, route = self.caller, _route_of(self.caller)
        attempt = idempotency.attempt(request, route)
        if attempt.stored:
            return _replay(attempt)
        if caller.is_visitor and not request._request.body:
            # A session knows its visitor, so that {} captures; nothing at all is a mistake of the page.
            raise ParseError("There is no body. Send a JSON object, {} at the least.")
        data = visitors.read_visitor_lead(caller, request.data) if caller.is_visitor else read_lead(request.data)
        if data is None:
            return Response({"id": str(uuid7())}, status=202)

        def remember(capture: Capture) -> None:
            attempt.remember(_status(capture, caller), _result(capture, caller))

        try:
            capture = lead_capture(
                client=caller.client,
                data=data,
                is_trusted=caller.kind != "publishable",
                remember=remember if attempt.key else None,
            )
        except TooManyWaiting as err:
            detail = "More leads arrive than can be written at once. Nothing was taken; send it again in a second."
            raise Problem(503, "busy", "Too many leads at once.", detail, headers={"Retry-After": "1"}) from err
        except idempotency.Raced:
            return _replay(idempotency.attempt(request, route))
        if caller.is_visitor:
            return json_answer({"id": str(capture.activity.pk)}, status=202)
        body = capture_answer(capture.lead, capture.created, capture.deliveries)
        return json_answer(body, status=_status(capture, caller))


class LeadBatchView(ApiView):
    """Captures many leads at once."""

    required_scopes = {"POST": "leads:write"}
    idempotent_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="lead_capture_batch",
        summary="Capture up to 500 leads",
        request=LeadBatchSerializer,
        responses={200: LeadBatchAnswer},
    )
    def post(self, request: Request) -> Response:
        """Take leads that are in order, all of them in one transaction, and say of each of the others what is wrong."""
        attempt = idempotency.attempt(request, _BATCH_ROUTE)
        if attempt.stored:
            return Response({"results": attempt.stored.result["results"]}, headers=attempt.headers)
        batch = LeadBatchSerializer(data=request.data)
        batch.is_valid(raise_exception=True)
        results = [_read(lead) for lead in batch.validated_data["leads"]]
        client = self.caller.client
        submissions = [Submission(client, data) for data in results if isinstance(data, LeadData)]
        answer: dict[str, Any] = {}

        def remember(captures: Sequence[Capture]) -> None:
            left = iter(captures)
            answer["results"] = [
                _captured(next(left)) if isinstance(result, LeadData) else result for result in results
            ]
            attempt.remember(200, answer)

        try:
            leads_capture(submissions, remember)
        except idempotency.Raced:
            again = idempotency.attempt(request, _BATCH_ROUTE)
            if again.stored is None:
                raise _in_progress() from None
            return Response({"results": again.stored.result["results"]}, headers=again.headers)
        return Response(answer)


class LeadView(ApiView):
    """Shows one lead, or erases it."""

    required_scopes = {"GET": "leads:read", "DELETE": "leads:erase"}

    @extend_schema(
        operation_id="lead_erase", summary="Erase a lead for good", request=None, responses={202: CertificateAnswer}
    )
    def delete(self, request: Request, lead_id: uuid.UUID) -> Response:
        """Forget a person: at once here, then in every connected system. `GET /v1/erasures/{id}` tells how it stands.

        A retry, a replay or an import doesn't bring them back; a new capture, by their own doing, is a new lead.
        """
        lead = leads_for(self.caller).filter(pk=lead_id).first()
        if lead is None:
            raise Problem(404, "not_found", "There is no such lead", "Check the id; a client sees its own leads only.")
        return Response(certificate(erasure_start(lead=lead, client=self.caller.client)), status=202)

    @extend_schema(operation_id="lead_read", summary="Read a lead", responses={200: LeadAnswer})
    def get(self, request: Request, lead_id: uuid.UUID) -> Response:
        """Return a lead this client captured, and where it stands at each connector."""
        lead = leads_for(self.caller).filter(pk=lead_id).first()
        if lead is None:
            raise Problem(404, "not_found", "There is no such lead", "Check the id; a client sees its own leads only.")
        references = lead.references.filter(client=self.caller.client).values_list("value", flat=True)
        return Response(lead_answer(lead, list(references), deliveries_of(lead.pk)))


def _route_of(caller: Caller) -> str:
    """Return what an Idempotency-Key counts within: a page must not take one that its server will use."""
    if caller.session is not None:
        return f"{_ROUTE}/{caller.session.pk}"
    return f"{_ROUTE}/pages" if caller.is_visitor else _ROUTE


def _status(capture: Capture, caller: Caller) -> int:
    if caller.is_visitor:
        return 202
    return 201 if capture.created else 200


def _result(capture: Capture, caller: Caller) -> dict[str, Any]:
    """Return what the answer can be built from again: ids alone, so that an erasure reaches it."""
    if caller.is_visitor:
        return {"receipt": str(capture.activity.pk)}
    return {"lead": str(capture.lead.pk), "created": capture.created}


def _read(lead: Any) -> LeadData | dict[str, Any]:
    """Return one lead of a batch, or what is wrong with it."""
    try:
        return read_lead(lead)
    except ValidationError as err:
        return {"status": 400, "errors": list(flatten(err.detail))}


def _captured(capture: Capture) -> dict[str, Any]:
    """Return what became of one lead of a batch: ids and states, no personal data."""
    answer = capture_answer(capture.lead, capture.created, capture.deliveries)
    return {"status": 201 if capture.created else 200, **answer}


def _in_progress() -> Problem:
    detail = "The same request is being worked on. Send it again in a second; it will have its effect once."
    title = "The same request is being worked on."
    return Problem(409, "idempotency_in_progress", title, detail, headers={"Retry-After": "1"})


def _replay(attempt: idempotency.Attempt) -> Response:
    """Build the answer of the first time again."""
    stored = attempt.stored
    if stored is None:
        raise _in_progress()
    if "receipt" in stored.result:
        return Response({"id": stored.result["receipt"]}, status=stored.status, headers=attempt.headers)
    lead = Lead.objects.filter(pk=stored.result["lead"]).first()
    if lead is None:
        raise Problem(404, "not_found", "There is no such lead", "The lead this request made was erased since.")
    rows = [(row.connector.name, row.operation, str(row.state)) for row in deliveries_of(lead.pk)]
    body = capture_answer(lead, stored.result["created"], rows)
    return Response(body, status=stored.status, headers=attempt.headers)
