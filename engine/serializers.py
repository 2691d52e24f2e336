"""What the engine's part of the API takes and gives."""

from typing import Any

from rest_framework import serializers

from engine import slots
from engine.models import Turn
from gateway.api import StrictSerializer
from gateway.fields import Id, Text, WholeNumber, YesNo

MOST_FAQS = 100


class Email(Text):
    """An e-mail address, in the form in which addresses are compared."""

    json_schema = {"format": "email"}

    def read(self, text: str) -> str:
        email = slots.email_or_nothing(text)
        if not email:
            raise serializers.ValidationError("This is not an e-mail address.")
        return email


class CustomerSerializer(StrictSerializer):
    """Who is asking, as the chatbot's own server says."""

    email = Email(max_length=254, required=False)
    phone = Text(max_length=40, required=False)
    reference = Text(max_length=200, required=False)


class QuerySerializer(StrictSerializer):
    """A question."""

    prompt = Text(max_length=slots.MOST_CHARACTERS, help_text="What the person typed.")
    conversation_id = Id(required=False, allow_null=True, help_text="From the answer before.")
    customer = CustomerSerializer(required=False, allow_null=True)
    deadline_ms = WholeNumber(min_value=100, max_value=10_000, default=3_000)
    explain = YesNo(default=False, help_text="Adds how the intent was chosen.")


class OrderLookupSerializer(StrictSerializer):
    """An order, and what proves whose it is."""

    json_schema = {"anyOf": [{"required": ["email"]}, {"required": ["phone"]}]}

    number = Text(max_length=slots.LONGEST_VALUE)
    email = Email(max_length=254, required=False)
    phone = Text(max_length=40, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("email") and not attrs.get("phone"):
            raise serializers.ValidationError({"email": ["Send the e-mail address or the phone number of the order."]})
        return attrs


class FaqSearchSerializer(StrictSerializer):
    """What to look for among the FAQs; nothing lists them all."""

    search = serializers.CharField(max_length=slots.MOST_CHARACTERS, required=False, allow_blank=True, default="")
    limit = serializers.IntegerField(min_value=1, max_value=MOST_FAQS, default=20)


class FactSerializer(serializers.Serializer[Any]):
    """A fact with its receipt."""

    name = serializers.CharField()
    value = serializers.JSONField()
    source = serializers.CharField(help_text="The connector, or FAQ.")  # type: ignore[assignment]
    record_id = serializers.CharField()
    fetched_at = serializers.DateTimeField()
    age_seconds = serializers.FloatField()
    cache = serializers.ChoiceField(["hit", "miss", "stale"])


class MissingSerializer(serializers.Serializer[Any]):
    """Something that must be known first, and the question that asks for it."""

    slot = serializers.CharField()
    prompt = serializers.CharField()


class SuggestionSerializer(serializers.Serializer[Any]):
    """Something that may have been meant."""

    intent = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class AnswerSerializer(serializers.Serializer[Any]):
    """The answer to a question."""

    state = serializers.ChoiceField(Turn.State.values)
    answer = serializers.CharField(help_text="Plain text: escape it before it goes into a page.")
    intent = serializers.CharField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True, help_text="0 to 1; null where the conversation just went on.")
    missing = MissingSerializer(many=True)
    suggestions = SuggestionSerializer(many=True)
    facts = FactSerializer(many=True)
    conversation_id = serializers.UUIDField(
        allow_null=True, help_text="Send it with what the person says next; null where nothing was begun."
    )
    request_id = serializers.CharField()
    explanation = serializers.JSONField(required=False)


class FactsSerializer(serializers.Serializer[Any]):
    """Something looked up, fact by fact."""

    facts = FactSerializer(many=True)


class FaqSerializer(serializers.Serializer[Any]):
    """A question people ask often, and its answer."""

    id = serializers.IntegerField()
    question = serializers.CharField()
    answer = serializers.CharField()


class FaqsSerializer(serializers.Serializer[Any]):
    """The FAQs that were found, the likeliest first."""

    results = FaqSerializer(many=True)
