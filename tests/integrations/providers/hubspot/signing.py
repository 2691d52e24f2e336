"""How HubSpot signs (v3)."""

import base64
import hashlib
import hmac

from integrations.providers.base import Received
from tests.integrations.providers.signing import NOW

URL = "https://here.example/v1/webhooks/in/abc?x=1"


def received(body: bytes, secret: str, event: str) -> Received:
    stamp = str(int(NOW.timestamp() * 1000))
    signed = f"POST{URL}".encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    headers = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}
    return Received("POST", URL, headers, body, NOW)
