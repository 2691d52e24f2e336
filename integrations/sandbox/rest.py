"""A small company's own JSON API, such as nobody wrote a connector for; it describes itself as OpenAPI 3.1.

- A contact that is created twice is there twice, unless an `Idempotency-Key` says that it is the same.
- What isn't known is a 404; an order is in `data`, contacts and shops are lists that may be empty.
- A contact whose address a dial names is answered with 200 and `{"ok": false}`, as some APIs do.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, ClassVar

from integrations.sandbox.store import record_effects
from integrations.sandbox.vendor import EMAIL, RefusedError, Table, Vendor, is_key, route
from integrations.sandbox.wire import Reply, Request, json_reply, utc_now

KEY = "sandbox-rest-key"
DOCUMENT = Path(__file__).with_name("rest_openapi.json")
ITEMS: dict[str, dict[str, Any]] = {
    "LAMP-01": {"code": "LAMP-01", "title": "Desk lamp", "available": 12, "price": 39.9, "currency": "EUR"},
    "MUG/RED": {"code": "MUG/RED", "title": "Red mug", "available": 0, "price": 8.5, "currency": "EUR"},
}
ORDERS: dict[str, dict[str, Any]] = {
    "R-1001": {
        "number": "R-1001",
        "state": "sent",
        "created_at": "2026-11-20T09:30:00Z",
        "expected_at": "2026-11-27",
        "total": 48.4,
        "currency": "EUR",
        "customer": {"email": "anna@example.com", "phone": "+49305550101"},
        "parcels": [{"tracking_number": "00340434", "carrier": "DHL"}],
    },
    "R-1002": {
        "number": "R-1002",
        "state": "open",
        "created_at": "2026-11-25T18:00:00Z",
        "total": 8.5,
        "currency": "EUR",
        "customer": {"email": "ben@example.com"},
        "parcels": [],
    },
}
STORES = ({"town": "Berlin", "street": "Lampenweg 1", "opening_hours": "Mo-Sa 10:00-19:00"},)
_CODES = {400: "bad_request", 401: "not_authorized", 404: "not_found", 405: "method_not_allowed", 429: "too_many"}


class Rest(Vendor):
    """The imitation of a back office that somebody wrote for themselves."""

    key: ClassVar[str] = "rest"
    name: ClassVar[str] = "JSON API"
    schema: ClassVar[str] = (
        "CREATE TABLE IF NOT EXISTS rest_contacts (id TEXT PRIMARY KEY, fields TEXT NOT NULL,"
        " idempotency_key TEXT UNIQUE, changed_at TEXT NOT NULL);"
        "CREATE TABLE IF NOT EXISTS rest_returns (id TEXT PRIMARY KEY, fields TEXT NOT NULL,"
        " idempotency_key TEXT UNIQUE, changed_at TEXT NOT NULL);"
    )
    routes = (
        route("GET", "/openapi.json", "document"),
        route("GET", "/v1/me", "me"),
        route("GET", "/v1/contacts", "find_contacts"),
        route("POST", "/v1/contacts", "create_contact"),
        route("PUT", "/v1/contacts/{contact_id}", "update_contact"),
        route("DELETE", "/v1/contacts/{contact_id}", "delete_contact"),
        route("GET", "/v1/items/{item_code}/stock", "stock"),
        route("GET", "/v1/orders/{order_number}", "order"),
        route("GET", "/v1/stores", "stores"),
        route("POST", "/v1/returns", "announce_return"),
    )

    def admit(self, request: Request) -> Reply | None:
        if request.path == "/openapi.json":
            return None
        if not is_key(request.bearer(), KEY):
            return self.refuse(request, 401, "The key is wrong.")
        if not self.take(request).is_allowed:
            return self.refuse(request, 429, "Too many requests.")
        return None

    def tell(self, request: Request, refused: RefusedError) -> Reply:
        return _error(refused.status, refused.code, refused.message)

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        return _error(status, _CODES.get(status, "failed"), message or "That did not work.")

    def document(self, request: Request) -> Reply:
        """The API's own description."""
        return json_reply(200, json.loads(DOCUMENT.read_text(encoding="utf-8")))

    def me(self, request: Request) -> Reply:
        """Whose key it is."""
        return json_reply(200, {"company": "Lamps & Mugs"})

    def stock(self, request: Request, item_code: str) -> Reply:
        """An article."""
        return json_reply(200, {"item": _known(ITEMS, item_code)})

    def order(self, request: Request, order_number: str) -> Reply:
        """An order."""
        return json_reply(200, {"data": _known(ORDERS, order_number)})

    def stores(self, request: Request) -> Reply:
        """The shops of a town."""
        town = request.parameter("town").casefold()
        return json_reply(200, {"stores": [store for store in STORES if store["town"].casefold() == town]})

    def find_contacts(self, request: Request) -> Reply:
        """Contacts by their address."""
        email = request.parameter("email").casefold()
        found = [row for row in self.rows("contacts") or [] if str(row.get("email", "")).casefold() == email]
        return json_reply(200, {"items": found})

    def create_contact(self, request: Request) -> Reply:
        """A new contact, the same for the same key."""
        fields = _contact(request)
        if request.dials.fails(fields["email"]):
            return json_reply(200, {"ok": False, "message": f"{fields['email']} was not stored"})
        return json_reply(201, self._create(request, "rest_contacts", fields, fields["email"]))

    def announce_return(self, request: Request) -> Reply:
        """A parcel that comes back."""
        body = request.json()
        if not isinstance(body, dict) or not body.get("reason") or body.get("order_number") not in ORDERS:
            raise RefusedError("unknown_order", "There is no such order, or no reason.", 422)
        made = self._create(request, "rest_returns", body, str(body["order_number"]))
        return json_reply(201, {"id": made["id"], "label_url": f"https://labels.example.com/{made['id']}"})

    def _create(self, request: Request, table: str, fields: dict[str, Any], effect: str) -> dict[str, Any]:
        key = request.headers.get("Idempotency-Key")
        with self.store.transaction() as db:
            same = db.execute(f"SELECT id, fields FROM {table} WHERE idempotency_key = ?", (key,)).fetchone()
            if same:
                return {"id": same[0], **json.loads(same[1])}
            (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
            new_id = f"{table[5]}{count + 1}"
            db.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", (new_id, json.dumps(fields), key, utc_now()))
            record_effects(db, self.key, request.request_id, [("create", effect, _sent(fields))])
        return {"id": new_id, **fields}

    def update_contact(self, request: Request, contact_id: str) -> Reply:
        """A contact written over."""
        fields = _contact(request)
        with self.store.transaction() as db:
            self._touch(db, contact_id)
            values = (json.dumps(fields), utc_now(), contact_id)
            db.execute("UPDATE rest_contacts SET fields = ?, changed_at = ? WHERE id = ?", values)
            record_effects(db, self.key, request.request_id, [("update", fields["email"], _sent(fields))])
        return json_reply(200, {"id": contact_id, **fields})

    def delete_contact(self, request: Request, contact_id: str) -> Reply:
        """A contact gone."""
        with self.store.transaction() as db:
            self._touch(db, contact_id)
            db.execute("DELETE FROM rest_contacts WHERE id = ?", (contact_id,))
            record_effects(db, self.key, request.request_id, [("erase", contact_id, {})])
        return Reply(204)

    def _touch(self, db: sqlite3.Connection, contact_id: str) -> None:
        if not db.execute("SELECT 1 FROM rest_contacts WHERE id = ?", (contact_id,)).fetchone():
            raise RefusedError("not_found", "There is no such contact.", 404)

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        if kind not in {"contacts", "returns"}:
            return None
        with self.store.transaction() as db:
            found = db.execute(f"SELECT id, fields FROM rest_{kind} ORDER BY changed_at, id").fetchall()
        return [{"id": row[0], **json.loads(row[1])} for row in found]

    def tables(self) -> list[Table]:
        columns, contacts = ("ID", "E-mail", "Note"), self.rows("contacts") or []
        told = ("id", "email", "note")
        return [Table.newest("Contacts of the JSON API", columns, contacts, lambda row: tuple(map(row.get, told)))]


def _contact(request: Request) -> dict[str, Any]:
    body = request.json()
    email = body.get("email") if isinstance(body, dict) else None
    if not isinstance(email, str) or not EMAIL.match(email):
        raise RefusedError("invalid_email", f"{email} is no e-mail address.", 422)
    return dict(body)


def _known(records: dict[str, dict[str, Any]], key: str) -> dict[str, Any]:
    if key not in records:
        raise RefusedError("not_found", f"There is no {key}.", 404)
    return records[key]


def _sent(fields: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"code": code, "message": message})
