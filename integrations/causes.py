"""What waits for a person, by what stopped it: a connector, a reason, a field."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Min

from integrations import sweeps
from integrations.explanations import explain
from integrations.mappings import mapping_field_drop, prepare, rows_in_use
from integrations.models import Connector, Delivery
from integrations.outbox import CALL, DeliveryQuerySet
from integrations.subjects import nouns
from runtime.display import counted

State = Delivery.State

_FIELD_IS_AT_FAULT = {"unknown_field", "read_only_field"}
# Whether it was done has to be looked up for each: the same press for all of them would do some twice.
_ONE_BY_ONE = {"change_unanswered"}
_MOST_CAUSES = 20


@dataclass(frozen=True, slots=True)
class Cause:
    """Deliveries of one connector that wait for a person for the same reason.

    `said` are the vendor's words about one of them, `operation` is theirs where all have the same; `nouns` is what they
    are called, one and many.
    """

    connector: Connector
    reason: str
    field: str
    count: int
    said: str
    tries: int
    operation: str
    nouns: tuple[str, str]

    @property
    def counted(self) -> str:
        """How many there are of what: "12 leads"."""
        return counted(self.count, *self.nouns)

    @property
    def explanation(self) -> str:
        """What happened, why and what to do, as on the page of each of them."""
        return explain(
            Delivery(
                connector=self.connector,
                operation=self.operation,
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
        if self.reason not in _FIELD_IS_AT_FAULT or self.operation == CALL:
            return False
        fields = {row.field for row in rows_in_use(self.connector)}
        return self.field in fields and len(fields) > 1

    @property
    def can_send_all_again(self) -> bool:
        """Tell whether sending all of them again may do no harm that a look at each would prevent."""
        return self.reason not in _ONE_BY_ONE

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
    """Return what waits for a person, at one connector or at all of them, most first; three statements."""
    waiting = Delivery.objects.filter(state=State.NEEDS_YOU)
    if connector is not None:
        waiting = waiting.filter(connector=connector)
    groups: list[Any] = list(
        waiting.values("connector", "reason", "field")
        .annotate(
            count=Count("pk"),
            said=Max("vendor_words"),
            tries=Max("tries"),
            first=Min("operation"),
            last=Max("operation"),
            kind=Min("subject_kind"),
            other=Max("subject_kind"),
        )
        .order_by("-count", "connector", "reason", "field")[:_MOST_CAUSES]
    )
    connectors = Connector.objects.in_bulk({group["connector"] for group in groups})
    prepare(connectors[group["connector"]] for group in groups if group["reason"] in _FIELD_IS_AT_FAULT)
    for group in groups:
        group["nouns"] = nouns(group.pop("kind"), group.pop("other"))
        first, last = group.pop("first"), group.pop("last")
        group["operation"] = first if first == last else ""
    return [Cause(connector=connectors[group.pop("connector")], **group) for group in groups]


def field_leave_out(*, connector: Connector, reason: str, field: str) -> sweeps.Begun:
    """Take a field that the vendor won't have off the mapping, then send again what it stopped."""
    if not mapping_field_drop(connector=connector, field=field):
        return sweeps.Begun(0, is_done=True)
    filters = filters_of(reason, field)
    return sweeps.begin(action=sweeps.Action.SEND_AGAIN, connector=connector, filters=filters)
