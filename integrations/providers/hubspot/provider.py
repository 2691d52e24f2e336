"""HubSpot: contacts of its CRM.

Source: https://developers.hubspot.com/docs/api-reference (CRM API v3; limits of a private app).
"""

from collections.abc import Sequence
from typing import Any

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
from integrations.providers.hubspot import events
from integrations.providers.hubspot.contacts import batch, outcomes
from integrations.providers.hubspot.limits import limits
from integrations.providers.hubspot.problems import raise_for
from integrations.providers.hubspot.properties import vendor_fields
from integrations.providers.subscribing import NO_EMAIL, ended

_CONTACTS = "/crm/v3/objects/contacts"


class HubSpot(Provider, ContactSink, ContactEraser, EventSource, SchemaSource):
    """Writes contacts by e-mail, a hundred in one request; a private app's token or an OAuth token signs in."""

    key = "hubspot"
    name = "HubSpot"
    docs_url = "https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide"
    api_version = "v3"
    default_base_url = "https://api.hubapi.com"
    sign_ins = ("key", "authorization_code")
    oauth = OAuth(
        token_path="/oauth/v1/token",  # noqa: S106 (an address)
        authorize_url="https://app.hubspot.com/oauth/authorize",
        scopes="oauth crm.objects.contacts.read crm.objects.contacts.write crm.schemas.contacts.read",
    )
    identifiers = ("email",)
    effect = "upsert"
    quota = (100, 10.0)  # Free and Starter; a paid account has 190, and says so in its headers.
    batch_size = 100
    max_in_flight = 3
    default_mapping = {
        "firstname": "first_name",
        "lastname": "last_name",
        "phone": "phone",
        "company": "company",
    }
    proof = "client_secret"
    proof_words = "It is the app’s client secret, under Auth in the app’s settings at HubSpot."
    event_steps = (
        "Open the app that this connector signs in as, and its Webhooks. Enter the address as target URL.",
        "Subscribe to contacts: created, deleted, deleted for privacy, merged, restored.",
        "Subscribe to changes of the property hs_email_optout: it tells who has unsubscribed from all mails.",
    )

    @classmethod
    def limits(cls, reply: Reply) -> Limits | None:
        """Return the account's limits, which every answer to a private app's token tells."""
        return limits(reply)

    def check(self) -> Check:
        """Read the account the token belongs to."""
        reply = self.session.request("GET", "/account-info/v3/details", purpose="check")
        raise_for(reply)
        account: Any = reply.json()
        portal = account.get("portalId") if isinstance(account, dict) else None
        return Check(ok=True, words=f"Connected to the HubSpot account {portal or 'of this token'}.")

    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Create or update contacts; one the answer doesn't mention is `unknown`."""
        keyed = [contact for contact in contacts if contact.email]
        if not keyed:
            return [NO_EMAIL for _ in contacts]
        reply = self.session.request(
            "POST",
            f"{_CONTACTS}/batch/upsert",
            purpose="upsert",
            json=batch(keyed),
            items=len(keyed),
            max_bytes=4_000_000,
        )
        raise_for(reply, items=len(keyed))
        became = dict(zip((contact.id for contact in keyed), outcomes(keyed, reply.json()), strict=True))
        return [became.get(contact.id, NO_EMAIL) for contact in contacts]

    def erase(self, contact: Contact) -> Outcome:
        """Delete a contact for good, with everything HubSpot knows of them."""
        if not contact.email and not contact.external_id:
            return NO_EMAIL
        # By both: the address may have been changed there, and a 204 doesn't tell whether somebody was found.
        if contact.external_id:
            self._erase({"objectId": contact.external_id})
        if contact.email:
            self._erase({"objectId": contact.email, "idProperty": "email"})
        return Outcome.delivered()

    def _erase(self, body: dict[str, str]) -> None:
        ended(self.session.request("POST", f"{_CONTACTS}/gdpr-delete", purpose="erase", json=body), raise_for)

    def fields(self) -> list[VendorField]:
        """Read every property of contacts, the company's own among them."""
        reply = self.session.request("GET", "/crm/v3/properties/contacts", purpose="fields", max_bytes=16_000_000)
        raise_for(reply)
        return vendor_fields(reply.json())

    def verify(self, received: Received, secrets: Sequence[str]) -> None:
        """Check the app's signature, version 3; the secret is the app's client secret."""
        events.verify(received, secrets)

    def parse(self, received: Received) -> list[VendorEvent]:
        """Return what happened to contacts."""
        return events.parse(received)
