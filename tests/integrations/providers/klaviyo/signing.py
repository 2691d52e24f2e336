"""How Klaviyo signs its webhooks."""

import hashlib
import hmac

from integrations.providers.base import Received
from tests.integrations.providers.signing import NOW


def received(body, secret, event):
    stamp = str(int(NOW.timestamp()))
    mac = hmac.new(secret.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "Klaviyo-Signature": mac,
        "Klaviyo-Timestamp": stamp,
        "Klaviyo-Webhook-Id": "01J8ZK2Q6TK1M6T7Y8V9W0X1Y2",
    }
    return Received("POST", "https://bots.example.com/v1/webhooks/in/x", headers, body, NOW)
