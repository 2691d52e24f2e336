"""Brevo: contacts, and subscriptions to one of its lists.

Source: https://developers.brevo.com/reference (API v3), https://developers.brevo.com/docs/api-limits.
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
    Limits,
    Outcome,
    Provider,
    Received,
    Reply,
    SchemaSource,
    VendorEvent,
    VendorField,
)
from integrations.providers.brevo import events, imports
from integrations.providers.brevo.contacts import attributes, ignored, limits_told, raise_for, vendor_fields
from integrations.providers.errors import ProviderError, RetryLater
from integrations.providers.signatures import check_token
from integrations.providers.subscribing import (
    LEFT_THERE,
    NO_EMAIL,
    NO_LIST,
    EachSubscriber,
    SubscriptionForm,
    each,
    ended,
    is_sure,
)

_CONTACTS = "/v3/contacts"
# Asking for processes is limited to a hundred an hour: fewer contacts aren't worth one of these.
_FEWEST = 50
_LOOK_SECONDS = 30.0
_SOON_SECONDS = 5.0
_LATER_SECONDS = 300.0
_MOST_PAGES = 4
_MOST_READ = 50


class BrevoForm(SubscriptionForm):
    """What a Brevo connector may be told."""

    list_id = forms.IntegerField(
        required=False, min_value=1, label="List", help_text="The number of the list for those who agree."
    )
    import_list_id = forms.IntegerField(
        required=False,
        min_value=1,
        label="List for imports",
        help_text="The number of a list that gets no mails: fifty leads or more at once are imported onto it.",
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

    def clean(self) -> dict[str, Any]:
        """Keep those who have not agreed off the list for those who do."""
        values = super().clean() or self.cleaned_data
        if values.get("import_list_id") and values["import_list_id"] == values.get("list_id"):
            self.add_error("import_list_id", "Choose another list: on this one are those who agreed to get mails.")
        return values


class Brevo(Provider, ContactSink, Confirmer, EachSubscriber, ContactEraser, SchemaSource, EventSource):
    """Writes contacts by e-mail with an API key, one in each request."""

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

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> type[Provider]:
        """Return the class that imports where there is a list to import into: Brevo imports into none."""
        return ImportingBrevo if config.get("import_list_id") else cls

    @classmethod
    def limits(cls, reply: Reply) -> Limits | None:
        """Return what Brevo's own headers say."""
        return limits_told(reply)

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

    def confirm(self, job: str, contacts: Sequence[Contact]) -> list[Outcome]:
        """Ask whether an import is done, then look at what is there."""
        number, since, is_done = imports.read(job)
        if not number:
            return [Outcome.unknown() for _ in contacts]
        if not is_done:
            reply = self.session.request("GET", f"/v3/processes/{number}", purpose="confirm")
            if reply.status == 404:
                return [Outcome.unknown() for _ in contacts]
            try:
                raise_for(reply)
            except RetryLater as err:
                if err.status != 429 or not since:
                    raise
                # Of an import that may be going on, only those who are there can be told of.
                later = Outcome.accepted(job, max(err.after or _LATER_SECONDS, _LOOK_SECONDS))
                became = self._found(contacts, since, later, 0)
                return [outcome if outcome.kind == "delivered" else later for outcome in became]
            is_under_way = imports.is_under_way(reply.json())
            if is_under_way is not False:
                return [Outcome.accepted(job, _LOOK_SECONDS) if is_under_way else Outcome.unknown() for _ in contacts]
        return self._found(contacts, since, Outcome.accepted(imports.ended(job), _SOON_SECONDS), _MOST_READ)

    def _found(self, contacts: Sequence[Contact], since: str, later: Outcome, most: int) -> list[Outcome]:
        """Return what became of imported contacts; of those not among the changed, only `most` are read now."""
        held, read, outcomes = self._imported(since), 0, list[Outcome]()
        for contact in contacts:
            there = held.get(contact.email)
            if there is None and contact.email:
                # What the import left as it was is not among what has changed.
                if (read := read + 1) > most:
                    outcomes.append(later)
                    continue
                there = self._read(contact)
            outcomes.append(self._became(contact, there))
        return outcomes

    def _became(self, contact: Contact, held: Mapping[str, Any] | None) -> Outcome:
        """Return what became of an imported contact; who isn't there as sent is written alone, and that says why."""
        list_id = int(self.config.get("import_list_id") or 0)
        if held is None or (list_id and list_id not in (held.get("listIds") or ())):
            return Outcome.unconfirmed()
        # That a row was refused is told nowhere: a false alarm is better than a delivery that was none.
        if ignored(attributes(contact), held, strictly=True):
            return Outcome.unconfirmed()
        return Outcome.delivered(str(held.get("id") or ""))

    def _imported(self, since: str) -> dict[str, Mapping[str, Any]]:
        """Return the contacts of the list that have changed since, as far as there is a list to ask about."""
        list_id = int(self.config.get("import_list_id") or 0)
        found: dict[str, Mapping[str, Any]] = {}
        for page in range(_MOST_PAGES if list_id and since else 0):
            params = imports.page_of(list_id, since, page * imports.PAGE)
            reply = self.session.request("GET", _CONTACTS, purpose="confirm", params=params, max_bytes=16_000_000)
            raise_for(reply)
            page_found = imports.by_address(reply.json())
            found |= page_found
            if len(page_found) < imports.PAGE:
                break
        return found

    def _subscribe(self, contact: Contact) -> Outcome:
        list_id = self.config.get("list_id")
        if not list_id:
            return NO_LIST
        # Brevo sends them nothing any more: by their own wish, after bounces or complaints.
        has_left = (self._read(contact) or {}).get("emailBlacklisted") is True
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


class ImportingBrevo(Brevo):
    """Writes many contacts at once by an import, and looks at each of them when that is done."""

    batch_size = 500

    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Import contacts where they are many; few, and those of whom an import did not tell, are written at once."""
        together = [contact for contact in contacts if contact.email and not contact.goes_alone]
        if len(together) < _FEWEST:
            return super().upsert(contacts)
        ids = {contact.id for contact in together}
        became = super().upsert([contact for contact in contacts if contact.id not in ids])
        try:
            imported = self._import(together)
        except ProviderError:
            # Raised, it would count for those as well who are written by now.
            if not became:
                raise
            imported = Outcome.unsent()
        alone = iter(became)
        return [imported if contact.id in ids else next(alone) for contact in contacts]

    def _import(self, contacts: Sequence[Contact]) -> Outcome:
        body = imports.document(contacts, int(self.config["import_list_id"]))
        reply = self.session.request("POST", f"{_CONTACTS}/import", purpose="import", json=body, items=len(contacts))
        raise_for(reply)
        return Outcome.accepted(imports.job_of(reply), _LOOK_SECONDS)
