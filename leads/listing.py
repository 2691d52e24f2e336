"""Lists of leads for programs: what may be asked, and a page of the answer."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from rest_framework import serializers

from gateway import pagination
from gateway.api import StrictSerializer
from gateway.authentication import Caller
from gateway.fields import Id, Moment
from integrations.models import Delivery
from leads.models import Lead, LeadQuerySet, Reference
from leads.serializers import lead_answer
from leads.standing import deliveries_of_all

_ROUTE = "leads"
_STATES = (
    Delivery.State.NEEDS_YOU,
    Delivery.State.WAITING,
    Delivery.State.DELIVERED,
    Delivery.State.SKIPPED,
)


class LeadListSerializer(StrictSerializer):
    """Which leads, and from where on; nothing personal, because addresses end up in logs."""

    updated_since = Moment(required=False, help_text="Captured or changed at this time or later.")
    created_since = Moment(required=False, help_text="First captured at this time or later.")
    created_before = Moment(required=False, help_text="First captured before this time.")
    client = Id(required=False, help_text="First captured by the client with this id.")
    delivery = serializers.ChoiceField(
        [*map(str, _STATES), "none"], required=False, help_text="With a delivery in this state; `none`: sent nowhere."
    )
    possible_duplicate = serializers.BooleanField(required=False, default=None, allow_null=True)
    limit = serializers.IntegerField(min_value=1, max_value=pagination.MOST, default=pagination.USUAL)
    cursor = serializers.CharField(
        max_length=pagination.LONGEST_CURSOR, required=False, help_text="`next_cursor` of the page before."
    )


def leads_for(caller: Caller) -> LeadQuerySet:
    """Return the leads a caller may see: those it captured, or all."""
    leads: LeadQuerySet = Lead.objects.all()
    return leads if "leads:read:all" in caller.scopes else leads.captured_by(caller.client)


def lead_page(*, caller: Caller, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"results": […], "next_cursor": str | None}`, those changed longest ago first."""
    filters = {name: value for name, value in asked.items() if name not in {"limit", "cursor"} and value is not None}
    walk = pagination.Walk(caller, _ROUTE, filters)
    after = walk.place(asked["cursor"]) if "cursor" in asked else None
    rows, last = pagination.page(_narrowed(leads_for(caller), filters), "updated_at", after=after, limit=asked["limit"])
    ids = [lead.pk for lead in rows]
    references, deliveries = _references(caller, ids), deliveries_of_all(ids)
    results = [lead_answer(lead, references[lead.pk], deliveries.get(lead.pk, [])) for lead in rows]
    return {"results": results, "next_cursor": None if last is None else walk.cursor(last)}


def _narrowed(leads: LeadQuerySet, filters: Mapping[str, Any]) -> LeadQuerySet:
    of_name = {
        "updated_since": "updated_at__gte",
        "created_since": "created_at__gte",
        "created_before": "created_at__lt",
        "client": "client_id",
        "possible_duplicate": "possible_duplicate",
    }
    narrowed = leads.filter(**{of_name[name]: value for name, value in filters.items() if name in of_name})
    state = filters.get("delivery")
    if state is None:
        return narrowed
    return narrowed.sent_nowhere() if state == "none" else narrowed.with_delivery(state)


def _references(caller: Caller, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, list[str]]:
    found: dict[uuid.UUID, list[str]] = defaultdict(list)
    rows = Reference.objects.filter(lead__in=ids, client=caller.client)
    for lead_id, value in rows.values_list("lead_id", "value"):
        found[lead_id].append(value)
    return found
