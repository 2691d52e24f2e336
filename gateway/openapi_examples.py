"""What an operation takes and gives, as its description shows it; each room has its own in its module `examples`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drf_spectacular.utils import OpenApiExample


@dataclass(frozen=True, slots=True)
class Operation:
    """Bodies by title: `requests` of the operation, `responses` by status."""

    responses: Mapping[int, Mapping[str, Any]]
    requests: Mapping[str, Any] = field(default_factory=dict)

    def as_openapi(self) -> list[OpenApiExample]:
        """Return them as the generator wants them."""
        asked = [OpenApiExample(title, body, request_only=True) for title, body in self.requests.items()]
        answered = [
            OpenApiExample(title, body, response_only=True, status_codes=[str(status)])
            for status, bodies in self.responses.items()
            for title, body in bodies.items()
        ]
        return [*asked, *answered]
