"""Salesforce: leads or contacts, found by our id in a field of the company's own.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/ (REST API, sObject Collections),
https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flows.htm.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from django import forms

from integrations.providers.base import (
    Check,
    Contact,
    ContactEraser,
    ContactSink,
    EventSource,
    Limits,
    OAuth,
    Outcome,
    Provider,
    Received,
    Reply,
    SchemaSource,
    VendorEvent,
    VendorField,
)
from integrations.providers.errors import Misconfigured
from integrations.providers.salesforce import events
from integrations.providers.salesforce.problems import DUPLICATES, Problem, raise_for
from integrations.providers.salesforce.records import (
    collection,
    described,
    found_ids,
    limits,
    record,
    results,
    vendor_field,
)

_VERSION = "62.0"
_FIELD = "ShopBotly_Id__c"


class SalesforceForm(forms.Form):
    """What a Salesforce connector may be told."""

    kind = forms.ChoiceField(
        required=False, label="People become", choices=[("Lead", "Leads"), ("Contact", "Contacts")], initial="Lead"
    )
    external_id_field = forms.RegexField(
        r"^[A-Za-z][A-Za-z0-9_]{0,39}$",
        required=False,
        label="Field for our id",
        help_text=f"Its API name; a text field, “External ID” and “Unique” ticked. Empty: {_FIELD}.",
    )
    version = forms.RegexField(
        r"^[0-9]{2,3}\.0$", required=False, label="API version", help_text=f"Such as 62.0. Empty: {_VERSION}."
    )
    organisation = forms.RegexField(
        r"^00D[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$",
        required=False,
        label="Organisation’s id",
        help_text="Needed for outbound messages: Setup → Company Information, such as 00D5g000004K3vq.",
    )


class Salesforce(Provider, ContactSink, ContactEraser, SchemaSource, EventSource):
    """Writes leads (or contacts) by an external id, two hundred in one request."""

    key = "salesforce"
    name = "Salesforce"
    docs_url = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/"
    api_version = "REST"
    sign_ins = ("client_credentials", "authorization_code", "jwt_bearer")
    oauth = OAuth(
        token_path="/services/oauth2/token",  # noqa: S106 (an address)
        authorize_url="/services/oauth2/authorize",
        scopes="api refresh_token",
        audience="https://login.salesforce.com",
    )
    config_form: ClassVar[type[forms.Form]] = SalesforceForm
    # What it is found by is our id, so anybody can be told.
    identifiers = ("email", "phone", "last_name", "reference")
    effect = "upsert"
    batch_size = 200
    max_in_flight = 3
    default_mapping = {
        # Both are required there; this is what Salesforce itself writes where nothing is known.
        "LastName": "last_name || first_name || email || phone || '[not provided]'",
        "Company": "company || '[not provided]'",
        "FirstName": "first_name",
        "Email": "email",
        "Phone": "phone",
        "Description": "message",
    }
    acknowledgement = events.ACK
    proof = "address"
    event_steps = (
        "Enter the organisation’s id on this connector; only messages that name it are taken.",
        "In Setup, add an outbound message for Lead (or Contact) with the address as endpoint URL. Choose the fields"
        " Id, Email, HasOptedOutOfEmail, IsDeleted and SystemModstamp; don’t send the session id.",
        "Have a flow or a workflow rule send it whenever such a record is created or changed.",
        "Under “Only from”, enter the addresses Salesforce sends from, as its help lists them: it signs nothing.",
    )

    @classmethod
    def limits(cls, reply: Reply) -> Limits | None:
        """Return how many calls the organisation has left today."""
        return limits(reply)

    def check(self) -> Check:
        """Read what the object has, and that our id has a field there."""
        found = {str(item["name"]): item for item in self._described()}
        if found.get(self._external_id, {}).get("externalId") is not True:
            raise Misconfigured(
                f"{self._kind} has no external id field {self._external_id}. Add a custom text field of this name at"
                " Salesforce, with “External ID” and “Unique” ticked, and let the signed-in user see it."
            )
        return Check(ok=True, words=f"Connected to Salesforce; its {self._kind} has {len(found)} fields.")

    def fields(self) -> list[VendorField]:
        """Read every field of the object but the one for our id, which is always written."""
        return [vendor_field(item) for item in self._described() if item["name"] != self._external_id]

    def _described(self) -> list[Mapping[str, Any]]:
        path = f"{self._data}/sobjects/{self._kind}/describe"
        reply = self.session.request("GET", path, purpose="fields", max_bytes=16_000_000)
        raise_for(reply)
        return described(reply.json())

    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Create or update records; one that a duplicate rule holds back is written to the record it matched."""
        reply = self.session.request(
            "PATCH",
            f"{self._data}/composite/sobjects/{self._kind}/{self._external_id}",
            purpose="upsert",
            json=collection(contacts, self._kind, self._external_id),
            items=len(contacts),
            max_bytes=4_000_000,
        )
        raise_for(reply)
        became = results(len(contacts), reply.json())
        return [self._outcome(contact, result) for contact, result in zip(contacts, became, strict=True)]

    def _outcome(self, contact: Contact, result: Outcome | Problem) -> Outcome:
        if isinstance(result, Outcome):
            return result
        if result.code != DUPLICATES:
            return result.outcome()
        record_id = result.match_id or self._match(contact)
        return self._update(contact, record_id) if record_id else result.outcome()

    def _match(self, contact: Contact) -> str:
        """Return the one record with a contact's address; empty where there is none, or several."""
        if not contact.email:
            return ""
        body = {"q": contact.email, "in": "EMAIL", "fields": ["Id", "Email"], "sobjects": [{"name": self._kind}]}
        # A POST: the address of a request is for no address of a person.
        reply = self.session.request("POST", f"{self._data}/parameterizedSearch", purpose="find", json=body)
        raise_for(reply)
        found = found_ids(reply.json(), contact.email)
        return found.pop() if len(found) == 1 else ""

    def _update(self, contact: Contact, record_id: str) -> Outcome:
        path = f"{self._data}/sobjects/{self._kind}/{quote(record_id, safe='')}"
        body = {**record(contact, self._kind), self._external_id: contact.id}
        raise_for(self.session.request("PATCH", path, purpose="update", json=body))
        return Outcome.delivered(record_id)

    def erase(self, contact: Contact) -> Outcome:
        """Delete a record; Salesforce keeps it in its recycle bin for two weeks."""
        is_gone = self._delete(f"{self._external_id}/{quote(contact.id, safe='')}")
        if not is_gone and contact.external_id:
            # Another lead of the same person may have taken the record over.
            self._delete(quote(contact.external_id, safe=""))
        return Outcome.delivered()

    def _delete(self, which: str) -> bool:
        """Delete one record; False where there is none."""
        reply = self.session.request("DELETE", f"{self._data}/sobjects/{self._kind}/{which}", purpose="erase")
        if reply.status != 404:
            raise_for(reply)
        return reply.status != 404

    def verify(self, received: Received, secrets: Sequence[str]) -> None:
        """Check that it came to the secret address and names the organisation; Salesforce signs nothing."""
        events.verify(received, secrets, str(self.config.get("organisation") or ""))

    def parse(self, received: Received) -> list[VendorEvent]:
        """Return what happened to leads and contacts."""
        return events.parse(received)

    @property
    def _kind(self) -> str:
        return "Contact" if self.config.get("kind") == "Contact" else "Lead"

    @property
    def _external_id(self) -> str:
        return str(self.config.get("external_id_field") or _FIELD)

    @property
    def _data(self) -> str:
        return f"/services/data/v{self.config.get('version') or _VERSION}"
