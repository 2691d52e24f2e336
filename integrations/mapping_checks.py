"""What is wrong with a mapping, held against the vendor's live field list: in general, and for one record's values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.mapping import Row
from integrations.mapping_functions import pairs_of
from integrations.providers.base import VendorField

_YES_NO = {"true", "false"}
_NOT_A_DATE = {"number", "boolean"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with one field; `kind` is unknown, read_only, required, type, choice or length.

    A warning depends on the lead.
    """

    field: str
    kind: str
    words: str
    is_warning: bool = False


def check_against(rows: Sequence[Row], fields: Sequence[VendorField], vendor: str) -> list[Finding]:
    """Return what the vendor would refuse whatever the lead; the fields a provider fills by itself count as mapped."""
    known = {field.name: field for field in fields}
    found = [finding for row in rows for finding in _row(row, known.get(row.field), vendor)]
    mapped = {row.field for row in rows}
    for field in fields:
        if field.is_required and not field.is_read_only and field.name not in mapped:
            words = f"{vendor} needs “{field.label or field.name}”. Fill it, if need be with a text such as “Unknown”."
            found.append(Finding(field.name, "required", words))
    return found


def _row(row: Row, field: VendorField | None, vendor: str) -> list[Finding]:
    if field is None:
        return [Finding(row.field, "unknown", f"{vendor} does not know the field “{row.field}”.")]
    if field.is_read_only:
        return [Finding(row.field, "read_only", f"{vendor} does not let “{row.field}” be written.")]
    constants = _constants(row)
    found = [finding for text in constants for finding in check_value(field, text)]
    if row.function == "date" and field.type in _NOT_A_DATE and row.argument != "milliseconds":
        found.append(Finding(row.field, "type", f"“{row.field}” takes a {field.type}, not a date."))
    if field.is_required and row.function not in {"default", "fixed"}:
        words = f"{vendor} needs “{row.field}”: a lead without it is refused. Give it a text for where it is empty."
        found.append(Finding(row.field, "required", words, is_warning=True))
    return found


def _constants(row: Row) -> list[str]:
    """Return the texts that a row writes whatever the lead."""
    if row.function in {"fixed", "default"}:
        return [row.argument]
    if row.function == "enum":
        return list(pairs_of(row.argument).values())
    return []


def check_values(fields: Mapping[str, Any], known: Iterable[VendorField]) -> list[Finding]:
    """Return what is wrong with the values of one record."""
    by_name = {field.name: field for field in known}
    return [
        finding
        for name, value in fields.items()
        if (field := by_name.get(name)) is not None
        for finding in check_value(field, value)
    ]


def check_value(field: VendorField, value: Any) -> list[Finding]:
    """Return what is wrong with a value; its words don't repeat it."""
    text = str(value)
    if field.max_length is not None and len(text) > field.max_length:
        words = f"“{field.name}” takes {field.max_length:,} characters, this has {len(text):,}."
        return [Finding(field.name, "length", words)]
    if field.options and field.type in {"choice", "choices"}:
        return _choice(field, value)
    if not _FITS[field.type](value):
        return [Finding(field.name, "type", f"“{field.name}” takes a {field.type}.")]
    return []


def _choice(field: VendorField, value: Any) -> list[Finding]:
    chosen = value if isinstance(value, list) else str(value).split(";") if field.type == "choices" else [value]
    if all(str(item) in field.options for item in chosen):
        return []
    some = ", ".join(field.options[:8]) + (", …" if len(field.options) > 8 else "")
    return [Finding(field.name, "choice", f"“{field.name}” takes one of: {some}.")]


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and Decimal(str(value)).is_finite()
    except InvalidOperation:
        return False


def _is_moment(value: Any) -> bool:
    if isinstance(value, int | date | datetime) and not isinstance(value, bool):
        return True
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return str(value).isdigit()
    return True


def _is_flat(value: Any) -> bool:
    return not isinstance(value, dict)


_FITS = {
    "text": _is_flat,
    "number": _is_number,
    "boolean": lambda value: str(value).lower() in _YES_NO,
    "date": _is_moment,
    "datetime": _is_moment,
    "choice": _is_flat,
    "choices": _is_flat,
}
