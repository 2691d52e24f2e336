"""Leads gone through for a connector: all of them in turn, or some that were left out before."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from integrations.subjects import Surveyed
from leads.models import Consent, Lead
from leads.routing import qualifies


class LeadSurvey:
    """Goes through leads by their ids (implements `integrations.subjects.Surveyor`)."""

    def count(self) -> int:
        """Return how many leads there are."""
        return Lead.objects.count()

    def page(self, lead_filter: Mapping[str, Any], after: uuid.UUID | None, limit: int) -> list[Surveyed]:
        """Return the next leads after an id, at most two statements."""
        rows = Lead.objects.order_by("pk")
        return _surveyed(lead_filter, (rows.filter(pk__gt=after) if after else rows)[:limit])

    def some(self, lead_filter: Mapping[str, Any], ids: Sequence[uuid.UUID]) -> list[Surveyed]:
        """Return those of these leads that exist, at most two statements."""
        return _surveyed(lead_filter, Lead.objects.filter(pk__in=ids))


def _surveyed(lead_filter: Mapping[str, Any], rows: QuerySet[Lead]) -> list[Surveyed]:
    leads = list(rows.only("client", "source", "revision", "updated_at"))
    given = _consents([lead.pk for lead in leads]) if lead_filter.get("purposes") else {}
    return [
        Surveyed(lead.pk, lead.revision, lead.updated_at, qualifies(lead_filter, lead, given.get(lead.pk, {})))
        for lead in leads
    ]


def _consents(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, bool]]:
    """Return what each lead agrees to: the newest statement per purpose."""
    given: dict[uuid.UUID, dict[str, bool]] = defaultdict(dict)
    statements = Consent.objects.filter(lead__in=ids).order_by("at", "pk")
    for lead_id, purpose, granted in statements.values_list("lead", "purpose", "granted"):
        given[lead_id][purpose] = granted
    return given
