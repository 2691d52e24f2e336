"""What pages about deliveries say: the names of their subjects, what is done to many."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from integrations import subjects
from integrations.models import Delivery
from integrations.sweeps import Begun
from runtime.display import counted

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
        values.get("name") or values.get("email") or values.get("phone") or ""
    )


def sweep_said(begun: Begun, done: str, under_way: str) -> str:
    """Return in a sentence what is done to many: it is done, or under way in the background."""
    if not begun.count:
        return ""
    many = counted(begun.count, "delivery", "deliveries")
    if begun.is_done:
        return f"{many} {done}."
    return f"{many} {under_way} in the background; the connector’s page under Syncs shows how far it is."
