"""WooCommerce's REST API wc/v3, as far as a connector needs it: it reads orders, articles and customers.

- Whoever has no key is a stranger who may not look (401 woocommerce_rest_cannot_view); a wrong secret is said so.
- What an article or an order is found by: SKUs as a list of exact ones, an order's search in all its texts, an e-mail
  address with stars for anything, and customers only if they have bought, unless `role` is `all`.
- Plain HTTP is let in with Basic authentication here; a real shop wants HTTPS for that.

Source: https://developer.woocommerce.com/docs/apis/rest-api/, the controllers of WooCommerce 11.
"""

from __future__ import annotations

import fnmatch
import json
import math
from collections.abc import Iterable
from typing import Any, ClassVar

from integrations.sandbox.vendor import RefusedError, Table, Vendor, is_key, route
from integrations.sandbox.wire import Reply, Request, json_reply, utc_now

KEY, SECRET = "ck_sandbox", "cs_sandbox"
API = "/wp-json/wc/v3"
_PARCELS = "_wc_shipment_tracking_items"


def _article(number: int, sku: str, name: str, price: str, count: int | None, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "type": "simple",
        "status": "publish",
        "permalink": f"https://shop.example/product/{number}/",
        "sku": sku,
        "price": price,
        "purchasable": bool(price),
        "manage_stock": count is not None,
        "stock_quantity": count,
        "stock_status": "outofstock" if count == 0 else "instock",
        "parent_id": 0,
        "attributes": [],
        **more,
    }


def _variation(number: int, sku: str, option: str, count: int | None, **more: Any) -> dict[str, Any]:
    chosen = {"attributes": [{"id": 0, "name": "Finish", "option": option}]}
    return _article(number, sku, option, "149.00", count, type="variation", parent_id=12, **chosen, **more)


def _order(id: int, status: str, email: str, total: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "number": str(id),
        "status": status,
        "currency": "EUR",
        "date_created": "2026-11-20T11:00:00",
        "date_created_gmt": "2026-11-20T10:00:00",
        "date_modified_gmt": "2026-11-20T10:00:00",
        "date_completed_gmt": "2026-11-20T10:00:00" if status == "completed" else None,
        "total": total,
        "customer_id": 0,
        "customer_ip_address": "192.0.2.7",
        "billing": {"first_name": "", "last_name": "", "email": email, "phone": "", "address_1": "Hauptstr. 1"},
        "meta_data": [],
        **more,
    }


def _parcel(number: str) -> list[dict[str, Any]]:
    return [{"id": 1, "key": _PARCELS, "value": [{"tracking_provider": "dhl-de", "tracking_number": number}]}]


def _customer(number: int, email: str, role: str, first_name: str, phone: str) -> dict[str, Any]:
    billing = {"email": email, "phone": phone, "address_1": "Hauptstr. 1"}
    person = {"first_name": first_name, "last_name": "", "role": role, "username": first_name.lower()}
    return {"id": number, "email": email, **person, "billing": billing, "is_paying_customer": role == "customer"}


PRODUCTS = (
    _article(11, "LAMP-01", "Desk lamp", "70.00", 5),
    _article(12, "LAMP-02", "Floor lamp", "149.00", None, type="variable"),
    _article(14, "GIFT-50", "Gift card", "50.00", None),
    _article(15, "OLD-01", "Oil lamp", "9.00", None, stock_status="outofstock"),
    _article(16, "SOON-01", "Lamp of next year", "99.00", 3, status="draft"),
    _article(17, "SET, LARGE", "Lamps &amp; shades", "199.00", 2),
)
VARIATIONS = (
    _variation(21, "LAMP-02-BR", "Brass", 0),
    _variation(22, "LAMP-02-BK", "Black", -2, manage_stock="parent", stock_status="onbackorder"),
)
ORDERS = (
    _order(1001, "completed", "anna@example.com", "129.90", meta_data=_parcel("JD0146")),
    _order(1002, "processing", "ben@example.com", "70.00"),
    _order(1003, "delivered", "anna@example.com", "9.00"),
    _order(1004, "cancelled", "ben@example.com", "9.00"),
    _order(1005, "pending", "cleo@example.com", "9.00", number="W-1005"),
    # A plugin counts for itself, so that numbers are ids of other orders.
    _order(1006, "on-hold", "cleo@example.com", "19.00", number="1007"),
    _order(1007, "processing", "ben@example.com", "29.00", number="1008"),
)
CUSTOMERS = (
    _customer(25, "anna@example.com", "customer", "Anna", "+49 30 5550101"),
    _customer(26, "Cleo@example.com", "subscriber", "Cleo", ""),
)


class WooCommerce(Vendor):
    """The imitation of one shop."""

    key: ClassVar[str] = "woocommerce"
    name: ClassVar[str] = "WooCommerce"
    schema: ClassVar[str] = (
        "CREATE TABLE IF NOT EXISTS woocommerce_orders (id INTEGER PRIMARY KEY, record TEXT NOT NULL);"
    )
    routes = (
        route("GET", f"{API}/orders", "orders"),
        route("GET", f"{API}/orders/{{order}}", "order"),
        route("GET", f"{API}/products", "products"),
        route("GET", f"{API}/products/{{product}}/variations", "variations"),
        route("GET", f"{API}/customers", "customers"),
        route("GET", f"{API}/data/currencies/current", "currency"),
    )

    def admit(self, request: Request) -> Reply | None:
        user, password = request.basic()
        if user != KEY:
            raise RefusedError("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", 401)
        if not is_key(password, SECRET):
            raise RefusedError("woocommerce_rest_authentication_error", "Consumer secret is invalid.", 401)
        # WooCommerce has no limit of its own; who hosts it may.
        return None if self.take(request).is_allowed else Reply(429)

    def tell(self, request: Request, refused: RefusedError) -> Reply:
        return _error(refused.status, refused.code, refused.message)

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        if status in (404, 405):
            return _error(404, "rest_no_route", "No route was found matching the URL and request method.")
        return _error(status, "internal_server_error", message or "There has been a critical error on this website.")

    def seed(self) -> None:
        with self.store.transaction() as db:
            rows = [(order["id"], json.dumps(order)) for order in ORDERS]
            db.executemany("INSERT INTO woocommerce_orders VALUES (?, ?)", rows)

    def _orders(self) -> list[dict[str, Any]]:
        return [json.loads(text) for (text,) in self.store.rows("SELECT record FROM woocommerce_orders ORDER BY id")]

    def change(self, kind: str, id: str, values: dict[str, Any]) -> bool:
        """Change an order as the shop's people do."""
        found = next((one for one in self._orders() if kind == "orders" and str(one["id"]) == id), None)
        if found is None:
            return False
        now = utc_now()[:19]
        sent_at = now if values.get("status") == "completed" else found["date_completed_gmt"]
        changed = {**found, **values, "date_modified_gmt": now, "date_completed_gmt": sent_at}
        with self.store.transaction() as db:
            db.execute("UPDATE woocommerce_orders SET record = ? WHERE id = ?", (json.dumps(changed), int(id)))
        return True

    def orders(self, request: Request) -> Reply:
        """Orders whose texts hold what is searched, or that were changed after a time."""
        wanted, after = request.parameter("search").lower(), request.parameter("modified_after")
        if after and request.parameter("dates_are_gmt") != "true":
            raise RefusedError("rest_invalid_param", "Times of the shop's own zone aren't imitated.")
        found = [
            order
            for order in self._orders()
            if wanted in str(order).lower() and (not after or order["date_modified_gmt"] > after)
        ]
        column = {"modified": "date_modified_gmt", "id": "id"}.get(request.parameter("orderby"), "id")
        found.sort(key=lambda order: order[column], reverse=request.parameter("order", "desc") == "desc")
        return _page(request, found)

    def order(self, request: Request, order: str) -> Reply:
        """One order by its id."""
        found = next((one for one in self._orders() if str(one["id"]) == order), None)
        if found is None:
            raise RefusedError("woocommerce_rest_shop_order_invalid_id", "Invalid ID.", 404)
        return json_reply(200, _chosen(request, found))

    def products(self, request: Request) -> Reply:
        """Products; by SKU their variations, too."""
        sku = request.parameter("sku")
        skus = {*sku.split(","), sku}
        found = [one for one in (*PRODUCTS, *VARIATIONS) if one["sku"] in skus] if sku else PRODUCTS
        return _page(request, found)

    def variations(self, request: Request, product: str) -> Reply:
        """The variations of one product."""
        return _page(request, (one for one in VARIATIONS if str(one["parent_id"]) == product))

    def customers(self, request: Request) -> Reply:
        """Who has an account."""
        pattern = request.parameter("email", "*").lower()
        role = request.parameter("role", "customer")
        found = (one for one in CUSTOMERS if role in ("all", one["role"]))
        return _page(request, (one for one in found if fnmatch.fnmatchcase(one["email"].lower(), pattern)))

    def currency(self, request: Request) -> Reply:
        """What prices are in."""
        return json_reply(200, _chosen(request, {"code": "EUR", "name": "Euro", "symbol": "&euro;"}))

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        held = {"orders": self._orders(), "products": (*PRODUCTS, *VARIATIONS), "customers": CUSTOMERS}
        return list(held[kind]) if kind in held else None

    def tables(self) -> list[Table]:
        orders = [(order["number"], order["billing"]["email"], order["status"]) for order in self._orders()]
        return [Table("Orders in WooCommerce", ("Order", "E-mail", "Status"), orders, len(orders))]


def _page(request: Request, found: Iterable[dict[str, Any]]) -> Reply:
    """A page of records, with how many there are in headers."""
    status = request.parameter("status", "any")
    every = [one for one in found if status in ("any", one.get("status"))]
    size, number = _whole(request, "per_page", 10, 100), _whole(request, "page", 1, 10**6)
    headers = {"X-WP-Total": str(len(every)), "X-WP-TotalPages": str(math.ceil(len(every) / size))}
    return json_reply(200, [_chosen(request, one) for one in every[(number - 1) * size : number * size]], headers)


def _whole(request: Request, name: str, default: int, highest: int) -> int:
    text = request.parameter(name, str(default))
    if not text.isdecimal() or not 0 < int(text) <= highest:
        raise RefusedError("rest_invalid_param", f"Invalid parameter(s): {name}")
    return int(text)


def _chosen(request: Request, record: dict[str, Any]) -> dict[str, Any]:
    """The fields that are asked for, those of a part after a dot."""
    asked = [name for name in request.parameter("_fields").split(",") if name]
    if not asked:
        return record
    chosen: dict[str, Any] = {}
    for name in asked:
        whole, _, part = name.partition(".")
        if part and part in record.get(whole, {}):
            chosen.setdefault(whole, {})[part] = record[whole][part]
        elif not part and whole in record:
            chosen[whole] = record[whole]
    return chosen


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"code": code, "message": message, "data": {"status": status}})
