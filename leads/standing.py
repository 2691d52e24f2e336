"""Where leads stand at the connectors."""

import uuid
from collections import defaultdict
from collections.abc import Collection

from integrations.models import Delivery


def deliveries_of(lead_id: uuid.UUID) -> list[Delivery]:
    """Return where a lead stands: the newest delivery of each connector and operation, by connector name."""
    return deliveries_of_all([lead_id]).get(lead_id, [])


def deliveries_of_all(lead_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Delivery]]:
    """Return the same for several leads, in one statement; a lead that goes nowhere is absent."""
    newest: dict[uuid.UUID, dict[tuple[uuid.UUID, str], Delivery]] = defaultdict(dict)
    rows = Delivery.objects.filter(subject_kind="lead", subject_id__in=lead_ids).select_related("connector")
    for row in rows.exclude(state=Delivery.State.SUPERSEDED).order_by("created_at"):
        newest[row.subject_id][row.connector_id, row.operation] = row
    return {
        lead_id: sorted(found.values(), key=lambda row: (row.connector.name, row.operation))
        for lead_id, found in newest.items()
    }
