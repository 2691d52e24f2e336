"""What WooCommerce's webhooks tell. Pure.

- The delivery id is no id: two events of the same second share it. What is signed, the body, tells events apart.
- That an order was sent or called off comes as an update of it, again with each later update.

Source: https://developer.woocommerce.com/docs/apis/rest-api/v3/webhooks/, WC_Webhook of WooCommerce 11.
"""

import hashlib
from dataclasses import replace
from datetime import datetime

from integrations.providers.base import Received, VendorEvent
from integrations.providers.errors import Refused
from integrations.providers.values import Record, moment, text
from integrations.providers.woocommerce import records

_ORDERS = {"order.created": "order.created", "order.updated": "order.updated", "order.restored": "order.updated"}
_ARTICLES = ("product.created", "product.updated", "product.restored")
_CHANGED = ("customer.created", "customer.updated")
_CONTACTS = {**dict.fromkeys(_CHANGED, "contact.changed"), "customer.deleted": "contact.deleted"}
_REACHED = {"shipped": "order.shipped", "delivered": "order.delivered", "cancelled": "order.cancelled"}


def told(received: Received) -> list[VendorEvent]:
    """Return what a message tells; its topic stands in a header. Raises: Refused."""
    body = received.json()
    if not isinstance(body, dict):
        raise Refused("The event is not an object.", code="unreadable")
    topic = received.header("X-WC-Webhook-Topic")
    if topic in _ORDERS:
        return _order(_ORDERS[topic], body, _digest(topic, received))
    if topic in _ARTICLES:
        return _article(body, _digest(topic, received))
    if topic in _CONTACTS:
        return _contact(_CONTACTS[topic], body, _digest(topic, received))
    return []


def changed(order: Record, since: datetime) -> list[VendorEvent]:
    """Return what an order that was changed since then is told to be; that it was sent before isn't told again."""
    at = records.changed_at(order)
    found = _order("order.updated", order, f"{records.record_id(order)}:{at.isoformat() if at else ''}")
    sent_at = records.completed_at(order)
    return found[:1] if sent_at is not None and sent_at < since else found


def _digest(topic: str, received: Received) -> str:
    return hashlib.sha256(topic.encode() + b"\n" + received.body).hexdigest()


def _order(type: str, body: Record, digest: str) -> list[VendorEvent]:
    number, id = text(body.get("number"))[:200], records.record_id(body)
    if not (number and id):
        return []
    parcels = records.shipments(body)
    data = {
        "order_number": number,
        "record_id": id,
        "tracking_number": parcels[-1].tracking_number[:200] if parcels else "",
        "carrier": parcels[-1].carrier[:200] if parcels else "",
    }
    first = _event(type, f"order:{number}", digest, body, data)
    reached = _REACHED.get(records.status(body))
    if reached is None:
        return [first]
    # The same each time an order is told to be there; once more only if it gets there again on another day.
    since = f"{id}:{reached}:{text(body.get('date_completed_gmt'))[:19]}"
    return [first, replace(first, type=reached, dedupe_id=since)]


def _article(body: Record, digest: str) -> list[VendorEvent]:
    sku = text(body.get("sku"))[:200]
    if not sku:
        return []
    changed = _event("product.changed", f"product:{sku}", digest, body, {"sku": sku})
    available = records.available(body)
    if available is None:
        return [changed]
    # Whatever is bought changes its article: WooCommerce has no event for stock alone.
    data = {"sku": sku, "available": f"{available:f}"}
    return [changed, _event("stock.changed", f"stock:{sku}", f"{digest}:stock", body, data)]


def _contact(type: str, body: Record, digest: str) -> list[VendorEvent]:
    id = records.record_id(body)
    if not id:
        return []
    data = {"record_id": id, "email": text(body.get("email"))[:254].strip().lower()}
    return [_event(type, f"contact:{id}", digest, body, data)]


def _event(type: str, subject: str, dedupe_id: str, body: Record, data: dict[str, str]) -> VendorEvent:
    at = moment(f"{text(body.get('date_modified_gmt'))}Z")
    return VendorEvent(type, subject, dedupe_id, at, {name: value for name, value in data.items() if value})
