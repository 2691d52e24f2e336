"""How Mailchimp proves itself: by the address alone."""

from integrations.providers.base import Received
from tests.integrations.providers.signing import NOW


def received(body, secret, event):
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "MailChimp"}
    return Received("POST", f"https://bots.example.com/v1/webhooks/in/{secret}", headers, body, NOW)
