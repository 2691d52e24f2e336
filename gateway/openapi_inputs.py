"""What the API refuses beyond what the framework can tell of its fields: unknown names, blank texts, many lines."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema


class StrictObject(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Says that unknown fields are refused, and adds what the serializer class itself says (`json_schema`)."""

    target_class = "gateway.api.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        schema = _generated(auto_schema._map_serializer, self.target, direction)
        properties = {name: _blank_allowed(each) for name, each in schema.get("properties", {}).items()}
        own = getattr(self.target, "json_schema", {})
        return {**schema, "properties": properties, **own, "additionalProperties": False}


class StrictText(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Says that a text that must not be empty must not be blank, and what the field class itself says."""

    target_class = "gateway.fields.Text"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        schema = _generated(auto_schema._map_serializer_field, self.target, direction)
        schema |= dict(self.target.json_schema)
        if not self.target.allow_blank and "format" not in schema:
            schema["pattern"] = self.target.filled
        return schema


class DescribedObject(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Adds what a class of free objects says of itself."""

    target_class = "rest_framework.serializers.DictField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        schema = _generated(auto_schema._map_serializer_field, self.target, direction)
        return schema | getattr(self.target, "json_schema", {})


def _generated(map_target: Any, target: Any, direction: Any) -> dict[str, Any]:
    """Return what the generator says of a field or serializer by itself."""
    return dict(map_target(target, direction, bypass_extensions=True))


def _blank_allowed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what may be a text of a form or empty: the generator's `oneOf` shuts out what fits both."""
    match schema:
        case {"oneOf": [form, {"maxLength": 0}]}:
            return {"anyOf": schema["oneOf"]} if "format" in form else dict(form)
    return schema
