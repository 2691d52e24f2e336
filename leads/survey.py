"""Leads gone through for a connector: all of them in turn, or some that were left out before."""

import uuid
from collections.abc import Mapping, Sequence

from django.db.models import QuerySet

from integrations.rules import About
from integrations.subjects import Filter, Surveyed
from leads.consents import InForce, in_force, purposes_of
from leads.models import Lead
from leads.routing import about_leads, asks_consent, explained, left_out


class LeadSurvey:
    """Goes through leads by their ids (implements `integrations.subjects.Surveyor`)."""

    def count(self) -> int:
        """Return how many leads there are."""
        return Lead.objects.count()

    def newest(self, limit: int) -> list[uuid.UUID]:
        """Return the ids of the newest leads."""
        return list(Lead.objects.order_by("-pk").values_list("pk", flat=True)[:limit])

    def about(self) -> list[About]:
        """Return what a filter may ask about a lead, with what recent leads have."""
        return about_leads()

    def page(self, lead_filter: Filter, after: uuid.UUID | None, limit: int) -> list[Surveyed]:
        """Return the next leads after an id, at most two statements."""
        rows = Lead.objects.order_by("pk")
        return _surveyed(lead_filter, (rows.filter(pk__gt=after) if after else rows)[:limit])

    def some(self, lead_filter: Filter, ids: Sequence[uuid.UUID]) -> list[Surveyed]:
        """Return those of these leads that exist, at most two statements."""
        return _surveyed(lead_filter, Lead.objects.filter(pk__in=ids))


def _surveyed(lead_filter: Filter, rows: QuerySet[Lead]) -> list[Surveyed]:
    asked = explained(lead_filter)
    leads = list(rows.only("client", "source", "attributes", "revision", "updated_at"))
    given = in_force([lead.pk for lead in leads]) if asks_consent(asked) else {}
    return [
        Surveyed(lead.pk, lead.revision, lead.updated_at, left_out(asked, lead, _purposes(given, lead)))
        for lead in leads
    ]


def _purposes(given: Mapping[uuid.UUID, Mapping[str, InForce]], lead: Lead) -> dict[str, bool]:
    return purposes_of(given[lead.pk].values()) if lead.pk in given else {}
