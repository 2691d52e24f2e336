"""The API of what people decide about their data: consents and erasures."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api import ApiView
from gateway.problems import Problem
from leads import consents, erasures
from leads.consents import ConsentGiven
from leads.listing import leads_for
from leads.models import Erasure, Lead
from leads.schemas import CertificateAnswer, ConsentsAnswer
from leads.serializers import ConsentsSerializer
from leads.standing import deliveries_of


class LeadConsentsView(ApiView):
    """Records what a known lead agrees to, or withdraws."""

    required_scopes = {"GET": "leads:read", "POST": "leads:write"}

    @extend_schema(operation_id="lead_consents", summary="Read a lead's consents", responses={200: ConsentsAnswer})
    def get(self, request: Request, lead_id: uuid.UUID) -> Response:
        """Return what is in force: the newest statement per purpose."""
        return Response(_answer(_lead(self, lead_id)))

    @extend_schema(
        operation_id="lead_consents_record",
        summary="Record or withdraw consents",
        request=ConsentsSerializer,
        responses={200: ConsentsAnswer},
    )
    def post(self, request: Request, lead_id: uuid.UUID) -> Response:
        """Write statements into the ledger; a withdrawal reaches every connected system, and what waits isn't sent."""
        lead = _lead(self, lead_id)
        asked = ConsentsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = [ConsentGiven(**each) for each in asked.validated_data["consent"]]
        return Response(_answer(consents.consents_record(lead=lead, given=given, client=self.caller.client)))


class ErasureView(ApiView):
    """Shows how an erasure stands."""

    required_scopes = {"GET": "leads:erase"}

    @extend_schema(operation_id="erasure_read", summary="Read an erasure", responses={200: CertificateAnswer})
    def get(self, request: Request, erasure_id: uuid.UUID) -> Response:
        """Return the certificate: what was erased, which systems were told, and what could not be erased."""
        erasure = Erasure.objects.filter(pk=erasure_id).first()
        is_own = erasure is not None and erasure.client_id == self.caller.client.pk
        if erasure is None or not (is_own or "leads:read:all" in self.caller.scopes):
            raise Problem(404, "not_found", "There is no such erasure", "Check the id; a client sees its own only.")
        return Response(erasures.certificate(erasure))


def _lead(view: ApiView, lead_id: uuid.UUID) -> Lead:
    lead = leads_for(view.caller).filter(pk=lead_id).first()
    if lead is None:
        raise Problem(404, "not_found", "There is no such lead", "Check the id; a client sees its own leads only.")
    return lead


def _answer(lead: Lead) -> dict[str, Any]:
    statements = consents.in_force([lead.pk])[lead.pk]
    return {
        "id": str(lead.pk),
        "consents": [
            {
                "purpose": said.purpose,
                "granted": said.granted,
                "is_confirmed": said.is_confirmed,
                "version": said.version,
                "at": said.at.isoformat(),
            }
            for _, said in sorted(statements.items())
        ],
        "deliveries": [
            {"connector": row.connector.name, "operation": row.operation, "state": str(row.state)}
            for row in deliveries_of(lead.pk)
        ],
    }
