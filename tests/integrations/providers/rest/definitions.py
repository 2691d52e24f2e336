"""Endpoints as an administrator defines them for the sandbox's JSON API."""

from typing import Any

LEAD: dict[str, Any] = {
    "name": "create_contact",
    "label": "Create a contact",
    "use": "lead",
    "method": "POST",
    "path": "/v1/contacts",
    "answer": [{"field": "external_id", "source": "id"}],
    "failed_if": "ok == `false`",
    "idempotency_header": "Idempotency-Key",
    "suggested": {
        "email": "email",
        "name.first": "first_name",
        "name.last": "last_name",
        "note": "message",
    },
}
LEAD_UPDATE: dict[str, Any] = {
    "name": "update_contact",
    "label": "Write over a contact",
    "use": "lead_update",
    "method": "PUT",
    "path": "/v1/contacts/{external_id}",
}
ERASE: dict[str, Any] = {
    "name": "delete_contact",
    "label": "Delete a contact",
    "use": "erase",
    "method": "DELETE",
    "path": "/v1/contacts/{external_id}",
}
STOCK: dict[str, Any] = {
    "name": "stock",
    "label": "Stock of an article",
    "use": "stock",
    "path": "/v1/items/{sku}/stock",
    "record": "item",
    "answer": [
        {"field": "sku", "source": "code"},
        {"field": "name", "source": "title"},
        {"field": "available", "source": "available"},
        {"field": "price", "source": "price"},
        {"field": "currency", "source": "currency"},
    ],
}
ORDER: dict[str, Any] = {
    "name": "order",
    "label": "Get an order",
    "use": "order",
    "path": "/v1/orders/{number}",
    "record": "data",
    "answer": [
        {"field": "number", "source": "number"},
        {"field": "status", "source": "state"},
        {"field": "email", "source": "customer.email"},
        {"field": "placed_at", "source": "created_at"},
        {"field": "total", "source": "total"},
        {"field": "currency", "source": "currency"},
        {"field": "tracking_number", "source": "parcels[].tracking_number"},
        {"field": "carrier", "source": "parcels[].carrier"},
    ],
}
CUSTOMER: dict[str, Any] = {
    "name": "customer",
    "label": "Find contacts",
    "use": "customer",
    "path": "/v1/contacts",
    "query": [{"field": "email", "source": "email"}],
    "record": "items",
    "answer": [
        {"field": "email", "source": "email"},
        {"field": "record_id", "source": "id"},
        {"field": "first_name", "source": "name.first"},
    ],
    "has_personal_address": True,
}
READ: dict[str, Any] = {
    "name": "opening_hours",
    "label": "Opening hours of the shop in a town",
    "use": "read",
    "path": "/v1/stores",
    "query": [{"field": "town", "source": "town"}],
    "record": "stores",
    "answer": [{"field": "street", "source": "street"}, {"field": "hours", "source": "opening_hours"}],
    "arguments": [["town", "Which town are you in?"]],
}
WRITE: dict[str, Any] = {
    "name": "announce_return",
    "label": "Announce a return",
    "use": "write",
    "method": "POST",
    "path": "/v1/returns",
    "body": [{"field": "order_number", "source": "order_number"}, {"field": "reason", "source": "reason"}],
    "answer": [{"field": "return_id", "source": "id"}],
    "arguments": [["order_number", "Which order is it?"], ["reason", "Why does it come back?"]],
    "idempotency_header": "Idempotency-Key",
}
EVERY = [LEAD, LEAD_UPDATE, ERASE, STOCK, ORDER, CUSTOMER, READ, WRITE]


def config(*endpoints: dict[str, Any], **told: Any) -> dict[str, Any]:
    """Return a connector's settings with these endpoints, or with every one."""
    return {"auth": "bearer", "check_path": "/v1/me", "endpoints": list(endpoints or EVERY), **told}


def strict() -> dict[str, Any]:
    """Return every endpoint for an API that doesn't say by 404 that something isn't known."""
    by_email = {**ERASE, "path": "/v1/contacts/{email}", "has_personal_address": True}
    endpoints = [by_email if each is ERASE else {**each, "missing_status": []} for each in EVERY]
    return config(*endpoints)
