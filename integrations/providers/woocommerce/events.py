"""What WooCommerce's webhooks tell. Pure.

- The delivery id is no id: two events of the same second share it. What is signed, the body, tells events apart.
- That an order was sent or called off comes as an update of it, again with each later update.

Source: https://developer.woocommerce.com/docs/apis/rest-api/v3/webhooks/, WC_Webhook of WooCommerce 11.
"""

import hashlib
from datetime import datetime

from integrations.providers.base import Received, VendorEvent
from integrations.providers.errors import Refused
from integrations.providers.record_events import order_events, product_events, stock_events
from integrations.providers.values import Record, text
from integrations.providers.woocommerce import records

_ORDERS = {"order.created": "order.created", "order.updated": "order.updated", "order.restored": "order.updated"}
_ARTICLES = ("product.created", "product.updated", "product.restored")
_CHANGED = ("customer.created", "customer.updated")
_CONTACTS = {**dict.fromkeys(_CHANGED, "contact.changed"), "customer.deleted": "contact.deleted"}


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
    sent_at = records.completed_at(order)
    changed_id = f"{records.record_id(order)}:{at.isoformat() if at else ''}"
    return _order("order.updated", order, changed_id, is_old=sent_at is not None and sent_at < since)


def _digest(topic: str, received: Received) -> str:
    return hashlib.sha256(topic.encode() + b"\n" + received.body).hexdigest()


def _order(type: str, body: Record, digest: str, *, is_old: bool = False) -> list[VendorEvent]:
    order = records.order(body)
    # The same each time an order is told to be there; once more only if it gets there again on another day.
    reached = f"{order.record_id}:{order.status}:{text(body.get('date_completed_gmt'))[:19]}"
    return order_events(order, records.changed_at(body), digest, reached, type=type, is_old=is_old)


def _article(body: Record, digest: str) -> list[VendorEvent]:
    article, at = records.product(body, ""), records.changed_at(body)
    # Whatever is bought changes its article: WooCommerce has no event for stock alone.
    return [*product_events(article, at, digest), *stock_events(article, at, f"{digest}:stock")]


def _contact(type: str, body: Record, digest: str) -> list[VendorEvent]:
    id = records.record_id(body)
    if not id:
        return []
    data = {"record_id": id, "email": text(body.get("email"))[:254].strip().lower()}
    return [_event(type, f"contact:{id}", digest, body, data)]


def _event(type: str, subject: str, dedupe_id: str, body: Record, data: dict[str, str]) -> VendorEvent:
    at = records.changed_at(body)
    return VendorEvent(type, subject, dedupe_id, at, {name: value for name, value in data.items() if value})
