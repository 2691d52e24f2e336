"""Tryton: parties and leads, stock of a warehouse, sales, articles.

Source: trytond 8.0.12 with the modules party, product, stock, sale and sale_opportunity, asked over HTTP.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django import forms

from integrations.providers import base
from integrations.providers.base import Contact, Outcome, Page
from integrations.providers.described import vendor_fields
from integrations.providers.enquiries import added_as_text
from integrations.providers.errors import Misconfigured, Refused
from integrations.providers.polling import changes
from integrations.providers.replies import garbled, only
from integrations.providers.tryton import records
from integrations.providers.tryton.records import LEAD, PARTY
from integrations.providers.tryton.rest import Rest
from integrations.providers.values import Record, meant, part, text

_LONGEST_KEY, _PAGE = 64, 100
# Of one person's or one order's records.
_MOST = 50


class TrytonForm(forms.Form):
    """What a Tryton connector must and may be told."""

    database = forms.CharField(max_length=64, help_text="The name that one chooses when signing in.")
    warehouse = forms.CharField(required=False, max_length=64, help_text="Code or name; without it stock isn't told.")
    company_id = forms.IntegerField(required=False, min_value=1, help_text="Empty: the company of the key's user.")
    kind = forms.ChoiceField(
        required=False,
        label="People become",
        choices=[("lead", "A party with a lead (sale opportunity)"), ("party", "A party alone")],
        initial="lead",
    )


class Tryton(
    base.Provider,
    base.EachContact,
    base.ContactEraser,
    base.InventorySource,
    base.OrderSource,
    base.CatalogSource,
    base.CustomerSource,
    base.SchemaSource,
    base.ChangeSource,
):
    """Asks one database of a Tryton server, with the key of a user application."""

    key = "tryton"
    name = "Tryton"
    docs_url = "https://docs.tryton.org/latest/server/topics/user_application.html"
    api_version = "8.0"
    config_form: ClassVar[type[forms.Form]] = TrytonForm
    identifiers = ("email", "phone")
    personal_names = ("name", "rec_name")
    effect = "search_then_create"
    # Tryton keeps nobody from making the same party twice at the same moment: one request at a time does.
    max_in_flight = 1
    default_mapping = {
        "party.name": "join(' ', [first_name, last_name][?@]) || company || email || phone",
        "description": "join(', ', ['Enquiry', company][?@])",
    }

    def __init__(self, session: base.Session, config: Any) -> None:
        super().__init__(session, config)
        self._company: int | None = config.get("company_id")
        self._tryton = Rest(session, str(config.get("database") or ""), company=self._company)

    def check(self) -> base.Check:
        """Read whose key this is, and what look-ups need."""
        company = text(self._preferences("check").get("company.rec_name"))
        self._tryton.search("sale.sale", [], records.ORDER_FIELDS, purpose="check", limit=1)
        if not self.config.get("warehouse"):
            return base.Check(ok=True, words=f"Connected to “{company}”. Enter a warehouse, and stock is told, too.")
        self._articles([], records.STOCK_FIELDS, purpose="check", limit=1, context={"locations": self._places()})
        return base.Check(ok=True, words=f"Connected to “{company}”; stock and orders can be read.")

    def stock(self, sku: str) -> base.Stock | None:
        """Return an article's stock in the warehouse. Raises: Misconfigured without one, Refused for two articles."""
        if not 0 < len(sku) <= _LONGEST_KEY:
            return None
        context = {"locations": self._places()}
        found = self._articles([["code", "=", sku]], records.STOCK_FIELDS, purpose="stock", limit=2, context=context)
        article = only(found, "Two articles have the same code.")
        return records.stock(article) if article else None

    def _articles(self, domain: Sequence[Any], fields: Sequence[str], **options: Any) -> list[Record]:
        return self._tryton.search("product.product", domain, fields, **options)

    def _places(self) -> list[int]:
        """Return the warehouse's id, without which Tryton counts nothing and says 0."""
        told = str(self.config.get("warehouse") or "")
        if not told:
            raise Misconfigured("Enter the warehouse on the connector: without one Tryton says 0 of every article.")
        domain = [["type", "=", "warehouse"], ["OR", ["code", "=", told], ["name", "=", told]]]
        found = self._tryton.search("stock.location", domain, ["code"], purpose="warehouse", limit=2)
        if len(found) != 1:
            raise Misconfigured("Tryton has no warehouse, or several, of the code or name on the connector.")
        return [found[0]["id"]]

    def order(self, number: str) -> base.Order | None:
        """Return a sale by its own number or by the customer's reference."""
        if not 0 < len(number) <= _LONGEST_KEY:
            return None
        domain = ["OR", ["number", "=", number], ["reference", "=", number]]
        found = self._tryton.search("sale.sale", domain, records.ORDER_FIELDS, purpose="order", limit=3)
        record = meant(found, "number", number)
        return records.order(record, self._shipments(record)) if record else None

    def _shipments(self, sale: Record) -> Sequence[Record]:
        ids = sale.get("shipments")
        if not isinstance(ids, list) or not ids:
            return []
        asked: dict[str, Any] = {"domain": [["id", "in", ids], ["state", "!=", "cancelled"]], "limit": _MOST}
        try:
            return self._tryton.search("stock.shipment.out", fields=records.SHIPMENT_FIELDS, purpose="order", **asked)
        except Refused as refused:
            # Tracking numbers come with the module for carriers; an order is known without them.
            if refused.code == "unintelligible":
                return []
            raise

    def since(self, cursor: str) -> base.Changes:
        """Return what became of sales since then: Tryton tells nothing by itself."""
        return changes(cursor, self._changed_last, self._changed)

    def _changed_last(self) -> datetime | None:
        asked: dict[str, Any] = {"limit": 1, "order": [["last_modified_at", "DESC"]]}
        newest = self._tryton.search("sale.sale", [], ["last_modified_at"], purpose="changes", **asked)
        return records.moment(newest[0].get("last_modified_at")) if newest else None

    def _changed(self, since: datetime, place: str) -> tuple[list[base.VendorEvent], str]:
        domain = [["last_modified_at", ">=", records.stamp(since)], ["id", ">", int(place or 0)]]
        found = self._tryton.search("sale.sale", domain, records.CHANGED_FIELDS, purpose="changes", limit=_PAGE)
        told = [event for sale in found for event in records.changed(sale, since)]
        return told, str(found[-1]["id"]) if len(found) == _PAGE else ""

    def products(self, cursor: str = "") -> Page[base.Product]:
        """Return a hundred articles and where the next ones begin."""
        after = int(cursor) if cursor.isdecimal() and len(cursor) < 12 else 0
        company = self._company_id("products")
        context: dict[str, Any] = {"company": company}
        if is_counted := bool(self.config.get("warehouse")):
            context["locations"] = self._places()
        domain = [["id", ">", after], ["code", "!=", None]]
        asked: dict[str, Any] = {"limit": _PAGE, "context": context, "max_bytes": 16_000_000}
        found = self._articles(domain, records.PRODUCT_FIELDS, purpose="products", **asked)
        companies = self._tryton.search(
            "company.company", [["id", "=", company]], ["currency.code"], purpose="products", limit=1
        )
        currency = text(part(companies[0], "currency.").get("code")) if companies else ""
        following = str(found[-1]["id"]) if len(found) == _PAGE else ""
        return Page([records.product(record, currency, is_counted=is_counted) for record in found], following)

    def customer(self, email: str) -> base.Customer | None:
        """Return the first party with an e-mail address."""
        wanted, fields = email.strip().lower(), records.PARTY_FIELDS
        found = self._tryton.search(PARTY, records.by_email(wanted), fields, purpose="customer", limit=_MOST)
        same = (party for party in found if wanted in records.values_of(party, "email"))
        return next(map(records.customer, same), None)

    def fields(self) -> list[base.VendorField]:
        """Read the fields of leads and, as `party.<name>`, of parties."""
        asked: dict[str, Any] = {"purpose": "fields", "fields_names": None, "max_bytes": 16_000_000}
        models = [(PARTY, "party."), *([(LEAD, "")] if self._makes_leads else [])]
        described = [(self._tryton.call(f"{model}/fields_get", **asked), prefix) for model, prefix in models]
        known = {"ours": records.OURS, "given": records.GIVEN}
        return [field for told, prefix in described for field in vendor_fields(told, prefix=prefix, **known)]

    def _upsert(self, contact: Contact) -> Outcome:
        """Look for a person's party and lead, then write or make them; that is safe to do again."""
        party_id = self._party(contact)
        written = f"{LEAD}/{self._lead(contact, party_id)}" if self._makes_leads else f"{PARTY}/{party_id}"
        return Outcome.delivered(written)

    def _party(self, contact: Contact) -> int:
        found = self._parties(contact)
        ours = [party for party in found if records.is_ours(party, contact)]
        if not found:
            return self._tryton.create(PARTY, records.new_party(contact), purpose="create")
        if ours:
            values = records.party_values(contact)
            if missing := records.missing_mechanisms(contact, ours[0]):
                values["contact_mechanisms"] = [["create", missing]]
            self._tryton.write(PARTY, ours[0]["id"], values, purpose="update")
        # A party that people keep stays as it is: what somebody typed into a chat must not change their invoices.
        return int((ours or found)[0]["id"])

    def _parties(self, contact: Contact) -> list[Record]:
        """Return the parties that have our id, or the contact's address; the oldest first."""
        domain = records.domain(contact)
        found = self._tryton.search(PARTY, domain, records.PARTY_FIELDS, purpose="find", limit=_MOST)
        return [party for party in found if records.is_theirs(party, contact)]

    def _lead(self, contact: Contact, party_id: int) -> int:
        newest = next(reversed(self._leads(contact)), None)
        values = records.lead_values(contact)
        is_open = newest is not None and newest.get("state") in records.OPEN
        # One that was won, lost or cancelled there stays so; when the person asks again, that is a new one.
        if newest is None or (not is_open and contact.enquiries):
            company = self._company_id("create")
            made = {"party": party_id, "company": company, "reference": contact.id}
            made |= {"comment": added_as_text("", contact.enquiries), **values}
            return self._tryton.create(LEAD, made, purpose="create", context={"company": company})
        if is_open:
            known = text(newest.get("comment"))
            told = {"comment": added_as_text(known, contact.enquiries), **values}
            self._tryton.write(LEAD, newest["id"], told, purpose="update")
        return int(newest["id"])

    def _leads(self, contact: Contact) -> list[Record]:
        named = [["reference", "=", contact.id]]
        return self._tryton.search(LEAD, named, records.LEAD_FIELDS, purpose="find", limit=_MOST)

    def erase(self, contact: Contact) -> Outcome:
        """Delete a person's leads, and their party where we made it; parties that people keep are theirs to erase."""
        for lead in self._leads(contact) if self._makes_leads else []:
            self._erase_lead(lead)
        is_gone = [self._erase_party(party, contact) for party in self._parties(contact)]
        words = "Tryton holds a party with this address that has sales, or that people made. Use “Erase” there."
        return Outcome.delivered() if all(is_gone) else Outcome.rejected("kept_there", words)

    def _erase_party(self, party: Record, contact: Contact) -> bool:
        """Delete the party that we made, unless Tryton refuses it for what hangs on it by now."""
        if not records.is_ours(party, contact):
            return False
        try:
            self._tryton.delete(PARTY, party["id"], purpose="erase")
        except Refused as refused:
            if refused.status != 400:
                raise
            return False
        return True

    def _erase_lead(self, lead: Record) -> None:
        """Delete a lead, which Tryton lets one do once it is cancelled; one that became a sale is emptied."""
        if lead.get("state") in records.OPEN:
            self._tryton.call(f"{LEAD}/{lead['id']}/cancel", purpose="erase")
        if lead.get("state") in {*records.OPEN, "cancelled"}:
            self._tryton.delete(LEAD, lead["id"], purpose="erase")
        else:
            emptied = dict.fromkeys(("comment", "description", "reference"))
            self._tryton.write(LEAD, lead["id"], emptied, purpose="erase")

    @property
    def _makes_leads(self) -> bool:
        return self.config.get("kind") != "party"

    def _company_id(self, purpose: str) -> int:
        company = self._company or self._preferences(purpose).get("company")
        if type(company) is not int:
            raise Misconfigured("The key's user has no company: enter the company's number on the connector.")
        return company

    def _preferences(self, purpose: str) -> Record:
        found = self._tryton.call("res.user/get_preferences", purpose=purpose, context_only=True)
        if not isinstance(found, dict):
            raise garbled()
        return found
