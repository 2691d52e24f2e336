"""The shapes of answers about leads, for the OpenAPI document; views build the answers directly, which is faster."""

from typing import Any

from rest_framework import serializers

from integrations.models import Delivery
from leads.models import Erasure


class DeliveryBrief(serializers.Serializer[Any]):
    """Where a lead stands at one connector."""

    connector = serializers.CharField()
    operation = serializers.CharField()
    state = serializers.ChoiceField(choices=Delivery.State.choices)


class DeliveryDetail(DeliveryBrief):
    """The same with the vendor's id and the reason."""

    external_id = serializers.CharField(allow_null=True)
    tries = serializers.IntegerField()
    explanation = serializers.CharField()
    next_try_at = serializers.DateTimeField(allow_null=True)


class CaptureAnswer(serializers.Serializer[Any]):
    """The answer to a capture; a publishable key gets the opaque `id` alone."""

    id = serializers.UUIDField()
    created = serializers.BooleanField(required=False)
    possible_duplicate = serializers.BooleanField(required=False)
    deliveries = DeliveryBrief(many=True, required=False)


class FieldError(serializers.Serializer[Any]):
    """What is wrong with one field."""

    field = serializers.CharField()
    message = serializers.CharField()


class LeadBatchResult(CaptureAnswer):
    """What became of one lead of a batch, in the order they were sent: 201, 200, or 400 with `errors`."""

    status = serializers.IntegerField()
    id = serializers.UUIDField(required=False)
    errors = FieldError(many=True, required=False)  # type: ignore[assignment]


class LeadBatchAnswer(serializers.Serializer[Any]):
    """The answer to a batch."""

    results = LeadBatchResult(many=True)


class LeadAnswer(serializers.Serializer[Any]):
    """A lead and its deliveries."""

    id = serializers.UUIDField()
    email = serializers.EmailField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    reference = serializers.CharField(allow_null=True)
    first_name = serializers.CharField(allow_blank=True)
    last_name = serializers.CharField(allow_blank=True)
    company = serializers.CharField(allow_blank=True)
    attributes = serializers.DictField()
    source = serializers.DictField()  # type: ignore[assignment]
    possible_duplicate = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    deliveries = DeliveryDetail(many=True)


class LeadListAnswer(serializers.Serializer[Any]):
    """A page of leads, those changed longest ago first."""

    results = LeadAnswer(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Sends you on to the next page; null at the end.")


class ConsentInForce(serializers.Serializer[Any]):
    """The newest statement about a purpose."""

    purpose = serializers.CharField()
    granted = serializers.BooleanField()
    is_confirmed = serializers.BooleanField()
    version = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class ConsentsAnswer(serializers.Serializer[Any]):
    """What a lead agrees to, and where it stands at each connector."""

    id = serializers.UUIDField()
    consents = ConsentInForce(many=True)
    deliveries = DeliveryBrief(many=True)


class ErasedAt(serializers.Serializer[Any]):
    """How one connected system's erasure stands."""

    connector = serializers.CharField()
    state = serializers.ChoiceField(choices=Delivery.State.choices)
    at = serializers.CharField(allow_blank=True)
    words = serializers.CharField(allow_blank=True)


class CertificateAnswer(serializers.Serializer[Any]):
    """An erasure: `erased` counts what went here by kind; `remains` says at the end what could not be erased."""

    id = serializers.UUIDField()
    lead = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Erasure.State.choices)
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    erased = serializers.DictField(child=serializers.IntegerField())
    connectors = ErasedAt(many=True)
    remains = serializers.ListField(child=serializers.CharField())
