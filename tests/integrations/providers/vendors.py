"""A vendor that answers what a test wants, at the one seam where HTTP is stubbed."""

import json
from collections.abc import Callable
from typing import Any

import httpx2

from integrations.calls import CallLog
from integrations.egress.session import HttpSession
from integrations.models import Connector
from integrations.providers.base import DefinedOperation, Provider
from integrations.providers.registry import provider_class

Answer = httpx2.Response | Callable[[httpx2.Request], httpx2.Response]


class Vendor:
    """Keeps the requests a provider sends and answers them in order, the last answer again and again."""

    def __init__(self, key: str, *answers: Answer, config: dict[str, Any] | None = None) -> None:
        self.requests: list[httpx2.Request] = []
        self._answers = list(answers)
        self.calls = CallLog(Connector(name="CRM"))
        provider = provider_class(key).configured(config or {})
        session = HttpSession(
            "https://vendor.example.com",
            calls=self.calls,
            personal=provider.personal_names,
            transport=httpx2.MockTransport(self._respond),
        )
        self.provider: Provider = provider(session, config or {})

    def _respond(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer(request) if callable(answer) else answer

    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests if request.content]


def says(status: int, body: Any = None, **headers: str) -> httpx2.Response:
    """Return an answer; header names have underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes):
        return httpx2.Response(status, content=body, headers=named)
    return httpx2.Response(status, json=body, headers=named)


_ANY = {"string": "x", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}


def arguments_of(operation: DefinedOperation) -> dict[str, Any]:
    """Return the least that an operation has to be told."""
    known = operation.arguments.get("properties", {})
    return {name: _ANY[known.get(name, {}).get("type", "string")] for name in operation.arguments.get("required", ())}
