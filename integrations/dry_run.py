"""A mapping tried on the newest leads: what would be sent, what differs from now, what the vendor would refuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations import mappings, subjects
from integrations.mapping import Row, map_rows
from integrations.mapping_checks import Finding, check_values
from integrations.models import MappingVersion
from integrations.providers import errors
from integrations.providers.base import VendorField

LEADS = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one lead: what is sent now, what this version would send."""

    field: str
    before: str
    after: str

    @property
    def is_changed(self) -> bool:
        """Tell whether the version makes a difference."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Tried:
    """One lead: its fields, what is wrong with them, or why it can't be mapped at all."""

    subject_id: str
    name: str
    differences: Sequence[Difference]
    findings: Sequence[Finding]
    failure: str = ""


def try_on_newest(version: MappingVersion, fields: Sequence[VendorField], count: int = LEADS) -> list[Tried]:
    """Try a version on the newest leads; nothing is sent or stored."""
    ids = subjects.surveyor("lead").newest(count)
    loaded = subjects.load("lead", dict.fromkeys(ids, 0))
    now, then = mappings.rows_in_use(version.connector, version.operation), mappings.rows(version)
    return [_tried(loaded[pk].contact.values, now, then, fields) for pk in ids if pk in loaded]


def _tried(values: Mapping[str, Any], now: Sequence[Row], then: Sequence[Row], fields: Sequence[VendorField]) -> Tried:
    name = " ".join(filter(None, [values.get("first_name"), values.get("last_name")])) or values.get("email") or "–"
    try:
        after = map_rows(then, values)
    except errors.Misconfigured as err:
        return Tried(str(values["id"]), name, [], [], err.words)
    before = _mapped(now, values)
    names = dict.fromkeys([*after, *before])
    differences = [Difference(field, _shown(before.get(field)), _shown(after.get(field))) for field in names]
    return Tried(str(values["id"]), name, differences, check_values(after, fields))


def _mapped(rows: Sequence[Row], values: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return map_rows(rows, values)
    except errors.Misconfigured:
        return {}


def _shown(value: Any) -> str:
    return "" if value is None else str(value)[:300]
