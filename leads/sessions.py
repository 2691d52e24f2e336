"""`POST /v1/sessions`: a client's server says who the visitor of a page is."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from gateway import ways
from gateway.api import ApiView, StrictSerializer
from gateway.fields import Line
from gateway.sessions import session_create
from leads.serializers import EmailField, PhoneField


class VisitorSerializer(StrictSerializer):
    """One visitor, as the chatbot's own server has verified them: at least one of e-mail, phone and reference."""

    json_schema = {"anyOf": [{"required": ["email"]}, {"required": ["phone"]}, {"required": ["reference"]}]}

    email = EmailField(required=False, max_length=254)
    phone = PhoneField(required=False, max_length=40)
    reference = Line(required=False, max_length=120)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a session for nobody."""
        if not any(attrs.values()):
            raise serializers.ValidationError({"email": ["Give at least one of email, phone and reference."]})
        return attrs


class Origin(Line):
    """Where a page comes from, as browsers name it."""

    json_schema = {"format": "origin", "examples": ["https://shop.example"]}


class SessionSerializer(StrictSerializer):
    """A session to be made."""

    origin = Origin(max_length=255, help_text="The origin of the page it is for, one that the client lists.")
    customer = VisitorSerializer()


class SessionAnswer(serializers.Serializer[Any]):
    """A session that was made; `token` goes to the visitor's page and is not shown again."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField()
    expires_in = serializers.IntegerField(help_text="Seconds.")


class SessionsView(ApiView):
    """Makes sessions for visitors."""

    required_scopes = {"POST": "query"}

    @extend_schema(
        operation_id="session_create",
        summary="Make a session for a visitor",
        request=SessionSerializer,
        responses={201: SessionAnswer},
    )
    def post(self, request: Request) -> Response:
        """Make a token with which one page asks and captures for one visitor, for 30 minutes.

        Call it from your server, for somebody whose e-mail address, phone number or reference you have verified.
        """
        asked = SessionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        origin = asked.validated_data["origin"]
        if origin not in self.caller.client.origins and not ways.is_own(request._request, origin):
            words = "No such page is listed at this client; add its origin there, such as https://shop.example."
            raise serializers.ValidationError({"origin": [words]})
        session, token = session_create(
            client=self.caller.client, key=self.caller.key, origin=origin, **asked.validated_data["customer"]
        )
        lasts = session.expires_at - session.created_at
        body = {
            "token": token,
            "expires_at": session.expires_at.isoformat(),
            "expires_in": int(lasts.total_seconds()),
        }
        return Response(body, status=201, headers={"Cache-Control": "no-store"})
