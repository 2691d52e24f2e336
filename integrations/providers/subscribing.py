"""What vendors of newsletters share: whom they are told by address alone, and whose consent is sure. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms

from integrations.providers.base import Contact, Outcome

LEFT_THERE = "unsubscribed_there"
"""The reason where somebody has left at the vendor, so that only they themselves can come back."""
NO_EMAIL = Outcome.rejected("no_identifier", "It needs an e-mail address there.", "email")


class SubscriptionForm(forms.Form):
    """What every connector that subscribes may be told."""

    always_confirm = forms.BooleanField(required=False, help_text="Ask everybody for a confirmation by mail.")
    purpose = forms.CharField(required=False, max_length=64, help_text="The consent it takes; empty: email_marketing.")


def each(contacts: Sequence[Contact], call: Callable[[Contact], Outcome]) -> list[Outcome]:
    """Return what becomes of each contact; one without an address is not asked about."""
    return [call(contact) if contact.email else NO_EMAIL for contact in contacts]


def is_sure(contact: Contact, config: Mapping[str, Any]) -> bool:
    """Tell whether somebody may be subscribed without a mail that they have to confirm."""
    is_confirmed = contact.statement is not None and contact.statement.is_confirmed
    return is_confirmed and not config.get("always_confirm")


def agreed_since(contact: Contact, left_at: datetime | None) -> bool:
    """Tell whether somebody has agreed after they had left; without knowing when that was, they haven't."""
    return contact.statement is not None and left_at is not None and contact.statement.at > left_at
