"""What Shopify's webhooks tell. Pure.

Source: https://shopify.dev/docs/apps/build/webhooks, https://shopify.dev/docs/api/webhooks (2026-07).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from integrations.providers.base import Received, VendorEvent
from integrations.providers.errors import Refused
from integrations.providers.values import moment

_ORDERS = {
    "orders/create": "order.created",
    "orders/updated": "order.updated",
    "orders/fulfilled": "order.shipped",
    "orders/partially_fulfilled": "order.shipped",
    "orders/cancelled": "order.cancelled",
}
_CHANGED = ("customers/create", "customers/update")
_CONTACTS = {**dict.fromkeys(_CHANGED, "contact.changed"), "customers/delete": "contact.deleted"}
_CONSENTS = {"subscribed": "contact.subscribed", "unsubscribed": "contact.unsubscribed"}
_LONGEST_ID = 100


def told(received: Received) -> list[VendorEvent]:
    """Return what a message tells; its topic stands in a header. Raises: Refused."""
    body = received.json()
    if not isinstance(body, dict):
        raise Refused("The event is not an object.", code="unreadable")
    topic = received.header("X-Shopify-Topic")
    if topic in _ORDERS:
        found = [_order(_ORDERS[topic], body)]
    elif topic == "products/update":
        found = _articles(body)
    else:
        found = [_contact(topic, body)]
    dedupe_id = _dedupe_id(received)
    at = moment(body.get("updated_at"))
    return [
        VendorEvent(type, subject, f"{dedupe_id}:{place}", at, {name: value for name, value in data.items() if value})
        for place, (type, subject, data) in enumerate(filter(None, found))
    ]


_Told = tuple[str, str, dict[str, str]] | None


def _order(type: str, body: Mapping[str, Any]) -> _Told:
    number = _word(body.get("name")).removeprefix("#")
    if not number:
        return None
    parcels = body.get("fulfillments")
    last = parcels[-1] if isinstance(parcels, list) and parcels and isinstance(parcels[-1], dict) else {}
    data = {
        "order_number": number,
        "record_id": _word(body.get("admin_graphql_api_id")),
        "tracking_number": _word(last.get("tracking_number")),
        "carrier": _word(last.get("tracking_company")),
    }
    return type, f"order:{number}", data


def _articles(body: Mapping[str, Any]) -> list[_Told]:
    variants = body.get("variants")
    skus = [_word(one.get("sku")) for one in variants if isinstance(one, dict)] if isinstance(variants, list) else []
    return [("product.changed", f"product:{sku}", {"sku": sku}) for sku in dict.fromkeys(skus) if sku]


def _contact(topic: str, body: Mapping[str, Any]) -> _Told:
    type, id, email = _CONTACTS.get(topic), _word(body.get("id")), _word(body.get("email"))
    data: dict[str, str] = {}
    if topic == "customers_email_marketing_consent/update":
        consent = body.get("email_marketing_consent")
        state = _word(consent.get("state")) if isinstance(consent, dict) else ""
        type, id, email = _CONSENTS.get(state), _word(body.get("customer_id")), _word(body.get("email_address"))
        confirmed = isinstance(consent, dict) and consent.get("opt_in_level") == "confirmed_opt_in"
        data = {"purpose": "email_marketing", "confirmed": "yes" if confirmed and state == "subscribed" else ""}
    if type is None or not id:
        return None
    return type, f"contact:{id}", data | {"record_id": id, "email": email.lower()}


def _dedupe_id(received: Received) -> str:
    """Return what is the same for every try, also where a proxy has lost the header."""
    id = received.header("X-Shopify-Webhook-Id")
    if 0 < len(id) <= _LONGEST_ID and id.isascii():
        return id
    return hashlib.sha256(received.body).hexdigest()


def _word(value: Any) -> str:
    return str(value)[:200] if isinstance(value, str) or type(value) is int else ""
