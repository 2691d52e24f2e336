"""What waits for a person, by what stopped it: a connector, a reason, a field."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Max

from integrations import sweeps
from integrations.explanations import explain
from integrations.models import Connector, Delivery
from integrations.outbox import DeliveryQuerySet
from integrations.providers.registry import PROVIDERS, provider_class

State = Delivery.State

_FIELD_IS_AT_FAULT = {"unknown_field", "read_only_field"}
_MOST_CAUSES = 20


@dataclass(frozen=True, slots=True)
class Cause:
    """Deliveries of one connector that wait for a person for the same reason.

    `said` are the vendor's words about one of them; `can_leave_out` says that the field may be taken off the mapping.
    """

    connector: Connector
    reason: str
    field: str
    count: int
    said: str
    tries: int

    @property
    def explanation(self) -> str:
        """What happened, why and what to do, as on the page of each of them."""
        return explain(
            Delivery(
                connector=self.connector,
                state=State.NEEDS_YOU,
                reason=self.reason,
                field=self.field,
                vendor_words=self.said,
                tries=self.tries,
            )
        )

    @property
    def can_leave_out(self) -> bool:
        """Tell whether the mapping without the field would do: it names it, and others besides."""
        fields = _mapping(self.connector)
        return self.reason in _FIELD_IS_AT_FAULT and self.field in fields and len(fields) > 1

    @property
    def deliveries(self) -> DeliveryQuerySet:
        """All of them."""
        return deliveries_of(self.connector.pk, self.reason, self.field)


def deliveries_of(connector_id: uuid.UUID, reason: str, field: str) -> DeliveryQuerySet:
    """Return the deliveries of one cause."""
    return Delivery.objects.filter(connector=connector_id, **filters_of(reason, field))


def filters_of(reason: str, field: str) -> dict[str, str]:
    """Return what tells a connector's deliveries of one cause, as `sweeps.begin` takes it."""
    return {"state": State.NEEDS_YOU.value, "reason": reason, "field": field}


def causes(connector: Connector | None = None) -> Sequence[Cause]:
    """Return what waits for a person, at one connector or at all of them, most first; two statements."""
    waiting = Delivery.objects.filter(state=State.NEEDS_YOU)
    if connector is not None:
        waiting = waiting.filter(connector=connector)
    groups: list[Any] = list(
        waiting.values("connector", "reason", "field")
        .annotate(count=Count("pk"), said=Max("vendor_words"), tries=Max("tries"))
        .order_by("-count", "connector", "reason", "field")[:_MOST_CAUSES]
    )
    connectors = Connector.objects.in_bulk({group["connector"] for group in groups})
    return [Cause(connector=connectors[group.pop("connector")], **group) for group in groups]


def field_leave_out(*, connector: Connector, reason: str, field: str) -> sweeps.Begun:
    """Take a field that the vendor won't have off the mapping, then send again what it stopped."""
    with transaction.atomic():
        row = Connector.objects.select_for_update().get(pk=connector.pk)
        kept = {name: source for name, source in _mapping(row).items() if name != field}
        if kept:
            row.config = {**row.config, "mapping": kept}
            row.save(update_fields=["config"])
    if not kept:
        return sweeps.Begun(0, is_done=True)
    filters = filters_of(reason, field)
    return sweeps.begin(action=sweeps.Action.SEND_AGAIN, connector=connector, filters=filters)


def _mapping(connector: Connector) -> dict[str, str]:
    usual = provider_class(connector.provider).default_mapping if connector.provider in PROVIDERS else {}
    return dict(connector.config.get("mapping") or usual)
