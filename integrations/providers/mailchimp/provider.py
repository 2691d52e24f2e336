"""Mailchimp: members of one audience.

Members are written one by one: the batch call would set the status of those who are known, and so subscribe people
again who had left.
Source: https://mailchimp.com/developer/marketing/api/ (3.0); ten calls at once for one account.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms

from integrations.providers.base import (
    Acknowledgement,
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
from integrations.providers.errors import Misconfigured, Refused
from integrations.providers.mailchimp import events
from integrations.providers.mailchimp.members import (
    member,
    member_hash,
    merge_fields,
    missing_tag,
    raise_for,
    vendor_fields,
)
from integrations.providers.signatures import check_address
from integrations.providers.subscribing import (
    LEFT_THERE,
    LIST_ID,
    NO_EMAIL,
    SubscriptionForm,
    agreed_since,
    each,
    ended,
    is_sure,
    list_id,
    put_aside,
)
from integrations.providers.values import moment

_DATA_CENTRE = re.compile(r"-([a-z]{2,4}[0-9]{1,3})\Z")


class MailchimpForm(SubscriptionForm):
    """What a Mailchimp connector must be told."""

    list_id = forms.RegexField(
        LIST_ID, label="Audience", help_text="Its id, under Audience → Settings, such as 3f2a91bc07."
    )
    tags = forms.CharField(required=False, max_length=300, help_text="For those who agree, separated by commas.")


class Mailchimp(Provider, ContactSink, SubscriberSink, ContactEraser, SchemaSource, EventSource):
    """Writes members by the hash of their address, with an API key that tells where the account is."""

    key = "mailchimp"
    name = "Mailchimp"
    docs_url = "https://mailchimp.com/developer/marketing/api/"
    api_version = "3.0"
    auth = "basic"
    knows_home = True
    config_form: ClassVar[type[forms.Form]] = MailchimpForm
    identifiers = ("email",)
    effect = "upsert"
    max_in_flight = 8
    default_mapping = {"FNAME": "first_name", "LNAME": "last_name"}
    acknowledgement = Acknowledgement(status=200)
    proof = "address"
    event_steps = (
        "Open Audience → Settings → Webhooks and create one with the address as callback URL.",
        "Tick subscribes, unsubscribes, profile updates, cleaned addresses and email changed.",
        "Tick changes by a subscriber and by an account admin. Those via the API are our own: leave them out.",
    )

    @classmethod
    def home(cls, key: str) -> str:
        """Return the address of the data centre that stands after a key's hyphen."""
        centre = _DATA_CENTRE.search(key.strip())
        return f"https://{centre[1]}.api.mailchimp.com" if centre else ""

    def check(self) -> Check:
        """Read the audience."""
        reply = self.session.request("GET", self._list(), purpose="check", params={"fields": "id,name"})
        if reply.status == 404:
            raise Misconfigured("Mailchimp has no audience of this id.", status=404)
        raise_for(reply)
        answer = reply.json()
        name = answer.get("name") if isinstance(answer, dict) else None
        return Check(ok=True, words=f"Connected to the Mailchimp audience “{name or 'without a name'}”.")

    def fields(self) -> list[VendorField]:
        """Read every merge field of the audience."""
        path, params = f"{self._list()}/merge-fields", {"count": "1000"}
        reply = self.session.request("GET", path, purpose="fields", params=params, max_bytes=16_000_000)
        raise_for(reply)
        return vendor_fields(reply.json())

    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Create or update members; who is new gets no marketing until they agree."""
        return each(contacts, self._upsert)

    def _upsert(self, contact: Contact) -> Outcome:
        sent = merge_fields(contact)
        held = self._put(contact, "transactional", sent)
        if tag := missing_tag(sent, held):
            return Outcome.rejected("unknown_field", f"The audience has no merge field {tag}.", tag)
        return Outcome.delivered(str(held["id"]))

    def subscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Subscribe those who agreed; who didn't confirm, or has left and agreed again since, is asked by mail."""
        return each(contacts, self._subscribe)

    def _subscribe(self, contact: Contact) -> Outcome:
        held = self._read(contact)
        status = held["status"] if held else ""
        if status == "cleaned":
            return put_aside(self.name)
        if status == "unsubscribed":
            outcome = self._ask_back(contact, held or {})
        elif status == "subscribed" or (status == "pending" and not is_sure(contact, self.config)):
            outcome = Outcome.delivered(str(held["id"]) if held else "")
        else:
            outcome = self._set(
                contact, "subscribed" if is_sure(contact, self.config) else "pending", is_new=held is None
            )
        if outcome.kind == "delivered":
            self._tag(contact)
        return outcome

    def _ask_back(self, contact: Contact, held: Mapping[str, Any]) -> Outcome:
        """Ask by mail somebody who had left, if they agreed after that."""
        if not agreed_since(contact, moment(held.get("last_changed"))):
            return Outcome.rejected(LEFT_THERE)
        return self._set(contact, "pending", is_new=False)

    def _set(self, contact: Contact, status: str, *, is_new: bool) -> Outcome:
        """Give a member a status; where only they themselves can come back, ask them by mail, once."""
        try:
            held = self._put(contact, status, {}) if is_new else self._patch(contact, status)
        except Refused as refused:
            if refused.code != LEFT_THERE or status == "pending":
                raise
            held = self._put(contact, "pending", {}) if is_new else self._patch(contact, "pending")
        return Outcome.delivered(str(held["id"]))

    def unsubscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Unsubscribe those who withdrew; who isn't a member needs nothing."""
        return each(contacts, self._unsubscribe)

    def _unsubscribe(self, contact: Contact) -> Outcome:
        body = {"status": "unsubscribed"}
        reply = self.session.request("PATCH", self._member(contact), purpose="unsubscribe", json=body)
        return ended(reply, raise_for)

    def erase(self, contact: Contact) -> Outcome:
        """Delete a member for good: Mailchimp then doesn't take the address back by API either."""
        if not contact.email:
            return NO_EMAIL
        path = f"{self._member(contact)}/actions/delete-permanent"
        return ended(self.session.request("POST", path, purpose="erase"), raise_for)

    def _tag(self, contact: Contact) -> None:
        names = [name.strip() for name in str(self.config.get("tags") or "").split(",") if name.strip()]
        if names:
            body = {"tags": [{"name": name, "status": "active"} for name in names]}
            raise_for(self.session.request("POST", f"{self._member(contact)}/tags", purpose="tag", json=body))

    def _put(self, contact: Contact, status_if_new: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        body = {"email_address": contact.email, "status_if_new": status_if_new, "merge_fields": dict(fields)}
        reply = self.session.request("PUT", self._member(contact), purpose="write", json=body)
        raise_for(reply)
        return member(reply.json())

    def _patch(self, contact: Contact, status: str) -> Mapping[str, Any]:
        reply = self.session.request("PATCH", self._member(contact), purpose="subscribe", json={"status": status})
        raise_for(reply)
        return member(reply.json())

    def _read(self, contact: Contact) -> Mapping[str, Any] | None:
        reply = self.session.request("GET", self._member(contact), purpose="read")
        if reply.status == 404:
            return None
        raise_for(reply)
        return member(reply.json())

    def _list(self) -> str:
        return f"/3.0/lists/{list_id(self.config, 'audience')}"

    def _member(self, contact: Contact) -> str:
        return f"{self._list()}/members/{member_hash(contact.email)}"

    def is_probe(self, received: Received) -> bool:
        """Tell whether Mailchimp looks for the address, which it does by GET before it takes it."""
        return received.method == "GET"

    def verify(self, received: Received, secrets: Sequence[str]) -> None:
        """Check that it came to the secret address; Mailchimp signs nothing."""
        check_address(received.url, secrets)

    def parse(self, received: Received) -> list[VendorEvent]:
        """Return what happened to a member of the audience."""
        return events.parse(received, str(self.config.get("list_id") or ""))
