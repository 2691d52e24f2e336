"""Brevo: contacts, and subscriptions to one of its lists.

Source: https://developers.brevo.com/reference (API v3), https://developers.brevo.com/docs/api-limits.
"""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from django import forms

from integrations.providers.base import (
    Check,
    Contact,
    ContactEraser,
    ContactSink,
    EventSource,
    Outcome,
    Provider,
    Received,
    SchemaSource,
    SubscriberSink,
    VendorEvent,
    VendorField,
)
from integrations.providers.brevo import events
from integrations.providers.brevo.contacts import attributes, ignored, is_unsubscribed, raise_for, vendor_fields
from integrations.providers.errors import RetryLater
from integrations.providers.signatures import check_token
from integrations.providers.subscribing import LEFT_THERE, NO_EMAIL, NO_LIST, SubscriptionForm, each, ended, is_sure

_CONTACTS = "/v3/contacts"


class BrevoForm(SubscriptionForm):
    """What a Brevo connector may be told."""

    list_id = forms.IntegerField(
        required=False, min_value=1, label="List", help_text="The number of the list for those who agree."
    )
    template_id = forms.IntegerField(
        required=False,
        min_value=1,
        label="Double opt-in template",
        help_text="The number of the mail that asks for a confirmation; needed for consents from public forms.",
    )
    redirect_url = forms.URLField(
        required=False,
        assume_scheme="https",
        label="Page after the confirmation",
        help_text="Where people get to when they have confirmed.",
    )


class Brevo(Provider, ContactSink, SubscriberSink, ContactEraser, SchemaSource, EventSource):
    """Writes contacts by e-mail, one in each request, with an API key."""

    key = "brevo"
    name = "Brevo"
    docs_url = "https://developers.brevo.com/reference"
    api_version = "v3"
    auth = "header"
    auth_name = "api-key"
    default_base_url = "https://api.brevo.com"
    config_form: ClassVar[type[forms.Form]] = BrevoForm
    identifiers = ("email",)
    effect = "upsert"
    quota = (10, 1.0)  # of /contacts; most other endpoints allow a hundred an hour.
    max_in_flight = 3
    default_mapping = {"FIRSTNAME": "first_name", "LASTNAME": "last_name"}
    proof = "ours"
    proof_words = f"Enter it as the webhook’s token (or as password, or as a header {events.HEADER})."
    event_steps = (
        "Open Contacts → Settings → Webhooks (or call POST /v3/webhooks with type “marketing”) and enter the address.",
        "Choose unsubscribed, marked as spam, contact updated, contact deleted, contact added to list.",
    )

    def check(self) -> Check:
        """Read the attributes of contacts, which needs the right that everything else needs."""
        count = len(self.fields())
        return Check(ok=True, words=f"Connected to Brevo; it has {count} contact attributes.")

    def fields(self) -> list[VendorField]:
        """Read every attribute of contacts, the company's own among them."""
        reply = self.session.request("GET", f"{_CONTACTS}/attributes", purpose="fields", max_bytes=16_000_000)
        raise_for(reply)
        return vendor_fields(reply.json())

    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Create or update contacts. Brevo drops attributes it doesn't know without a word, so each is read back."""
        return each(contacts, self._upsert)

    def _upsert(self, contact: Contact) -> Outcome:
        sent = attributes(contact)
        external_id = self._write(contact, attributes=sent)
        if not sent:
            return Outcome.delivered(external_id)
        held = self._read(contact)
        if held is None:
            raise RetryLater("The contact isn't there yet.", code="garbled_reply")
        if missing := ignored(sent, held):
            return Outcome.rejected("unknown_field", f"Brevo ignored {missing[0]}.", missing[0])
        return Outcome.delivered(external_id or str(held.get("id") or ""))

    def subscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Put those who agreed on the list; who unsubscribed there, or didn't confirm, is asked by mail first."""
        return each(contacts, self._subscribe)

    def _subscribe(self, contact: Contact) -> Outcome:
        list_id = self.config.get("list_id")
        if not list_id:
            return NO_LIST
        has_left = is_unsubscribed(self._read(contact))
        if is_sure(contact, self.config) and not has_left:
            return Outcome.delivered(self._write(contact, listIds=[int(list_id)]))
        template_id, page = self.config.get("template_id"), self.config.get("redirect_url")
        if not (template_id and page):
            return Outcome.rejected(LEFT_THERE if has_left else "needs_double_opt_in")
        body = {
            "email": contact.email,
            "includeListIds": [int(list_id)],
            "templateId": int(template_id),
            "redirectionUrl": str(page),
        }
        reply = self.session.request("POST", f"{_CONTACTS}/doubleOptinConfirmation", purpose="subscribe", json=body)
        raise_for(reply)
        return Outcome.delivered()

    def unsubscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Send no marketing any more to those who withdrew; who isn't known there needs nothing."""
        return each(contacts, self._unsubscribe)

    def _unsubscribe(self, contact: Contact) -> Outcome:
        body = {"emailBlacklisted": True}
        reply = self.session.request("PUT", _path(contact), purpose="unsubscribe", json=body)
        return ended(reply, raise_for)

    def erase(self, contact: Contact) -> Outcome:
        """Delete a contact."""
        if not contact.email:
            return NO_EMAIL
        return ended(self.session.request("DELETE", _path(contact), purpose="erase"), raise_for)

    def _write(self, contact: Contact, **values: Any) -> str:
        """Create or update one contact; returns its id where it is new."""
        body = {"email": contact.email, "updateEnabled": True, **values}
        reply = self.session.request("POST", _CONTACTS, purpose="write", json=body)
        raise_for(reply)
        if reply.status == 204:
            return ""
        answer = reply.json()
        number = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(number, int):
            raise RetryLater("The answer held no id.", code="garbled_reply", status=reply.status)
        return str(number)

    def _read(self, contact: Contact) -> dict[str, Any] | None:
        reply = self.session.request("GET", _path(contact), purpose="read")
        if reply.status == 404:
            return None
        raise_for(reply)
        answer = reply.json()
        if not isinstance(answer, dict) or "email" not in answer:
            raise RetryLater("The answer was not a contact.", code="garbled_reply", status=reply.status)
        return answer

    def verify(self, received: Received, secrets: Sequence[str]) -> None:
        """Check the token, password or header that the webhook was given."""
        check_token(events.given_secret(received), secrets)

    def parse(self, received: Received) -> list[VendorEvent]:
        """Return what happened to contacts."""
        return events.parse(received)


def _path(contact: Contact) -> str:
    return f"{_CONTACTS}/{quote(contact.email, safe='')}"
