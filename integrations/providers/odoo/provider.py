"""Odoo: stock of its warehouse, orders of its sales app."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms

from integrations.providers.base import Check, InventorySource, Order, OrderSource, Provider, Session, Stock
from integrations.providers.errors import Refused
from integrations.providers.odoo import records
from integrations.providers.odoo.json2 import Json2
from integrations.providers.odoo.records import Record

_LONGEST_KEY = 64
_MOST_SHIPMENTS = 20


class OdooForm(forms.Form):
    """What an Odoo connector may be told."""

    database = forms.CharField(required=False, max_length=64, help_text="Needed where one server holds several.")
    company_id = forms.IntegerField(required=False, min_value=1, help_text="Only this company's stock and orders.")


class Odoo(Provider, InventorySource, OrderSource):
    """Reads stock and orders from Odoo 19 or later with a user's API key."""

    key = "odoo"
    name = "Odoo"
    docs_url = "https://www.odoo.com/documentation/19.0/developer/reference/external_api.html"
    api_version = "JSON-2"
    config_form: ClassVar[type[forms.Form]] = OdooForm
    identifiers = ()
    max_in_flight = 2

    def __init__(self, session: Session, config: Any) -> None:
        super().__init__(session, config)
        database, company_id = config.get("database"), config.get("company_id")
        self._odoo = Json2(session, database=str(database or ""), company_id=int(company_id) if company_id else None)

    def check(self) -> Check:
        """Read the settings of the user whose key this is, then try what look-ups need."""
        user = self._odoo.call("res.users", "context_get", purpose="check")
        number = user.get("uid") if isinstance(user, dict) else None
        self._odoo.search_read("product.product", [], records.STOCK_FIELDS, purpose="check", limit=1)
        self._odoo.search_read("sale.order", [], records.ORDER_FIELDS, purpose="check", limit=1)
        return Check(ok=True, words=f"Connected to Odoo as user {number}; stock and orders can be read.")

    def stock(self, sku: str) -> Stock | None:
        """Return an article's stock by its internal reference. Raises: Refused where two articles share it."""
        if not 0 < len(sku) <= _LONGEST_KEY:
            return None
        domain = [["default_code", "=", sku]]
        found = self._odoo.search_read("product.product", domain, records.STOCK_FIELDS, purpose="stock", limit=2)
        if len(found) > 1:
            raise Refused("Two articles have the same internal reference.", code="ambiguous")
        return records.stock(found[0]) if found else None

    def order(self, number: str) -> Order | None:
        """Return an order by its own number or by the customer's reference, with its tracking numbers."""
        record = self._find_order(number) if 0 < len(number) <= _LONGEST_KEY else None
        if record is None:
            return None
        return records.order(record, self._partner(record), self._pickings(record))

    def _find_order(self, number: str) -> Record | None:
        domain = ["|", ["name", "=", number], ["client_order_ref", "=", number]]
        found = self._odoo.search_read("sale.order", domain, records.ORDER_FIELDS, purpose="order", limit=3)
        # Its own number is unique; a customer's reference may be used by two customers, and then tells nothing.
        named = [record for record in found if record.get("name") == number]
        return named[0] if named else found[0] if len(found) == 1 else None

    def _partner(self, record: Record) -> Record:
        partner_id = records.reference(record.get("partner_id"))
        if partner_id is None:
            return {}
        domain = [["id", "=", partner_id], ["active", "in", [True, False]]]
        found = self._odoo.search_read("res.partner", domain, records.PARTNER_FIELDS, purpose="customer", limit=1)
        return found[0] if found else {}

    def _pickings(self, record: Record) -> Sequence[Record]:
        ids = records.references(record.get("picking_ids"))[:_MOST_SHIPMENTS]
        if not ids:
            return []
        domain = [["id", "in", ids], ["state", "!=", "cancel"]]
        try:
            return self._odoo.search_read(
                "stock.picking", domain, records.SHIPMENT_FIELDS, purpose="shipments", limit=_MOST_SHIPMENTS
            )
        except Refused as refused:
            # Tracking numbers come with the app for carriers; an order is known without them.
            if refused.code == "unknown_field":
                return []
            raise
