"""How Salesforce proves itself: by the address, and by the organisation its message names."""

from integrations.providers.base import Received
from tests.integrations.providers.signing import NOW


def received(body, secret, event):
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
    return Received("POST", f"https://bots.example.com/v1/webhooks/in/{secret}", headers, body, NOW)
