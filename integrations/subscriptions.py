"""Whether a lead gets marketing: the consent in force decides whether to subscribe, to take back, or to do nothing."""

from collections.abc import Sequence
from dataclasses import replace

from integrations.models import Connector
from integrations.providers.base import Contact, Outcome, SubscriberSink
from integrations.providers.registry import class_of

SUBSCRIBE = "subscribe"
NO_CONSENT = "no_consent"


def purpose_of(connector: Connector) -> str:
    """Return the purpose that a connector's subscriptions are for."""
    return str(connector.config.get("purpose") or class_of(connector).subscription_purpose)


def with_statement(connector: Connector, contact: Contact) -> Contact:
    """Return the contact with what they said about the connector's purpose; None where they said nothing."""
    return replace(contact, statement=contact.statements.get(purpose_of(connector)))


def is_undecided(connector: Connector, operation: str, contact: Contact) -> bool:
    """Tell whether a subscription is asked for and the lead has said neither yes nor no."""
    return operation == SUBSCRIBE and purpose_of(connector) not in contact.statements


def follow_consent(provider: SubscriberSink, contacts: Sequence[Contact]) -> list[Outcome]:
    """Subscribe those who agree and take back the others; one outcome each, in order.

    Raises: errors.ProviderError.
    """
    agreed = [contact for contact in contacts if contact.statement and contact.statement.granted]
    others = [contact for contact in contacts if not (contact.statement and contact.statement.granted)]
    became: dict[str, Outcome] = {}
    for group, call in ((others, provider.unsubscribe), (agreed, provider.subscribe)):
        if group:
            became |= dict(zip((contact.id for contact in group), call(group), strict=True))
    return [became[contact.id] for contact in contacts]
