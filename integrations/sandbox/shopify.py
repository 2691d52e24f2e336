"""Shopify's Admin GraphQL API 2026-07, as far as a connector needs it: operations are told apart by their first field.

It executes no GraphQL: it answers whole records, whichever of their fields were asked for.
- Errors come with status 200, in `errors` or in `userErrors`; every answer tells the bucket of costs.
- A search also finds what is alike: the beginning of a SKU is enough.

Source: https://shopify.dev/docs/api/admin-graphql/2026-07, https://shopify.dev/docs/api/usage/limits.
"""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any, ClassVar

from integrations.sandbox.store import Store, record_effects
from integrations.sandbox.vendor import EMAIL, RefusedError, Table, Vendor, is_key, route
from integrations.sandbox.wire import Reply, Request, json_reply, utc_now

TOKEN = "shpat_sandbox"  # noqa: S105 (of an imitation)
COST, SIZE, RATE = 12.0, 2_000.0, 100.0
PAGE = 2
_FIELD = re.compile(r"\A\s*(?:query|mutation)\b[^{]*\{\s*(.*)\Z", re.DOTALL)
_PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"')
_STATES = {"SUBSCRIBED", "UNSUBSCRIBED", "PENDING"}
SHOP = {"name": "Lamps & Mugs", "currencyCode": "EUR", "id": "gid://shopify/Shop/1"}


def _variant(number: int, sku: str, title: str, own: str, price: str, counts: tuple[int, ...] | None) -> dict[str, Any]:
    levels = [{"quantities": [{"name": "available", "quantity": count}]} for count in counts or ()]
    return {
        "id": f"gid://shopify/ProductVariant/{number}",
        "sku": sku,
        "title": own,
        "price": price,
        "inventoryItem": {"tracked": counts is not None, "inventoryLevels": {"nodes": levels}},
        "product": {"title": title, "status": "ACTIVE", "onlineStoreUrl": f"https://lamps.example/{number}"},
    }


def _order(number: int, status: str, email: str, total: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/Order/{number}",
        "name": f"#{number}",
        "email": email,
        "phone": None,
        "createdAt": "2026-11-20T10:00:00Z",
        "cancelledAt": None,
        "displayFulfillmentStatus": status,
        "customer": None,
        "totalPriceSet": {"shopMoney": {"amount": total, "currencyCode": "EUR"}},
        "fulfillments": [],
        **more,
    }


def _parcel(number: str, state: str) -> dict[str, Any]:
    info = [{"number": number, "company": "DHL"}]
    return {"status": "SUCCESS", "displayStatus": state, "estimatedDeliveryAt": None, "trackingInfo": info}


VARIANTS = (
    _variant(11, "LAMP-01", "Desk lamp", "Default Title", "70.00", (3, 2)),
    _variant(12, "LAMP-02", "Floor lamp", "Brass", "149.00", (0,)),
    _variant(13, "LAMP-02-B", "Floor lamp", "Black", "149.00", (7,)),
    _variant(14, "GIFT-50", "Gift card", "Default Title", "50.00", None),
    _variant(15, "TWIN", "Twin", "Left", "9.00", (1,)),
    _variant(16, "TWIN", "Twin", "Right", "9.00", (1,)),
)
ORDERS = (
    _order(1001, "FULFILLED", "anna@example.com", "129.90", fulfillments=[_parcel("JD0146", "IN_TRANSIT")]),
    _order(1002, "UNFULFILLED", "ben@example.com", "70.00"),
    _order(1003, "FULFILLED", "anna@example.com", "9.00", fulfillments=[_parcel("JD0147", "DELIVERED")]),
    _order(1004, "UNFULFILLED", "ben@example.com", "9.00", cancelledAt="2026-11-21T10:00:00Z"),
)


class Shopify(Vendor):
    """The imitation of one shop."""

    key: ClassVar[str] = "shopify"
    name: ClassVar[str] = "Shopify"
    schema: ClassVar[str] = (
        "CREATE TABLE IF NOT EXISTS shopify_customers (id INTEGER PRIMARY KEY AUTOINCREMENT,"
        " email TEXT NOT NULL UNIQUE, entered TEXT NOT NULL, state TEXT NOT NULL, changed_at TEXT NOT NULL);"
    )
    routes = (route("POST", "/admin/api/2026-07/graphql.json", "execute"),)

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._lock = threading.Lock()
        self._left, self._at = SIZE, time.monotonic()

    def reload(self) -> None:
        """Begin with a full bucket."""
        self._left, self._at = SIZE, time.monotonic()

    def admit(self, request: Request) -> Reply | None:
        if is_key(request.headers.get("X-Shopify-Access-Token", ""), TOKEN):
            return None
        return self.refuse(request, 401, "[API] Invalid API key or access token (unrecognized login or wrong password)")

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        return json_reply(status, {"errors": message or "Not Found"})

    def execute(self, request: Request) -> Reply:
        """Answer one document."""
        body = request.json()
        document, variables = (body.get("query"), body.get("variables") or {}) if isinstance(body, dict) else ("", {})
        begins = _FIELD.match(document) if isinstance(document, str) else None
        field = re.match(r"\w+", begins[1]) if begins else None
        fields = {"shop", "orders", "customerByIdentifier", *_MUTATIONS}
        is_over, cost = self._spend(request)
        if is_over:
            return _answer({"errors": [_error("THROTTLED")]}, cost)
        if field is None or field[0] not in fields or not isinstance(variables, dict):
            return _answer({"errors": [_error("undefinedField")]}, cost)
        try:
            if field[0] in _MUTATIONS:
                return _answer({"data": {field[0]: self._change(request, field[0], variables)}}, cost)
            return _answer({"data": self._read(field[0], str(document), variables)}, cost)
        except RefusedError as refused:
            # What names a field of what was entered is no error of the request.
            if refused.about is None:
                return _answer({"errors": [_error(refused.code)]}, cost)
            said = {"field": refused.about, "message": f"{refused.about[-1]} is invalid", "code": refused.code}
            return _answer({"data": {field[0]: {"userErrors": [said]}}}, cost)

    def _spend(self, request: Request) -> tuple[bool, dict[str, Any]]:
        """Take the cost of one document out of the bucket, which fills again by itself."""
        dial = request.dials.value("rate_limit")
        with self._lock:
            now = time.monotonic()
            self._left = min(SIZE, self._left + (now - self._at) * RATE)
            self._at = now
            is_over = self._left < COST or (dial is not None and dial["requests"] == 0)
            left = 0.0 if is_over else self._left - COST
            self._left = self._left if is_over else left
        bucket = {"maximumAvailable": SIZE, "currentlyAvailable": left, "restoreRate": RATE}
        return is_over, {"requestedQueryCost": COST, "throttleStatus": bucket}

    def _read(self, field: str, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        search = variables.get("search")
        if field == "customerByIdentifier":
            return {field: self._find(_text(variables.get("email")))}
        if field == "orders":
            names = [_unquoted(phrase).removeprefix("#") for phrase in _PHRASE.findall(_text(search))]
            return {field: {"nodes": [order for order in ORDERS if order["name"].removeprefix("#") in names]}}
        data: dict[str, Any] = {"shop": SHOP}
        if search is not None:
            wanted = next(map(_unquoted, _PHRASE.findall(_text(search))), "")
            found = [variant for variant in VARIANTS if wanted and variant["sku"].startswith(wanted)]
            return data | {"productVariants": {"nodes": found}}
        if "pageInfo" not in document:
            return data | {"orders": {"nodes": ORDERS[:1]}, "productVariants": {"nodes": VARIANTS[:1]}}
        cursor = variables.get("cursor")
        if cursor is not None and not str(cursor).isdigit():
            raise RefusedError("INVALID_CURSOR")
        start = int(cursor or 0)
        info = {"hasNextPage": start + PAGE < len(VARIANTS), "endCursor": str(start + PAGE)}
        return data | {"productVariants": {"nodes": VARIANTS[start : start + PAGE], "pageInfo": info}}

    def _find(self, email: str) -> dict[str, Any] | None:
        return next((row for row in self.rows("customers") or [] if row["email"] == email.lower()), None)

    def _change(self, request: Request, field: str, variables: dict[str, Any]) -> dict[str, Any]:
        if field == "customerSet":
            return {"customer": self._set(request, variables), "userErrors": []}
        given = variables.get("input") if field == "customerEmailMarketingConsentUpdate" else variables
        values = given if isinstance(given, dict) else {}
        id = _text(values.get("customerId") or values.get("id"))
        row = next((row for row in self.rows("customers") or [] if row["id"] == id), None)
        if row is None and field == "customerEmailMarketingConsentUpdate":
            raise RefusedError("INVALID", about=["input", "customerId"])
        if row is None:
            raise RefusedError("DOES_NOT_EXIST", about=["customerId"])
        with self.store.transaction() as db:
            if field == "customerRequestDataErasure":
                db.execute("DELETE FROM shopify_customers WHERE email = ?", (row["email"],))
                record_effects(db, self.key, request.request_id, [("erase", row["email"], {})])
                return {"customerId": id, "userErrors": []}
            state = (values.get("emailMarketingConsent") or {}).get("marketingState")
            if state not in _STATES:
                # Of the states that can't be entered it says so as an error of the request.
                raise RefusedError("INVALID" if state in {"NOT_SUBSCRIBED", "REDACTED"} else "INVALID_VARIABLE")
            db.execute("UPDATE shopify_customers SET state = ? WHERE email = ?", (state, row["email"]))
            record_effects(db, self.key, request.request_id, [("consent", row["email"], {"state": state})])
        return {"customer": {"id": id}, "userErrors": []}

    def _set(self, request: Request, variables: dict[str, Any]) -> dict[str, Any]:
        given = variables.get("input")
        values = dict(given) if isinstance(given, dict) else {}
        email = _text(variables.get("email")).lower()
        if set(values) - {"email", "firstName", "lastName", "phone", "note", "locale", "tags"}:
            raise RefusedError("INVALID_VARIABLE")
        if not EMAIL.match(email) or values.pop("email", email) != email or request.dials.fails(email):
            raise RefusedError("INVALID", about=["input", "email"])
        with self.store.transaction() as db:
            row = db.execute("SELECT entered FROM shopify_customers WHERE email = ?", (email,)).fetchone()
            kept = {**(json.loads(row[0]) if row else {}), **values}
            db.execute(
                "INSERT INTO shopify_customers (email, entered, state, changed_at) VALUES (?, ?, 'NOT_SUBSCRIBED', ?)"
                " ON CONFLICT (email) DO UPDATE SET entered = excluded.entered, changed_at = excluded.changed_at",
                (email, json.dumps(kept), utc_now()),
            )
            sent = {name: str(value) for name, value in values.items()}
            record_effects(db, self.key, request.request_id, [("update" if row else "create", email, sent)])
            [number] = db.execute("SELECT id FROM shopify_customers WHERE email = ?", (email,)).fetchone()
        return {"id": f"gid://shopify/Customer/{number}"}

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        if kind == "orders":
            return list(ORDERS)
        if kind != "customers":
            return None
        found = self.store.rows("SELECT id, email, entered, state, changed_at FROM shopify_customers ORDER BY id")
        return [_shown(*row) for row in found]

    def tables(self) -> list[Table]:
        columns = ("id", "email", "firstName", "lastName", "state", "updatedAt")
        heads = ("ID", "E-mail", "First name", "Last name", "Marketing", "Changed")
        people = self.rows("customers") or []
        orders = [(order["name"], order["email"], order["displayFulfillmentStatus"]) for order in ORDERS]
        return [
            Table.newest("Customers in Shopify", heads, people, lambda row: tuple(row[name] or "" for name in columns)),
            Table("Orders in Shopify", ("Order", "E-mail", "Fulfilment"), orders, len(orders)),
        ]


_MUTATIONS = {"customerSet", "customerEmailMarketingConsentUpdate", "customerRequestDataErasure"}


def _shown(number: int, email: str, entered: str, state: str, changed_at: str) -> dict[str, Any]:
    values = json.loads(entered)
    return {
        "id": f"gid://shopify/Customer/{number}",
        "email": email,
        "firstName": values.get("firstName"),
        "lastName": values.get("lastName"),
        "numberOfOrders": str(sum(order["email"] == email for order in ORDERS)),
        "defaultEmailAddress": {"emailAddress": email, "marketingState": state},
        "defaultPhoneNumber": {"phoneNumber": values["phone"]} if values.get("phone") else None,
        "state": state,
        "updatedAt": changed_at,
    }


def _unquoted(phrase: str) -> str:
    return re.sub(r"\\(.)", r"\1", phrase)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _error(code: str) -> dict[str, Any]:
    return {"message": code.capitalize(), "extensions": {"code": code}}


def _answer(body: dict[str, Any], cost: dict[str, Any]) -> Reply:
    return json_reply(200, {**body, "extensions": {"cost": cost}})
