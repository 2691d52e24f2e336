"""How Shopify signs its webhooks."""

import base64
import hashlib
import hmac

from integrations.providers.base import Received
from tests.integrations.providers.signing import NOW


def received(body, secret, event):
    mac = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    topic = "/".join(event.rsplit("_", 1)) if event != "orders_partially_fulfilled" else "orders/partially_fulfilled"
    headers = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-SHA256": mac,
        "X-Shopify-Shop-Domain": "lamps.myshopify.com",
        "X-Shopify-Webhook-Id": f"b54557e4-bdd9-4b37-8a5f-{hashlib.sha256(body).hexdigest()[:12]}",
    }
    return Received("POST", "https://bots.example.com/v1/webhooks/in/x", headers, body, NOW)
