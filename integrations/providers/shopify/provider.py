"""Shopify: orders, stock, catalogue and customers of a shop, consent to its mails, and its webhooks.

Source: https://shopify.dev/docs/api/admin-graphql/2026-07.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from integrations.providers import base
from integrations.providers.base import Contact, Outcome, Page, Product
from integrations.providers.errors import Refused
from integrations.providers.replies import garbled
from integrations.providers.shopify import events, graphql, records
from integrations.providers.shopify.graphql import quoted
from integrations.providers.signatures import check_hmac
from integrations.providers.subscribing import LEFT_THERE, NO_EMAIL, each, is_sure
from integrations.providers.values import text

_LONGEST_KEY = 100
_FIELDS = frozenset({"firstName", "lastName", "phone", "note", "locale", "tags"})


class Shopify(
    base.Provider,
    base.ContactSink,
    base.SubscriberSink,
    base.ContactEraser,
    base.InventorySource,
    base.OrderSource,
    base.CatalogSource,
    base.CustomerSource,
    base.EventSource,
):
    """Asks one shop with the Admin API access token of an app of its own."""

    key = "shopify"
    name = "Shopify"
    docs_url = "https://shopify.dev/docs/api/admin-graphql/2026-07"
    api_version = graphql.VERSION
    auth = "header"
    auth_name = "X-Shopify-Access-Token"
    identifiers = ("email",)
    effect = "upsert"
    max_in_flight = 2
    default_mapping: ClassVar[Mapping[str, str]] = {"firstName": "first_name", "lastName": "last_name"}
    proof_words = "It is the app’s API secret key; under Settings → Notifications, the one shown beneath the webhooks."
    event_steps = (
        "Open Settings → Notifications → Webhooks, or those of the app. Enter the address, format JSON.",
        "Do so for what becomes of orders, products and customers, and for customers’ email marketing consent.",
    )

    @classmethod
    def limits(cls, reply: base.Reply) -> base.Limits | None:
        """Return what is left in the shop's bucket of costs."""
        return graphql.limits(reply)

    def check(self) -> base.Check:
        """Read the shop's name, an order and an article, which need the scopes that look-ups need."""
        data = graphql.run(self.session, graphql.SHOP, purpose="check")
        shop = data.get("shop")
        if not isinstance(shop, dict) or not isinstance(shop.get("name"), str):
            raise garbled()
        return base.Check(ok=True, words=f"Connected to the shop “{shop['name'][:80]}”; orders and stock can be read.")

    def stock(self, sku: str) -> base.Stock | None:
        """Return an article's stock over all locations. Raises: Refused where two articles share the SKU."""
        if not 0 < len(sku) <= _LONGEST_KEY:
            return None
        data = graphql.run(self.session, graphql.STOCK, purpose="stock", search=f"sku:{quoted(sku)}")
        # The search also finds what is alike.
        found = [record for record in records.nodes(data, "productVariants") if record.get("sku") == sku]
        if len(found) > 1:
            raise Refused("Two articles have the same SKU.", code="ambiguous")
        return records.stock(found[0], _currency(data)) if found else None

    def order(self, number: str) -> base.Order | None:
        """Return an order by its name, with or without the “#”."""
        wanted = number.strip().removeprefix("#")
        if not 0 < len(wanted) <= _LONGEST_KEY:
            return None
        search = f"name:{quoted('#' + wanted)} OR name:{quoted(wanted)}"
        found = records.nodes(graphql.run(self.session, graphql.ORDERS, purpose="order", search=search), "orders")
        orders = [order for order in map(records.order, found) if order.number.lower() == wanted.lower()]
        if len(orders) > 1:
            raise Refused("Two orders have the same name.", code="ambiguous")
        return orders[0] if orders else None

    def products(self, cursor: str = "") -> Page[Product]:
        """Return fifty articles and where the next ones begin."""
        asked: dict[str, Any] = {"max_bytes": 16_000_000, "cursor": cursor or None}
        data = graphql.run(self.session, graphql.PRODUCTS, purpose="products", **asked)
        found, currency = records.nodes(data, "productVariants"), _currency(data)
        info = data["productVariants"].get("pageInfo")
        if not isinstance(info, dict):
            raise garbled()
        following = text(info.get("endCursor")) if info.get("hasNextPage") is True else ""
        return Page([records.product(record, currency) for record in found], following)

    def customer(self, email: str) -> base.Customer | None:
        """Return who has an e-mail address."""
        record = self._customer(email.strip().lower(), purpose="customer")
        return records.customer(record) if record else None

    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Create or update customers by e-mail, one in each request."""
        return each(contacts, lambda contact: Outcome.delivered(self._write(contact)))

    def _write(self, contact: Contact, purpose: str = "upsert") -> str:
        unknown = sorted(set(contact.fields) - _FIELDS)
        if unknown:
            raise Refused(f"Shopify does not know the field {unknown[0]}.", code="unknown_field", field=unknown[0])
        values = {"email": contact.email, **{name: _value(name, value) for name, value in contact.fields.items()}}
        sent = {"email": contact.email, "input": values}
        said = graphql.changed(self.session, graphql.WRITE, purpose=purpose, **sent)
        return _id(said.get("customer"))

    def subscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Note the consent of those who agreed for certain: Shopify sends no mail that asks for a confirmation."""
        return each(contacts, self._subscribe)

    def _subscribe(self, contact: Contact) -> Outcome:
        if not is_sure(contact, self.config):
            return Outcome.rejected("needs_double_opt_in")
        record = self._customer(contact.email, purpose="read")
        state = records.marketing_state(record) if record else ""
        if state == "UNSUBSCRIBED":
            return Outcome.rejected(LEFT_THERE)
        id = _id(record) if record else self._write(contact, purpose="subscribe")
        if state != "SUBSCRIBED":
            self._consent(id, "SUBSCRIBED", contact)
        return Outcome.delivered(id)

    def unsubscribe(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Note that people withdrew; who isn't a customer needs nothing."""
        return each(contacts, self._unsubscribe)

    def _unsubscribe(self, contact: Contact) -> Outcome:
        record = self._customer(contact.email, purpose="read")
        if record and records.marketing_state(record) != "UNSUBSCRIBED":
            with _unless_gone():
                self._consent(_id(record), "UNSUBSCRIBED", contact)
        return Outcome.delivered()

    def _consent(self, id: str, state: str, contact: Contact) -> None:
        consent: dict[str, Any] = {"marketingState": state}
        if state == "SUBSCRIBED":
            consent["marketingOptInLevel"] = "SINGLE_OPT_IN"
        if contact.statement:
            consent["consentUpdatedAt"] = contact.statement.at.isoformat()
        values = {"customerId": id, "emailMarketingConsent": consent}
        graphql.changed(self.session, graphql.CONSENT, purpose="consent", input=values)

    def erase(self, contact: Contact) -> Outcome:
        """Ask Shopify to erase a customer's data, which it does in its own time."""
        if not contact.email:
            return NO_EMAIL
        record = self._customer(contact.email, purpose="read")
        if record:
            with _unless_gone():
                graphql.changed(self.session, graphql.ERASE, purpose="erase", id=_id(record))
        return Outcome.delivered()

    def _customer(self, email: str, *, purpose: str) -> Mapping[str, Any] | None:
        data = graphql.run(self.session, graphql.CUSTOMER, purpose=purpose, email=email)
        if "customerByIdentifier" not in data:
            raise garbled()
        record = data["customerByIdentifier"]
        if record is not None:
            _id(record)
        return record if isinstance(record, dict) else None

    def verify(self, received: base.Received, secrets: Sequence[str]) -> None:
        """Check the signature of the body under the app's secret."""
        check_hmac(received.header("X-Shopify-Hmac-SHA256"), received.body, secrets)

    def parse(self, received: base.Received) -> list[base.VendorEvent]:
        """Return what a webhook tells of orders, articles, customers and their consent."""
        return events.told(received)


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Take it for done that somebody isn't there any more."""
    try:
        yield
    except Refused as refused:
        if refused.code != graphql.GONE:
            raise


def _value(name: str, value: Any) -> Any:
    listed = list(value) if isinstance(value, list | tuple) else [value]
    return [str(item) for item in listed] if name == "tags" else ", ".join(str(item) for item in listed)


def _currency(data: Mapping[str, Any]) -> str:
    shop = data.get("shop")
    return text(shop.get("currencyCode")) if isinstance(shop, dict) else ""


def _id(record: Any) -> str:
    id = text(record.get("id")) if isinstance(record, dict) else ""
    if not id:
        raise garbled()
    return id
