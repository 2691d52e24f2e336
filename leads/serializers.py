"""What the API takes and gives about leads."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from gateway.api import StrictSerializer
from gateway.fields import Id, Line, Moment, Text, YesNo
from integrations.explanations import explain
from integrations.models import Delivery
from leads import identity
from leads.models import Lead
from leads.services import ConsentGiven, LeadData

_MOST_ATTRIBUTES = 50
_LONGEST_NAME = 60
_LONGEST_VALUE = 1000


class IdentifierField(Line):
    """What says who a lead is, normalised by `normalize`."""

    @staticmethod
    def normalize(text: str) -> str:
        """Return it in the form in which it is compared. Raises: NotAnIdentifier."""
        raise NotImplementedError

    def read(self, text: str) -> str:
        try:
            return self.normalize(text) if text else ""
        except identity.NotAnIdentifier as err:
            raise serializers.ValidationError(str(err)) from err


class EmailField(IdentifierField):
    """An e-mail address."""

    normalize = staticmethod(identity.email_normalized)
    json_schema = {"format": "email"}


class PhoneField(IdentifierField):
    """A phone number, with its country code unless the installation has a region."""

    normalize = staticmethod(identity.phone_normalized)
    json_schema = {"format": "phone", "examples": ["+49 30 901820"]}


class AttributesField(serializers.DictField):
    """A flat object: names of up to 60 characters, values that are text, numbers, true/false or null."""

    json_schema = {
        "maxProperties": _MOST_ATTRIBUTES,
        "propertyNames": {"minLength": 1, "maxLength": _LONGEST_NAME},
        "additionalProperties": {"type": ["string", "number", "boolean", "null"], "maxLength": _LONGEST_VALUE},
    }

    default_error_messages = {
        "many": "At most 50 attributes are accepted.",
        "name": "Names of attributes have 1 to 60 characters.",
        "value": "{name}: a value is text of at most 1,000 characters, a number, true, false or null.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values: dict[str, Any] = super().to_internal_value(data)
        if len(values) > _MOST_ATTRIBUTES:
            self.fail("many")
        for name, value in values.items():
            if not 0 < len(name) <= _LONGEST_NAME:
                self.fail("name")
            if isinstance(value, dict | list) or (isinstance(value, str) and len(value) > _LONGEST_VALUE):
                self.fail("value", name=name)
        return values


class UtmSerializer(StrictSerializer):
    """Campaign parameters, as they stood in the page's address."""

    # DRF takes declared fields off the class, so this does not hide Field.source.
    source = Line(required=False, max_length=200, allow_blank=True)  # type: ignore[assignment]
    medium = Line(required=False, max_length=200, allow_blank=True)
    campaign = Line(required=False, max_length=200, allow_blank=True)
    term = Line(required=False, max_length=200, allow_blank=True)
    content = Line(required=False, max_length=200, allow_blank=True)


class SourceSerializer(StrictSerializer):
    """Where a lead came from."""

    channel = Line(required=False, max_length=60, allow_blank=True)
    page_url = Line(required=False, max_length=2000, allow_blank=True)
    referrer = Line(required=False, max_length=2000, allow_blank=True)
    utm = UtmSerializer(required=False)


class ConsentSerializer(StrictSerializer):
    """What a person agreed to or withdrew."""

    purpose = serializers.RegexField(
        r"^[a-z][a-z0-9_]{0,63}$",
        error_messages={"invalid": "Use lower-case letters, digits and _, such as email_marketing."},
    )
    granted = YesNo()
    wording = Text(max_length=4000)
    version = Line(max_length=40)
    at = Moment(required=False)
    channel = Line(required=False, max_length=60, allow_blank=True)
    locale = serializers.RegexField(
        r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$",
        required=False,
        max_length=35,
        error_messages={"invalid": "Use a language tag such as de or pt-BR."},
    )


class LeadCaptureSerializer(StrictSerializer):
    """A lead as a chatbot tells it; at least one of e-mail, phone and reference."""

    json_schema = {
        "anyOf": [
            {"required": [name], "properties": {name: {"minLength": 1}}} for name in ("email", "phone", "reference")
        ]
    }

    email = EmailField(required=False, allow_blank=True, max_length=254)
    phone = PhoneField(required=False, allow_blank=True, max_length=40)
    reference = Line(required=False, allow_blank=True, max_length=120)
    first_name = Line(required=False, allow_blank=True, max_length=100)
    last_name = Line(required=False, allow_blank=True, max_length=100)
    company = Line(required=False, allow_blank=True, max_length=200)
    message = Text(required=False, allow_blank=True, max_length=10_000)
    source = SourceSerializer(required=False)  # type: ignore[assignment]
    attributes = AttributesField(required=False)
    conversation_id = Id(required=False)
    consent = serializers.ListField(child=ConsentSerializer(), required=False, max_length=20)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a lead that nobody could find again."""
        if not (attrs.get("email") or attrs.get("phone") or attrs.get("reference")):
            raise serializers.ValidationError(
                {"email": "Give at least one of email, phone and reference: it says who the lead is."}
            )
        return attrs


_CAPTURE = LeadCaptureSerializer()


def read_lead(body: Any) -> LeadData:
    """Return a lead that was sent, validated. Raises: ValidationError.

    One serializer serves all requests: it keeps no state of what it validates, and building its fields anew takes a
    fifth of a capture.
    """
    values = dict(_CAPTURE.run_validation(body))
    consent = tuple(ConsentGiven(**given) for given in values.pop("consent", ()))
    return LeadData(consent=consent, **values)


class ConsentsSerializer(StrictSerializer):
    """What a known lead agreed to or withdrew."""

    consent = serializers.ListField(child=ConsentSerializer(), min_length=1, max_length=20)


class LeadBatchSerializer(StrictSerializer):
    """Up to 500 leads, each as in a single capture."""

    leads = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=500)


def capture_answer(lead: Lead, created: bool, deliveries: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """Return the answer to a capture; `deliveries` are `(connector's name, operation, state)`."""
    return {
        "id": str(lead.pk),
        "created": created,
        "possible_duplicate": lead.possible_duplicate,
        "deliveries": [
            {"connector": connector, "operation": operation, "state": state}
            for connector, operation, state in deliveries
        ],
    }


def lead_answer(lead: Lead, references: list[str], deliveries: list[Delivery]) -> dict[str, Any]:
    """Return a lead with what became of it at each connector."""
    return {
        "id": str(lead.pk),
        "email": lead.email or None,
        "phone": lead.phone or None,
        "reference": references[0] if references else None,
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "company": lead.company,
        "attributes": lead.attributes,
        "source": lead.source,
        "possible_duplicate": lead.possible_duplicate,
        "created_at": lead.created_at.isoformat(),
        "updated_at": lead.updated_at.isoformat(),
        "deliveries": [
            {
                "connector": row.connector.name,
                "operation": row.operation,
                "state": row.state,
                "external_id": row.external_id or None,
                "tries": row.tries,
                "explanation": explain(row),
                "next_try_at": row.due_at.isoformat() if row.state == Delivery.State.WAITING else None,
            }
            for row in deliveries
        ],
    }
