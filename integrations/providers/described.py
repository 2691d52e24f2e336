"""Fields as `fields_get` describes them: servers of one descent have it in common. Pure."""

from collections.abc import Container, Mapping
from typing import Any

from integrations.providers.base import FieldType, VendorField
from integrations.providers.errors import RetryLater
from integrations.providers.values import Record, text

ATTRIBUTES = ("string", "type", "required", "readonly", "selection", "size")
"""What is read of each field."""

# Relations are no fields that a mapping could fill.
_TYPES: Mapping[str, FieldType] = {
    **dict.fromkeys(("char", "text", "html"), "text"),
    **dict.fromkeys(("integer", "float", "numeric", "monetary"), "number"),
    "boolean": "boolean",
    "date": "date",
    **dict.fromkeys(("datetime", "timestamp"), "datetime"),
    "selection": "choice",
}


def vendor_fields(
    described: Any, *, ours: Container[str], given: Container[str] = (), prefix: str = ""
) -> list[VendorField]:
    """Return the fields of `{name: {"type", "string", …}}` with `prefix` before each name.

    `ours` are left out: we write them ourselves. The vendor fills those `given` where nothing is said.
    Raises: RetryLater where it is no description.
    """
    if not isinstance(described, Mapping):
        raise RetryLater("The answer was no description of fields.", code="garbled_reply")
    told = [(f"{prefix}{name}", spec) for name, spec in described.items() if isinstance(spec, Mapping)]
    wanted = [(name, spec) for name, spec in told if spec.get("type") in _TYPES and name not in ours]
    return [_field(name, spec, is_given=name in given) for name, spec in wanted]


def _field(name: str, spec: Record, *, is_given: bool) -> VendorField:
    choices, size = spec.get("selection"), spec.get("size")
    known = [pair[0] for pair in choices if isinstance(pair, list) and pair] if isinstance(choices, list) else []
    return VendorField(
        name=name,
        label=text(spec.get("string")),
        type=_TYPES[str(spec.get("type"))],
        is_required=spec.get("required") is True and not is_given,
        is_read_only=spec.get("readonly") is True,
        options=tuple(str(choice) for choice in known if choice),
        max_length=size if type(size) is int and size > 0 else None,
    )
