"""A client for the sandbox's tests."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from integrations.sandbox.server import Sandbox

UPSERT = "/hubspot/crm/v3/objects/contacts/batch/upsert"
HUBSPOT = {"Authorization": "Bearer pat-sandbox-hubspot"}
ODOO = {"Authorization": "bearer odoo-sandbox-key"}


@dataclass
class Client:
    """Talks with one sandbox as a provider would, and turns its dials."""

    http: httpx2.Client
    sandbox: Sandbox

    def hubspot(self, method: str, path: str, body: Any = None, **kwargs: Any) -> httpx2.Response:
        return self.http.request(method, f"/hubspot{path}", json=body, headers=HUBSPOT, **kwargs)

    def upsert(self, *emails: str, trace: bool = True, **properties: str) -> httpx2.Response:
        inputs = [
            {"id": email, "idProperty": "email", "properties": {"email": email, **properties}}
            | ({"objectWriteTraceId": f"trace-{number}"} if trace else {})
            for number, email in enumerate(emails)
        ]
        return self.http.post(UPSERT, json={"inputs": inputs}, headers=HUBSPOT)

    def odoo(self, model: str, method: str, **arguments: Any) -> httpx2.Response:
        return self.http.post(f"/odoo/json/2/{model}/{method}", json=arguments, headers=ODOO)

    def dial(self, **spec: Any) -> int:
        reply = self.http.post("/_faults", json=spec)
        assert reply.status_code == 201, reply.text
        return int(reply.json()["id"])

    def effects(self, vendor: str = "hubspot") -> list[tuple[str, str]]:
        found = self.http.get("/_effects", params={"vendor": vendor}).json()["effects"]
        return [(effect["operation"], effect["key"]) for effect in found]

    def raw(self, method: str = "POST", path: str = UPSERT, body: Any = None, headers: str = "") -> socket.socket:
        """Send a request and leave the answer to the caller."""
        inputs = [{"id": "raw@example.com", "idProperty": "email", "properties": {}, "objectWriteTraceId": "t"}]
        text = json.dumps({"inputs": inputs} if body is None else body).encode()
        host, port = self.sandbox.url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)), timeout=60)
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {HUBSPOT['Authorization']}\r\n{headers}"
        connection.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
        return connection


def eventually(condition: Callable[[], bool], timeout_seconds: float = 60) -> bool:
    """Whether something becomes so in time."""
    end = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
