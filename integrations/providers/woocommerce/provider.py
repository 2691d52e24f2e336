"""WooCommerce: orders, stock, catalogue and customers of a shop, and its webhooks.

Leads aren't written there: a customer is an account to sign in with, and a new one gets a mail that says so
(docs/decisions/011-shop-accounts.md).
Source: https://developer.woocommerce.com/docs/apis/rest-api/ (wc/v3).
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from integrations.providers import base
from integrations.providers.base import Page, Product, Reply
from integrations.providers.errors import Refused
from integrations.providers.polling import changes, cursor_at
from integrations.providers.replies import garbled, number_in, only
from integrations.providers.signatures import check_hmac
from integrations.providers.values import Record, text
from integrations.providers.woocommerce import events, problems, records

_API = "/wp-json/wc/v3"
_SIGNATURE = "X-WC-Webhook-Signature"
_PROBE = re.compile(rb"webhook_id=[0-9]{1,20}")
_LONGEST_KEY = 100
_MOST = "100"
_ALIKE = "50"
_PAGE = "20"


class WooCommerce(
    base.Provider,
    base.InventorySource,
    base.OrderSource,
    base.CatalogSource,
    base.CustomerSource,
    base.EventSource,
    base.ChangeSource,
):
    """Asks one shop with a consumer key (the user name) and its secret (the password)."""

    key = "woocommerce"
    name = "WooCommerce"
    docs_url = "https://developer.woocommerce.com/docs/apis/rest-api/"
    api_version = "wc/v3"
    auth = "basic"
    max_in_flight = 2
    # A webhook is taken as good at its making only if it is answered with 200.
    acknowledgement = base.Acknowledgement(status=200)
    proof = "ours"
    proof_words = "Enter it as the secret of each webhook."
    event_steps = (
        "In WordPress, open WooCommerce → Settings → Advanced → Webhooks and add one for each topic you need: order"
        " created and updated, product updated, customer created, updated and deleted.",
        "Status “Active”, the address as delivery URL.",
    )

    def check(self) -> base.Check:
        """Read an order, an article and the currency, which need the rights that look-ups need."""
        for kind in ("orders", "products"):
            self._list(kind, purpose="check", per_page="1", _fields="id")
        sells_in = f"; it sells in {currency}" if (currency := self._currency("check")) else ""
        return base.Check(ok=True, words=f"Connected to the shop, orders and stock can be read{sells_in}.")

    def stock(self, sku: str) -> base.Stock | None:
        """Return an article's stock, if the shop counts it. Raises: Refused where two articles share the SKU."""
        if not 0 < len(sku) <= _LONGEST_KEY:
            return None
        asked = {"sku": sku, "status": "publish", "per_page": _MOST, "_fields": records.ARTICLE_FIELDS}
        # What stands between commas is looked for, too; a shop that has no SKUs tells of everything.
        found = [record for record in self._list("products", purpose="stock", **asked) if record.get("sku") == sku]
        article = only(found, "Two articles have the same SKU.")
        available = records.available(article) if article else None
        return records.stock(article, available, self._currency("stock")) if article and available is not None else None

    def order(self, number: str) -> base.Order | None:
        """Return an order by its number, which plugins let differ from its id."""
        wanted = number.strip().removeprefix("#")
        if not 0 < len(wanted) <= _LONGEST_KEY:
            return None
        found = self._order(wanted) if wanted.isascii() and wanted.isdigit() else None
        if found and text(found.get("number")) == wanted:
            return records.order(found)
        asked = {"search": wanted, "per_page": _ALIKE, "_fields": records.ORDER_FIELDS}
        alike = map(records.order, self._list("orders", purpose="order", **asked))
        orders = [order for order in alike if order.number.lower() == wanted.lower()]
        if len(orders) > 1:
            raise Refused("Two orders have the same number.", code="ambiguous")
        return orders[0] if orders else None

    def _order(self, id: str) -> Record | None:
        reply = self._get(f"orders/{id}", purpose="order", _fields=records.ORDER_FIELDS)
        # Whether there is a shop at all the search says.
        return None if reply.status == 404 else _record(reply)

    def products(self, cursor: str = "") -> Page[Product]:
        """Return the articles of twenty products: each itself or, where it has variations, those."""
        if not (cursor or "1").isdecimal():
            raise Refused("There is no such page.", code="stale_cursor")
        page = int(cursor or 1)
        reply = self._page("products", page, per_page=_PAGE, orderby="id", order="asc")
        currency, found = "", []
        for record in _records(reply):
            currency = currency or self._currency("products")
            found += self._articles(record, currency)
        return Page(found, str(page + 1) if page < _pages(reply) else "")

    def _articles(self, record: Record, currency: str) -> list[Product]:
        id = records.record_id(record)
        if record.get("type") != "variable" or not id:
            return [records.product(record, currency)]
        found: list[Product] = []
        page, pages = 1, 1
        while page <= pages:
            reply = self._page(f"products/{id}/variations", page, per_page=_MOST)
            found += [records.product(one, currency, records.name(record)) for one in _records(reply)]
            page, pages = page + 1, _pages(reply)
        return found

    def customer(self, email: str) -> base.Customer | None:
        """Return who has an account under an e-mail address; who only bought as a guest has none."""
        wanted = email.strip().lower()
        if not wanted:
            return None
        # Without a role only those are told of who have bought.
        asked = {"email": wanted, "role": "all", "_fields": records.CUSTOMER_FIELDS}
        people = map(records.customer, self._list("customers", purpose="customer", **asked))
        # WordPress takes a star in it for anything.
        return next((person for person in people if person.email == wanted), None)

    def is_probe(self, received: base.Received) -> bool:
        """Tell whether a webhook was saved just now: the shop tries its address with its number, and signs nothing."""
        return bool(_PROBE.fullmatch(received.body)) and not received.header(_SIGNATURE)

    def verify(self, received: base.Received, secrets: Sequence[str]) -> None:
        """Check the signature of the body under the webhook's secret."""
        check_hmac(received.header(_SIGNATURE), received.body, secrets)

    def parse(self, received: base.Received) -> list[base.VendorEvent]:
        """Return what a webhook tells of orders, articles, their stock, and customers."""
        return events.told(received)

    @classmethod
    def cursor_at(cls, at: datetime) -> str:
        """Return the place of a time."""
        return cursor_at(at)

    def since(self, cursor: str) -> base.Changes:
        """Return what became of orders since then, for shops whose webhooks can't reach us."""
        return changes(cursor, self._changed_last, self._changed)

    def _changed_last(self) -> datetime | None:
        asked = {"orderby": "modified", "order": "desc", "per_page": "1", "_fields": "date_modified_gmt"}
        return next(map(records.changed_at, self._list("orders", purpose="changes", **asked)), None)

    def _changed(self, since: datetime, place: str) -> tuple[list[base.VendorEvent], str]:
        page = int(place or 1)
        asked = {"modified_after": f"{since:%Y-%m-%dT%H:%M:%S}", "dates_are_gmt": "true", "page": str(page)}
        asked |= {"orderby": "id", "order": "asc", "per_page": _ALIKE, "_fields": records.CHANGED_FIELDS}
        reply = self._get("orders", purpose="changes", **asked)
        told = [event for record in _records(reply) for event in events.changed(record, since)]
        return told, str(page + 1) if page < _pages(reply) else ""

    def _currency(self, purpose: str) -> str:
        """Return what prices are in: articles don't say it."""
        return text(_record(self._get("data/currencies/current", purpose=purpose, _fields="code")).get("code"))

    def _list(self, path: str, *, purpose: str, **params: str) -> list[Record]:
        return _records(self._get(path, purpose=purpose, **params))

    def _page(self, path: str, page: int, **params: str) -> Reply:
        asked = {"status": "publish", "page": str(page), "_fields": f"{records.ARTICLE_FIELDS},attributes", **params}
        return self._get(path, purpose="products", **asked)

    def _get(self, path: str, *, purpose: str, **params: str) -> Reply:
        most = 16_000_000 if purpose == "products" else 1_000_000
        return self.session.request("GET", f"{_API}/{path}", purpose=purpose, params=params, max_bytes=most)


def _record(reply: Reply) -> dict[str, Any]:
    problems.raise_for(reply)
    body = reply.json()
    if not isinstance(body, dict):
        raise garbled(reply.status)
    return body


def _records(reply: Reply) -> list[Record]:
    problems.raise_for(reply)
    body = reply.json()
    if not isinstance(body, list) or not all(isinstance(record, dict) for record in body):
        raise garbled(reply.status)
    return body


def _pages(reply: Reply) -> int:
    return int(number_in(reply.headers, "X-WP-TotalPages") or 0)
