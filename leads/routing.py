"""Which connectors a lead goes to."""

import functools
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from integrations.models import Delivery
from integrations.outbox import Wanted
from leads.models import Lead
from runtime.clock import db_now


@dataclass(frozen=True, slots=True)
class Route:
    """A connector as routing sees it: which operations it does with leads, and which leads it takes."""

    connector_id: uuid.UUID
    name: str
    operations: tuple[str, ...]
    lead_filter: Mapping[str, Any]


def routes() -> list[Route]:
    """Return every connector that may want leads: asked anew for each capture, built anew where one has changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, name, CAST(operations AS text), CAST(lead_filter AS text) "
            "FROM integrations_connector WHERE is_active = %s",
            [True],
        )
        return [_route(*row) for row in cursor.fetchall()]


@functools.lru_cache(maxsize=256)
def _route(pk: Any, name: str, operations: str, lead_filter: str) -> Route:
    return Route(uuid.UUID(str(pk)), name, tuple(json.loads(operations)), json.loads(lead_filter))


def wanted(lead: Lead, among: Sequence[Route], purposes: Mapping[str, bool]) -> list[Wanted]:
    """Return one delivery per operation of each connector; one that the filter leaves out is marked so."""
    result = []
    for route in among:
        because = "" if qualifies(route.lead_filter, lead, purposes) else "filtered"
        result += [
            Wanted(route.connector_id, lead.pk, operation, skipped_because=because) for operation in route.operations
        ]
    return result


def qualifies(lead_filter: Mapping[str, Any], lead: Lead, purposes: Mapping[str, bool]) -> bool:
    """Say whether a lead passes a filter (its shape: integrations.models.Connector); what is absent lets all pass."""
    clients: Sequence[str] = lead_filter.get("clients") or []
    channels: Sequence[str] = lead_filter.get("channels") or []
    if clients and str(lead.client_id) not in clients:
        return False
    if channels and lead.source.get("channel") not in channels:
        return False
    utm = lead.source.get("utm") or {}
    if any(utm.get(name) not in values for name, values in (lead_filter.get("utm") or {}).items()):
        return False
    return all(purposes.get(purpose) for purpose in lead_filter.get("purposes") or [])


def drop_old_skips(wanted: Sequence[Wanted]) -> None:
    """Close what earlier captures of these leads were skipped for: the newest says it all."""
    skipped = [want for want in wanted if want.skipped_because]
    if skipped:
        Delivery.objects.filter(
            subject_id__in={want.subject_id for want in skipped},
            connector__in={want.connector_id for want in skipped},
            state=Delivery.State.SKIPPED,
        ).update(state=Delivery.State.SUPERSEDED, settled_at=db_now())
