"""HubSpot's contact properties as fields that a mapping may fill. Pure.

Source: https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
"""

from collections.abc import Mapping
from typing import Any

from integrations.providers.base import FieldType, VendorField
from integrations.providers.errors import RetryLater

_TYPES: Mapping[str, FieldType] = {
    "string": "text",
    "number": "number",
    "bool": "boolean",
    "date": "date",
    "datetime": "datetime",
    "enumeration": "choice",
    "phone_number": "text",
}
# Several choices of one property come and go as one text, joined by semicolons.
_SEVERAL = {"checkbox"}
_YES_OR_NO = "booleancheckbox"
_LONGEST = 65_536


def vendor_fields(body: Any) -> list[VendorField]:
    """Return the fields of a property list, `{"results": [{"name", "label", "type", "fieldType", "options", …}]}`.

    The e-mail is left out: it is what a contact is found by and always written. Raises: RetryLater.
    """
    results = body.get("results") if isinstance(body, Mapping) else None
    if not isinstance(results, list):
        raise RetryLater("The answer was not a list of properties.", code="garbled_reply")
    named = [item for item in results if isinstance(item, Mapping) and isinstance(item.get("name"), str)]
    return [_field(item) for item in named if item["name"] != "email" and not item.get("hidden")]


def _field(item: Mapping[str, Any]) -> VendorField:
    rules = item.get("modificationMetadata")
    is_read_only = bool(item.get("calculated")) or (isinstance(rules, Mapping) and bool(rules.get("readOnlyValue")))
    options = item.get("options")
    known = [option for option in options if isinstance(option, Mapping)] if isinstance(options, list) else []
    kind = _TYPES.get(str(item.get("type")), "text")
    if item.get("fieldType") == _YES_OR_NO:
        # Some are of the type "bool", those of HubSpot's own are choices between "true" and "false".
        kind, known = "boolean", []
    return VendorField(
        name=item["name"],
        label=str(item.get("label") or ""),
        type="choices" if kind == "choice" and item.get("fieldType") in _SEVERAL else kind,
        is_read_only=is_read_only,
        options=tuple(str(option["value"]) for option in known if "value" in option),
        max_length=_LONGEST if kind == "text" else None,
    )
