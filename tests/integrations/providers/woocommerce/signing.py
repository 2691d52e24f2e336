"""How WooCommerce signs its webhooks: the body alone, neither the topic nor the delivery's id."""

import base64
import hashlib
import hmac

from integrations.providers.base import Received
from tests.integrations.providers.signing import NOW


def received(body, secret, event):
    headers = {
        "Content-Type": "application/json",
        "X-WC-Webhook-Source": "https://shop.example.com/",
        "X-WC-Webhook-Topic": event,
        "X-WC-Webhook-Resource": event.partition(".")[0],
        "X-WC-Webhook-Event": event.partition(".")[2],
        "X-WC-Webhook-Signature": base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode(),
        "X-WC-Webhook-ID": "7",
        # A hash of the webhook's id and the second.
        "X-WC-Webhook-Delivery-ID": "5b4a1e0c0f6dbb6a4d3e7f1c9a8b2d10",
    }
    return Received("POST", "https://bots.example.com/v1/webhooks/in/x", headers, body, NOW)
