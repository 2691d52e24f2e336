"""Which connectors a lead goes to."""

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.models import Connector, Delivery
from integrations.outbox import Wanted
from leads.models import Lead
from runtime.clock import db_now


def connectors() -> list[Connector]:
    """Return every connector that may want leads, with what routing looks at; the rest is not loaded.

    Raw, because every capture asks: building the query costs several times what running it does.
    """
    return list(
        Connector.objects.raw(
            "SELECT id, name, operations, lead_filter FROM integrations_connector WHERE is_active = %s", [True]
        )
    )


def wanted(lead: Lead, among: Sequence[Connector], purposes: Mapping[str, bool]) -> list[Wanted]:
    """Return one delivery per operation of each connector; one that the filter leaves out is marked so."""
    result = []
    for connector in among:
        because = "" if qualifies(connector.lead_filter, lead, purposes) else "filtered"
        result += [
            Wanted(connector.pk, lead.pk, operation, skipped_because=because) for operation in connector.operations
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
