"""Klaviyo: profiles, one at once or many in a job, and subscriptions to one of its lists.

An import subscribes nobody; consent goes by jobs of its own.
Source: https://developers.klaviyo.com/en/reference (revision 2026-07-15), /en/docs/rate_limits_and_error_handling.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from django import forms

from integrations.providers.base import (
    Check,
    Confirmer,
    Contact,
    ContactEraser,
    ContactSink,
    EventSource,
    Outcome,
    Provider,
    Received,
    Reply,
    SchemaSource,
    SubscriberSink,
    VendorEvent,
    VendorField,
)
from integrations.providers.errors import Misconfigured
from integrations.providers.klaviyo import events
from integrations.providers.klaviyo.profiles import (
    attributes,
    consent,
    document,
    failures,
    has_bounced,
    has_left,
    inside,
    left_at,
    next_page,
    profiles,
    raise_for,
    resource,
    resources,
    vendor_fields,
)
from integrations.providers.subscribing import (
    LEFT_THERE,
    LIST_ID,
    NO_EMAIL,
    NO_LIST,
    SubscriptionForm,
    agreed_since,
    each,
    ended,
    is_sure,
    list_id,
    put_aside,
)
from integrations.providers.values import moment

_REVISION = "2026-07-15"
_MEDIA_TYPE = "application/vnd.api+json"
_JOBS = "/api/profile-bulk-import-jobs"
_LOOK_SECONDS = 10.0
_MOST_PAGES = 20


class KlaviyoForm(SubscriptionForm):
    """What a Klaviyo connector may be told."""

    list_id = forms.RegexField(
        LIST_ID,
        required=False,
        label="List",
        help_text="Its id, from the address of the list's page, for those who agree. Whether they have to confirm by"
        " mail (double opt-in) is a setting of the list.",
    )
    properties = forms.CharField(
        required=False,
        max_length=500,
        label="Further properties",
        help_text="Names of your own, separated by commas, that no profile has yet.",
    )
    revision = forms.RegexField(
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", required=False, help_text=f"Of the API. Empty: {_REVISION}."
    )


class Klaviyo(Provider, ContactSink, Confirmer, SubscriberSink, ContactEraser, SchemaSource, EventSource):
    """Writes profiles by e-mail with a private key; several at once go as a job that is asked about later."""

    key = "klaviyo"
    name = "Klaviyo"
    docs_url = "https://developers.klaviyo.com/en/reference"
    api_version = "JSON:API"
    auth = "header"
    auth_prefix = "Klaviyo-API-Key"
    default_base_url = "https://a.klaviyo.com"
    config_form: ClassVar[type[forms.Form]] = KlaviyoForm
    identifiers = ("email",)
    effect = "upsert"
    quota = (700, 60.0)  # of profiles and subscriptions; jobs have fewer, and every answer says what is left.
    batch_size = 100
    max_in_flight = 3
    default_mapping = {
        "first_name": "first_name",
        "last_name": "last_name",
        "phone_number": "phone",
        "organization": "company",
    }
    proof = "ours"
    proof_words = "Enter it as the webhook’s secret key."
    event_steps = (
        "Open Integrations → Webhooks (or call POST /api/webhooks) and enter the address as endpoint; Klaviyo has"
        " webhooks only for accounts with its Advanced KDP.",
        "Choose: subscribed to email marketing, unsubscribed from email marketing, marked email as spam.",
    )

    def check(self) -> Check:
        """Read the lists, and that the connector's is among them."""
        if self.config.get("list_id"):
            told = self._list()
            return Check(ok=True, words=f"Connected to the Klaviyo list “{told.get('name') or 'without a name'}”.")
        found = resources(self._ask("GET", "/api/lists", purpose="check").json())
        return Check(ok=True, words=f"Connected to Klaviyo; it has {len(found)} lists.")

    def fields(self) -> list[VendorField]:
        """Return the attributes of profiles and the properties that the newest hundred have."""
        params = {"fields[profile]": "properties", "page[size]": "100", "sort": "-updated"}
        reply = self._ask("GET", "/api/profiles", purpose="fields", params=params, max_bytes=16_000_000)
        named = (name.strip() for name in str(self.config.get("properties") or "").split(","))
        return vendor_fields(resources(reply.json()), filter(None, named))

    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Create or update profiles: a single one at once, several by a job that tells later."""
        keyed = [contact for contact in contacts if contact.email]
        if len(keyed) < 2 or any(contact.goes_alone for contact in keyed):
            return each(contacts, lambda contact: Outcome.delivered(str(self._import(contact)["id"])))
        body = document("profile-bulk-import-job", profiles(attributes(contact) for contact in keyed))
        reply = self._ask("POST", _JOBS, purpose="import", json=body, items=len(keyed))
        job = str(resource(reply.json(), "profile-bulk-import-job")["id"])
        places = {contact.id: str(place) for place, contact in enumerate(keyed)}
        return [
            Outcome.accepted(job, _LOOK_SECONDS, places[contact.id]) if contact.email else NO_EMAIL
            for contact in contacts
        ]

    def confirm(self, job: str, contacts: Sequence[Contact]) -> list[Outcome]:
        """Ask what became of an import; profiles have no place in what went wrong if they are there."""
        path = f"{_JOBS}/{quote(job, safe='')}"
        reply = self._send("GET", path, purpose="confirm")
        if reply.status == 404:
            return [Outcome.unknown() for _ in contacts]
        raise_for(reply)
        told = inside(resource(reply.json(), "profile-bulk-import-job"), "attributes")
        if told.get("status") in {"queued", "processing"}:
            return [Outcome.accepted(job, _LOOK_SECONDS) for _ in contacts]
        if told.get("status") != "complete":
            return [Outcome.unknown() for _ in contacts]
        failed = failures(self._failed(path)) if told.get("failed_count") != 0 else {}
        # Somebody was refused and it isn't said who: then nobody else can be said to have arrived.
        rest = Outcome.unconfirmed() if "" in failed else Outcome.delivered()
        return [failed.get(contact.job_item, rest) for contact in contacts]

    def _failed(self, path: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        params = {"page[size]": "100"}
        for _ in range(_MOST_PAGES):
            reply = self._ask("GET", f"{path}/import-errors", purpose="confirm", params=params, max_bytes=16_000_000)
            found += resources(reply.json())
            cursor = next_page(reply.json())
            if not cursor:
                break
            params["page[cursor]"] = cursor
        return found

    def subscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Subscribe those who agreed; whoever has to confirm gets a mail, where the list has double opt-in."""
        if not any(contact.email for contact in contacts):
            return [NO_EMAIL for _ in contacts]
        if not self.config.get("list_id"):
            return each(contacts, lambda _: NO_LIST)
        asks_by_mail = self._list().get("opt_in_process") == "double_opt_in"
        return each(contacts, lambda contact: self._subscribe(contact, asks_by_mail=asks_by_mail))

    def _subscribe(self, contact: Contact, *, asks_by_mail: bool) -> Outcome:
        # Writing the address alone changes nothing, and its answer tells where the person stands.
        profile = self._import(Contact(contact.id, contact.values), with_subscriptions=True)
        marketing = inside(profile, "attributes", "subscriptions", "email", "marketing")
        if has_bounced(marketing):
            return put_aside(self.name)
        if has_left(marketing, self._list_id):
            if not asks_by_mail or not agreed_since(contact, moment(left_at(marketing))):
                return Outcome.rejected(LEFT_THERE)
        elif not is_sure(contact, self.config) and not asks_by_mail and marketing.get("consent") != "SUBSCRIBED":
            return Outcome.rejected("needs_double_opt_in")
        body = profiles([consent(contact, "SUBSCRIBED")])
        job = document("profile-subscription-bulk-create-job", body, self._list_id)
        self._ask("POST", "/api/profile-subscription-bulk-create-jobs", purpose="subscribe", json=job)
        return Outcome.delivered(str(profile["id"]))

    def unsubscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Send no marketing any more to those who withdrew, of whatever list."""
        keyed = [contact for contact in contacts if contact.email]
        if keyed:
            body = profiles(consent(contact, "UNSUBSCRIBED") for contact in keyed)
            job = document("profile-subscription-bulk-delete-job", body)
            path = "/api/profile-subscription-bulk-delete-jobs"
            ended(self._send("POST", path, purpose="unsubscribe", json=job, items=len(keyed)), raise_for)
        return each(contacts, lambda _: Outcome.delivered())

    def erase(self, contact: Contact) -> Outcome:
        """Have a person deleted, with everything Klaviyo knows of them."""
        if not contact.email:
            return NO_EMAIL
        profile = {"data": {"type": "profile", "attributes": {"email": contact.email}}}
        job = document("data-privacy-deletion-job", {"profile": profile})
        return ended(self._send("POST", "/api/data-privacy-deletion-jobs", purpose="erase", json=job), raise_for)

    def _import(self, contact: Contact, *, with_subscriptions: bool = False) -> Mapping[str, Any]:
        params = {"additional-fields[profile]": "subscriptions"} if with_subscriptions else None
        body = document("profile", attributes(contact))
        reply = self._ask("POST", "/api/profile-import", purpose="write", json=body, params=params)
        return resource(reply.json(), "profile")

    @property
    def _list_id(self) -> str:
        return list_id(self.config, "list")

    def _list(self) -> Mapping[str, Any]:
        """Return the connector's list: `{"name", "opt_in_process"}`. Raises: Misconfigured where there is none."""
        params = {"filter": f'any(id,["{self._list_id}"])', "fields[list]": "name,opt_in_process"}
        found = resources(self._ask("GET", "/api/lists", purpose="list", params=params).json())
        same = [item for item in found if item.get("id") == self._list_id]
        if not same:
            raise Misconfigured("Klaviyo has no list of this id.")
        return inside(same[0], "attributes")

    def _ask(self, method: str, path: str, **options: Any) -> Reply:
        reply = self._send(method, path, **options)
        raise_for(reply)
        return reply

    def _send(self, method: str, path: str, **options: Any) -> Reply:
        headers = {"revision": str(self.config.get("revision") or _REVISION), "Accept": _MEDIA_TYPE}
        if options.get("json") is not None:
            headers["Content-Type"] = _MEDIA_TYPE
        return self.session.request(method, path, headers=headers, **options)

    def verify(self, received: Received, secrets: Sequence[str]) -> None:
        """Check the signature under the webhook's secret key."""
        events.verify(received, secrets)

    def parse(self, received: Received) -> list[VendorEvent]:
        """Return who has left or come."""
        return events.parse(received)
