"""Rows for tests."""

from datetime import timedelta

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from engine.models import Conversation, Example, Faq, Intent, Slot
from gateway.models import Client, Key, User
from integrations.models import Connector, Credential, Delivery, MappingVersion
from leads.models import Lead
from runtime import secrets
from webhooks.models import InboundEvent, Source


def rule(about: str, *values: str, test: str = "any_of") -> dict[str, object]:
    """Return a rule of a connector's filter as it is stored; without values, that it is given."""
    return {"about": about, "test": test if values else "given", "values": list(values)}


class UserFactory(DjangoModelFactory):
    username = factory.Sequence(lambda n: f"person{n}")
    is_staff = True
    is_superuser = True

    class Meta:
        model = User


class ClientFactory(DjangoModelFactory):
    name = factory.Sequence(lambda n: f"Bot {n}")
    client_type = Client.CLIENT_CONFIDENTIAL
    authorization_grant_type = Client.GRANT_CLIENT_CREDENTIALS

    class Meta:
        model = Client


class KeyFactory(DjangoModelFactory):
    """A key row whose text nobody knows; use gateway.services.key_create for one that can be used."""

    client = factory.SubFactory(ClientFactory)
    prefix = "sb_sk_test"
    digest = factory.Sequence(lambda n: f"{n:064d}")
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=90))

    class Meta:
        model = Key


class CredentialFactory(DjangoModelFactory):
    name = factory.Sequence(lambda n: f"credential {n}")
    provider = "hubspot"
    host = ""
    sealed = factory.LazyFunction(lambda: secrets.seal({"api_key": "pat-sandbox-hubspot"}))
    sealed_with = factory.LazyFunction(secrets.current_key_id)

    class Meta:
        model = Credential


class ConnectorFactory(DjangoModelFactory):
    name = factory.Sequence(lambda n: f"CRM {n}")
    provider = "hubspot"
    base_url = "http://127.0.0.1:9/hubspot"
    credential = factory.SubFactory(CredentialFactory)
    operations = ["upsert"]

    class Meta:
        model = Connector


class MappingVersionFactory(DjangoModelFactory):
    connector = factory.SubFactory(ConnectorFactory)
    number = factory.Sequence(lambda n: n + 1)
    state = "in_use"
    rows = [{"field": "firstname", "source": "first_name"}]

    class Meta:
        model = MappingVersion


class LeadFactory(DjangoModelFactory):
    client = factory.SubFactory(ClientFactory)
    email = factory.Sequence(lambda n: f"lead{n}@example.com")
    identified_by = Lead.IdentifiedBy.EMAIL

    class Meta:
        model = Lead


class DeliveryFactory(DjangoModelFactory):
    connector = factory.SubFactory(ConnectorFactory)
    subject_id = factory.LazyFunction(lambda: LeadFactory().pk)
    operation = "upsert"

    class Meta:
        model = Delivery


class IntentFactory(DjangoModelFactory):
    name = factory.Sequence(lambda n: f"intent-{n}")
    label = factory.Sequence(lambda n: f"Intent {n}")
    action = Intent.Action.TEXT

    class Meta:
        model = Intent


class ExampleFactory(DjangoModelFactory):
    intent = factory.SubFactory(IntentFactory)

    class Meta:
        model = Example


class SlotFactory(DjangoModelFactory):
    intent = factory.SubFactory(IntentFactory)

    class Meta:
        model = Slot


class FaqFactory(DjangoModelFactory):
    class Meta:
        model = Faq


class ConversationFactory(DjangoModelFactory):
    client = factory.SubFactory(ClientFactory)

    class Meta:
        model = Conversation


class SourceFactory(DjangoModelFactory):
    name = factory.Sequence(lambda n: f"source {n}")
    token_digest = factory.Sequence(lambda n: f"{n:064d}")

    class Meta:
        model = Source


class InboundEventFactory(DjangoModelFactory):
    source = factory.SubFactory(SourceFactory)
    dedupe_key = factory.Sequence(lambda n: f"event-{n}")
    body = "{}"

    class Meta:
        model = InboundEvent
