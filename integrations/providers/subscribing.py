"""What vendors of newsletters share: whom they are told by address alone, and whose consent is sure. Pure."""

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms

from integrations.providers.base import Contact, Outcome, Reply, SubscriberSink
from integrations.providers.errors import Misconfigured, ProviderError

LEFT_THERE = "unsubscribed_there"
"""The reason where somebody has left at the vendor, so that only they themselves can come back."""
NO_EMAIL = Outcome.rejected("no_identifier", "It needs an e-mail address there.", "email")
NO_LIST = Outcome.rejected("misconfigured", "Enter the list on the connector.")
_MOST_IN_TURN = 100
LIST_ID = re.compile(r"\A[A-Za-z0-9]{1,32}\Z")


class SubscriptionForm(forms.Form):
    """What every connector that subscribes may be told."""

    always_confirm = forms.BooleanField(required=False, help_text="Ask everybody for a confirmation by mail.")
    purpose = forms.CharField(required=False, max_length=64, help_text="The consent it takes; empty: email_marketing.")


class EachSubscriber(SubscriberSink):
    """Subscribes and unsubscribes people one by one; who has no address is not asked about."""

    def subscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        return each(contacts, self._subscribe)

    def unsubscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        return each(contacts, self._unsubscribe)

    @abstractmethod
    def _subscribe(self, contact: Contact) -> Outcome:
        """Subscribe one who agreed, as `subscribe` says."""

    @abstractmethod
    def _unsubscribe(self, contact: Contact) -> Outcome:
        """Stop marketing to one who withdrew."""


def each(contacts: Sequence[Contact], call: Callable[[Contact], Outcome]) -> list[Outcome]:
    """Return what becomes of each contact; one without an address is not asked about.

    What is done stays done: where one fails after others, it and those that follow are unsent, and it comes first next
    time. Raised for all, the error would have the mails that ask for a confirmation sent twice. What is beyond the
    hundredth is unsent as well, so that no call goes on for minutes.
    Raises: what `call` does for the first.
    """
    outcomes: list[Outcome] = []
    for contact in contacts[:_MOST_IN_TURN]:
        try:
            outcomes.append(call(contact) if contact.email else NO_EMAIL)
        except ProviderError:
            if not outcomes:
                raise
            break
    return outcomes + [Outcome.unsent()] * (len(contacts) - len(outcomes))


def is_sure(contact: Contact, config: Mapping[str, Any]) -> bool:
    """Tell whether somebody may be subscribed without a mail that they have to confirm."""
    is_confirmed = contact.statement is not None and contact.statement.is_confirmed
    return is_confirmed and not config.get("always_confirm")


def agreed_since(contact: Contact, left_at: datetime | None) -> bool:
    """Tell whether somebody has agreed after they had left; without knowing when that was, they haven't."""
    return contact.statement is not None and left_at is not None and contact.statement.at > left_at


def list_id(config: Mapping[str, Any], called: str) -> str:
    """Return the id of the connector's list, which goes into addresses. Raises: Misconfigured where it is none."""
    id = str(config.get("list_id") or "")
    if not LIST_ID.match(id):
        raise Misconfigured(f"Enter the id of the {called} on the connector.")
    return id


def ended(reply: Reply, raise_for: Callable[[Reply], None]) -> Outcome:
    """Return that somebody is erased or unsubscribed, who isn't known there too. Raises: what `raise_for` does."""
    if reply.status != 404:
        raise_for(reply)
    return Outcome.delivered()


def put_aside(vendor: str) -> Outcome:
    """Return why somebody whose mails bounce is not subscribed."""
    return Outcome.rejected("refused", f"Mails to this address bounce, so {vendor} has put it aside.")
