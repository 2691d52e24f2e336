"""How Brevo proves itself: by the webhook's token."""

from integrations.providers.base import Received
from tests.integrations.providers.signing import NOW


def received(body, secret, event):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
    return Received("POST", "https://bots.example.com/v1/webhooks/in/x", headers, body, NOW)
