"""How the API describes itself: credentials, problems and headers that every operation has."""

import inspect
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from gateway import openapi_inputs  # noqa: F401 (registers itself)
from gateway.problems import CODES, CONTENT_TYPE
from gateway.scopes import SCOPES

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
_MEANINGS = {
    "400": "The request was not understood.",
    "401": "No key, or one that is not accepted.",
    "403": "The key may not do this.",
    "404": "There is nothing here that the client may see.",
    "413": "The body is too large.",
    "415": "The body is not declared as JSON.",
    "429": "Too many requests; `Retry-After` says when to come again.",
    "default": "Any other problem.",
}
_BODY_ONLY = {"413", "415"}


class Schema(AutoSchema):
    """Adds to each operation what the gateway does to all of them."""

    def get_description(self) -> str:  # type: ignore[override]
        # Only what the view itself says: the base class explains itself to programmers.
        doc = getattr(self.view, str(self.method).lower()).__doc__ or vars(type(self.view)).get("__doc__")
        return inspect.cleandoc(doc or "")

    def map_parsers(self) -> list[Any]:
        return ["application/json"]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for body in bodies.values():
            body.setdefault("headers", {}).update(_REQUEST_ID)
        if direction == "response":
            for status in self._problem_statuses():
                bodies.setdefault(status, self._problem(_MEANINGS[status]))
        return bodies

    def _problem_statuses(self) -> list[str]:
        absent = set() if self.method in {"POST", "PUT", "PATCH"} else _BODY_ONLY
        if "{" not in self.path:
            absent = absent | {"404"}
        if not self.view.authentication_classes:
            absent = absent | {"401", "403"}
        return [status for status in _MEANINGS if status not in absent]

    def _problem(self, description: str) -> dict[str, Any]:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name="Problem", type=ResolvedComponent.SCHEMA, object="Problem", schema=_problem_schema()
        )
        self.registry.register_on_missing(component)
        return {
            "description": description,
            "headers": _REQUEST_ID,
            "content": {CONTENT_TYPE: {"schema": component.ref}},
        }


class ClientSecurity(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The credentials that ClientAuthentication takes."""

    target_class = "gateway.authentication.ClientAuthentication"
    name = ["key", "oauth"]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        key = {"type": "http", "scheme": "bearer", "description": "A key of a client: `sb_sk_…` or `sb_pk_…`."}
        flow = {"tokenUrl": "/oauth/token", "scopes": SCOPES}
        return [key, {"type": "oauth2", "flows": {"clientCredentials": flow}}]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        scope = getattr(auto_schema.view, "required_scopes", {}).get(auto_schema.method)
        return [{"key": []}, {"oauth": [scope] if scope else []}]


def _problem_schema() -> dict[str, Any]:
    code = _PROBLEM["properties"]["code"] | {"description": f"One of: {', '.join(CODES)}."}
    return _PROBLEM | {"properties": _PROBLEM["properties"] | {"code": code}}
