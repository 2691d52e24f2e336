"""How the API describes itself: credentials, problems and headers that every operation has."""

import inspect
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiExample

from gateway import openapi_credentials, openapi_inputs  # noqa: F401 (they register themselves)
from gateway.openapi_examples import Operation
from gateway.problems import CODES, CONTENT_TYPE, Problem

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong, as RFC 9457 has it.",
    "properties": {
        "type": {"type": "string", "example": "/docs/problems#validation_failed"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "example": "validation_failed"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string", "example": "email"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code", "request_id"],
}
_REQUEST_ID = {"X-Request-Id": {"description": "The id of this request in our log.", "schema": {"type": "string"}}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
_REPLAYED = {
    "Idempotent-Replayed": {
        "description": "`true` where the request had been answered before.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same request with the same key has its effect once, for 24 hours.",
    "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
    "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
}
_MEANINGS = {
    "400": "The request was not understood.",
    "401": "No key, or one that is not accepted.",
    "403": "The key may not do this.",
    "404": "There is nothing here that the client may see.",
    "409": "The same request is being worked on.",
    "413": "The body is too large.",
    "415": "The body is not declared as JSON.",
    "422": "The `Idempotency-Key` was used with another body.",
    "429": "Too many requests; `Retry-After` says when to come again.",
    "503": "It can't be answered just now; `Retry-After` says when to come again.",
    "default": "Any other problem.",
}
_BODY_ONLY = {"413", "415"}
_IDEMPOTENT_ONLY = {"409", "422"}
_WAITS = {"409", "429", "503"}
_TAGS = {"leads": "Leads", "engine": "Questions and look-ups", "webhooks": "Events"}


class Schema(AutoSchema):
    """Adds to each operation what the gateway does to all of them."""

    def get_description(self) -> str:  # type: ignore[override]
        # Only what the view itself says: the base class explains itself to programmers.
        doc = getattr(self.view, str(self.method).lower()).__doc__ or vars(type(self.view)).get("__doc__")
        return inspect.cleandoc(doc or "")

    def get_tags(self) -> list[str]:
        return [_TAGS.get(self._room, self._room.capitalize())]

    def get_examples(self) -> list[OpenApiExample]:
        """Return the examples that the view's room has of this operation (its module `examples`)."""
        operation: Operation | None = _examples_of(self._room).get(self.get_operation_id())
        return [] if operation is None else operation.as_openapi()

    def map_parsers(self) -> list[Any]:
        return ["application/json"]

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation and "requestBody" in operation:
            # Also where each field alone may be missing: a body of nothing is never accepted.
            operation["requestBody"]["required"] = True
        if operation and self._is_idempotent:
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        return operation

    @property
    def _room(self) -> str:
        return type(self.view).__module__.partition(".")[0]

    @property
    def _is_idempotent(self) -> bool:
        return self.method in getattr(self.view, "idempotent_methods", ())

    @property
    def _is_open(self) -> bool:
        """Whether no key of ours is asked for."""
        return not self.view.authentication_classes

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        own = _REQUEST_ID | _REPLAYED if self._is_idempotent else _REQUEST_ID
        for body in bodies.values():
            body.setdefault("headers", {}).update(own)
        if direction == "response":
            for status in self._problem_statuses():
                bodies.setdefault(status, self._problem(status))
        return bodies

    def _problem_statuses(self) -> list[str]:
        absent = set() if self.method in {"POST", "PUT", "PATCH"} else _BODY_ONLY
        if "{" not in self.path and not self.path.endswith("/lookup"):
            absent = absent | {"404"}
        if self._is_open:
            absent = absent | ({"401", "403"} - getattr(self.view, "own_problems", frozenset()))
        if not self._is_idempotent:
            absent = absent | _IDEMPOTENT_ONLY
        return [status for status in _MEANINGS if status not in absent]

    def _problem(self, status: str) -> dict[str, Any]:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name="Problem", type=ResolvedComponent.SCHEMA, object="Problem", schema=_problem_schema()
        )
        self.registry.register_on_missing(component)
        return {
            "description": _MEANINGS[status],
            "headers": _REQUEST_ID | _RETRY_AFTER if status in _WAITS else _REQUEST_ID,
            "content": {CONTENT_TYPE: {"schema": component.ref, "examples": self._problem_examples(status)}},
        }

    def _problem_examples(self, status: str) -> dict[str, Any]:
        """Return a document of each problem that this operation can have with a status."""
        return {
            code: {"summary": advice.meaning, "value": problem_example(code)}
            for code, advice in CODES.items()
            if (str(advice.status) == status or (status == "default" and str(advice.status) not in _MEANINGS))
            and (self._is_idempotent or not code.startswith("idempotency"))
            and (status != "401" or (code == "bad_signature") == self._is_open)
        }


def _examples_of(room: str) -> dict[str, Operation]:
    name = f"{room}.examples"
    return import_module(name).EXAMPLES if find_spec(name) else {}


def _problem_schema() -> dict[str, Any]:
    code = _PROBLEM["properties"]["code"] | {"description": f"One of: {', '.join(CODES)}."}
    return _PROBLEM | {"properties": _PROBLEM["properties"] | {"code": code}}


def problem_example(code: str) -> dict[str, Any]:
    """Return a problem document as the API sends it."""
    advice = CODES[code]
    problem = Problem(advice.status, code, advice.meaning, f"{advice.meaning} {advice.action}")
    errors = {"errors": [{"field": "email", "message": "This is not an e-mail address such as anna@example.com."}]}
    return problem.document("01a20655-e4b6-72d6-a1ba-7ae292f6cca6") | (errors if code == "validation_failed" else {})
