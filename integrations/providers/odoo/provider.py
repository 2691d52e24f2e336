"""Odoo: leads, subscribers of a mailing list, stock, orders, articles, customers, changes; over either of its APIs."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms

from integrations.providers import base, errors
from integrations.providers.base import Contact, Outcome, Page
from integrations.providers.described import ATTRIBUTES, vendor_fields
from integrations.providers.odoo import leads, records
from integrations.providers.odoo.api import Api, NoModel
from integrations.providers.odoo.dialects import Json2, JsonRpc
from integrations.providers.odoo.watched import pickings, watched
from integrations.providers.polling import changes_of
from integrations.providers.replies import only
from integrations.providers.subscribing import LEFT_THERE, EachSubscriber, SubscriptionForm, is_sure
from integrations.providers.values import Record, meant

_LONGEST_KEY = 64
_KEPT = "Odoo holds a contact with this address, such as a customer with invoices. Use “Privacy Lookup” there."
_VERSIONS = [("19", "19 or later"), ("17", "17 or 18"), ("14", "14 to 16")]
# What can be read, by the model and a field that the app for it brings.
_READ = {
    "stock": ("product.product", "free_qty"),
    "orders": ("sale.order", "state"),
    "leads": ("crm.lead", "email_normalized"),
    "mailing lists": ("mailing.list", "name"),
}


class OdooForm(SubscriptionForm):
    """What an Odoo connector may be told."""

    field_order = ("version", "database", "user", "company_id", "mailing_list", "purpose")
    always_confirm = None  # type: ignore[assignment]  # left out so: Odoo's API sends no mail that asks to confirm
    version = forms.ChoiceField(required=False, choices=_VERSIONS, initial="19", help_text="Of this Odoo.")
    database = forms.CharField(required=False, max_length=64, help_text="Needed up to 18, or if there are several.")
    user = forms.CharField(required=False, max_length=128, help_text="Up to Odoo 18: the key's user, login or number.")
    company_id = forms.IntegerField(required=False, min_value=1, help_text="Only this company's stock and orders.")
    mailing_list = forms.CharField(required=False, max_length=128, help_text="The name of the list for who agrees.")


class Odoo(
    base.Provider,
    base.EachContact,
    EachSubscriber,
    base.ContactEraser,
    base.InventorySource,
    base.OrderSource,
    base.CatalogSource,
    base.CustomerSource,
    base.SchemaSource,
    base.ChangeSource,
):
    """Asks one database of an Odoo server, with a user's API key."""

    key = "odoo"
    name = "Odoo"
    docs_url = "https://www.odoo.com/documentation/19.0/developer/reference/external_api.html"
    api_version = "JSON-2, JSON-RPC"
    personal_names = ("name", "display_name")
    config_form: ClassVar[type[forms.Form]] = OdooForm
    # What a lead is found by is our id, so anybody can be told.
    identifiers = ("email", "phone", "last_name", "reference")
    effect = "search_then_create"
    max_in_flight = 2
    default_mapping = {
        "name": "join(', ', ['Enquiry', company || join(' ', [first_name, last_name][?@])][?@])",
        "contact_name": "join(' ', [first_name, last_name][?@])",
        "partner_name": "company",
        "phone": "phone",
    }

    def __init__(self, session: base.Session, config: Any) -> None:
        super().__init__(session, config)
        version = config.get("version")
        self._odoo: Api = (JsonRpc if version in {"17", "14"} else Json2)(session, config)
        # A place in a mailing list had another name up to Odoo 16.
        self._entry = "mailing.contact.subscription" if version == "14" else "mailing.subscription"

    def check(self) -> base.Check:
        """Read whose key this is, then what of all that a connector can use is there for them."""
        user = self._odoo.call("res.users", "context_get", purpose="check")
        there = ", ".join(name for name, (model, field) in _READ.items() if self._can_read(model, field))
        if not isinstance(user, dict) or not there:
            raise errors.Misconfigured("The key's user may read neither stock nor orders, leads or mailing lists.")
        return base.Check(ok=True, words=f"Connected to Odoo as user {user.get('uid')}, who can read {there}.")

    def _can_read(self, model: str, field: str) -> bool:
        try:
            self._odoo.search_read(model, [], [field], purpose="check", limit=1)
        except (errors.Misconfigured, errors.Refused):
            return False
        return True

    def stock(self, sku: str) -> base.Stock | None:
        """Return an article's stock by its internal reference. Raises: Refused where two articles share it."""
        if not 0 < len(sku) <= _LONGEST_KEY:
            return None
        here = [["default_code", "=", sku]]
        found = self._odoo.search_read("product.product", here, records.STOCK_FIELDS, purpose="stock", limit=2)
        article = only(found, "Two articles have the same internal reference.")
        return records.product(article).stock if article else None

    def order(self, number: str) -> base.Order | None:
        """Return an order by its own number or by the customer's reference, with its tracking numbers."""
        if not 0 < len(number) <= _LONGEST_KEY:
            return None
        domain = ["|", ["name", "=", number], ["client_order_ref", "=", number]]
        found = self._odoo.search_read("sale.order", domain, records.ORDER_FIELDS, purpose="order", limit=3)
        record = meant(found, "name", number)
        if record is None:
            return None
        here = [["id", "=", records.reference(record.get("partner_id"))]]
        partners = self._odoo.find("res.partner", here, *records.PARTNER_FIELDS, purpose="customer")
        return records.order(record, partners[0] if partners else {}, pickings(self._odoo, [record], "shipments"))

    def products(self, cursor: str = "") -> Page[base.Product]:
        """Return a hundred articles and where the next ones begin."""
        after = cursor if cursor.isdecimal() and len(cursor) < 12 else ""
        asked: dict[str, Any] = {"purpose": "products", "optional": {"free_qty"}}
        page = self._odoo.page(*records.CODED, records.PRODUCT_FIELDS, after, **asked)
        return Page([records.product(record) for record in page.items], page.next_cursor)

    def since(self, cursor: str) -> base.Changes:
        """Return what became of orders, articles and stock since then, as far as the key's user may read them."""
        return changes_of(cursor, watched(self._odoo))

    def customer(self, email: str) -> base.Customer | None:
        """Return the first contact with an e-mail address."""
        here, fields = [["email_normalized", "=", email.strip().lower()]], records.PARTNER_FIELDS
        found = self._odoo.search_read("res.partner", here, fields, purpose="customer", limit=1, order="id")
        return records.customer(found[0]) if found else None

    def fields(self) -> list[base.VendorField]:
        """Read the fields of leads, but for the address and our id, which are always written."""
        asked: dict[str, Any] = {"purpose": "fields", "attributes": ATTRIBUTES, "max_bytes": 16_000_000}
        described = self._odoo.call("crm.lead", "fields_get", **asked)
        return vendor_fields(described, ours={leads.ID_FIELD, "email_from"}, given={"type"})

    def _upsert(self, contact: Contact) -> Outcome:
        """Look for a person's lead, then write or make it; that is safe to do again."""
        fields = dict.fromkeys((*leads.FIELDS, *contact.fields))
        found = self._odoo.find("crm.lead", leads.domain(contact), *fields, purpose="find")
        lead, is_ours = leads.chosen(found, contact)
        if lead is None:
            return Outcome.delivered(f"crm.lead/{self._odoo.create('crm.lead', 'create', **leads.new(contact))}")
        if vals := leads.changes(lead, contact, is_ours=is_ours):
            self._odoo.change("crm.lead", "write", [lead["id"]], vals=vals, purpose="update")
        return Outcome.delivered(f"crm.lead/{lead['id']}")

    def erase(self, contact: Contact) -> Outcome:
        """Delete a person's leads and their entries in mailing lists; contacts with invoices are Odoo's to erase."""
        self._delete("crm.lead", leads.domain(contact))
        here = [["email_normalized", "=", contact.email]]
        if contact.email:
            self._delete("mailing.contact", here)
        is_kept = contact.email and self._odoo.find("res.partner", here, purpose="erase")
        return Outcome.rejected("kept_there", _KEPT) if is_kept else Outcome.delivered()

    def _delete(self, model: str, domain: Sequence[Any]) -> None:
        if found := self._odoo.find(model, domain, purpose="erase"):
            self._odoo.change(model, "unlink", [record["id"] for record in found], purpose="erase")

    def _subscribe(self, contact: Contact) -> Outcome:
        """Put on the list who agreed for certain: Odoo's API sends no mail that asks for a confirmation."""
        if not is_sure(contact, self.config):
            return Outcome.rejected("needs_double_opt_in")
        list_id, here = self._list_id(), [["email_normalized", "=", contact.email]]
        people = self._odoo.find("mailing.contact", here, "is_blacklisted", purpose="subscribe")
        entries = self._entries(contact, list_id, "subscribe")
        has_left = any(entry.get("opt_out") is not False for entry in entries)
        if has_left or any(person.get("is_blacklisted") is True for person in people):
            return Outcome.rejected(LEFT_THERE)
        person = {"name": contact.full_name or contact.email, "email": contact.email}
        person_id = people[0]["id"] if people else self._odoo.create("mailing.contact", "subscribe", **person)
        if not entries:
            self._odoo.create(self._entry, "subscribe", contact_id=person_id, list_id=list_id)
        return Outcome.delivered(f"mailing.contact/{person_id}")

    def _unsubscribe(self, contact: Contact) -> Outcome:
        """Opt out on the list who withdrew: so nobody puts them back on."""
        try:
            list_id = self._list_id()
        except NoModel:
            # Where there is no app for mailings, nobody is in a list of it.
            return Outcome.delivered()
        entries = self._entries(contact, list_id, "unsubscribe")
        if ids := [entry["id"] for entry in entries if entry.get("opt_out") is not True]:
            self._odoo.change(self._entry, "write", ids, vals={"opt_out": True}, purpose="unsubscribe")
        return Outcome.delivered()

    def _entries(self, contact: Contact, list_id: int, purpose: str) -> list[Record]:
        """Return a person's places in the list, whoever entered the address there and how often."""
        domain = [["contact_id.email_normalized", "=", contact.email], ["list_id", "=", list_id]]
        return self._odoo.search_read(self._entry, domain, ["opt_out"], purpose=purpose, limit=100)

    def _list_id(self) -> int:
        named = [["name", "=", str(self.config.get("mailing_list") or "")]]
        found = self._odoo.search_read("mailing.list", named, ["name"], purpose="list", limit=2)
        if len(found) != 1:
            raise errors.Misconfigured("Odoo has no mailing list, or several, of the name on the connector.")
        return int(found[0]["id"])
