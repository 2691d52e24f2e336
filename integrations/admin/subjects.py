"""The names of what deliveries are about."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from integrations import subjects
from integrations.models import Delivery

# A revision no subject reaches: load who it is without what it said.
_TOLD_EVERYTHING = 2**31 - 1


def subject_names(rows: Iterable[Delivery]) -> dict[uuid.UUID, str]:
    """Return the names of deliveries' subjects; a few statements for any number of them."""
    by_kind: dict[str, dict[uuid.UUID, int]] = {}
    for delivery in rows:
        by_kind.setdefault(delivery.subject_kind, {})[delivery.subject_id] = _TOLD_EVERYTHING
    loaded = [item for kind, told in by_kind.items() for item in subjects.load(kind, told).items()]
    return {pk: _name(subject.contact.values) for pk, subject in loaded}


def _name(values: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (values.get("first_name"), values.get("last_name")))) or str(
        values.get("email") or values.get("phone") or ""
    )
