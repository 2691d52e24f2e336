"""Leads as providers see them."""

import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from integrations.providers.base import Contact, Enquiry, Statement
from integrations.subjects import Loaded
from leads.consents import in_force, purposes_of
from leads.models import Activity, Lead, Reference
from leads.models.people import is_one_of


def load(told: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, Loaded]:
    """Load leads with every enquiry since the revision their connector was told last: five statements."""
    # Read first: what is captured from here on has a later revision, and a delivery of its own that tells it.
    leads = list(Lead.objects.filter(pk__in=told))
    enquiries = _enquiries(told, {lead.pk: lead.revision for lead in leads})
    consents = in_force(told)
    references = dict(Reference.objects.filter(lead__in=told).order_by("-pk").values_list("lead_id", "value"))
    result = {}
    for lead in leads:
        values = _values(lead, references.get(lead.pk, ""), enquiries[lead.pk])
        statements = consents[lead.pk]
        contact = Contact(
            id=str(lead.pk),
            values={**values, "consents": {name: said.words for name, said in statements.items()}},
            enquiries=tuple(enquiries[lead.pk]),
            consents=purposes_of(statements.values()),
            statements={name: Statement(said.granted, said.at, said.is_confirmed) for name, said in statements.items()},
        )
        result[lead.pk] = Loaded(contact, lead.revision)
    return result


def _values(lead: Lead, reference: str, enquiries: list[Enquiry]) -> dict[str, Any]:
    return {
        "id": str(lead.pk),
        "email": lead.email,
        "phone": lead.phone,
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "company": lead.company,
        "reference": reference,
        "message": "\n\n".join(enquiry.message for enquiry in enquiries),
        "source": lead.source,
        "attributes": lead.attributes,
    }


def _enquiries(told: Mapping[uuid.UUID, int], known: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, list[Enquiry]]:
    """Return what was asked after the revision that was told, up to the one that is known."""
    result: dict[uuid.UUID, list[Enquiry]] = defaultdict(list)
    for activity in Activity.objects.filter(lead__in=told).exclude(message="").order_by("revision", "pk"):
        if told[activity.lead_id] < activity.revision <= known.get(activity.lead_id, 0):
            page = str(activity.source.get("page_url") or "")
            result[activity.lead_id].append(Enquiry(activity.at, activity.message, page))
    return result


def namesakes(values: Mapping[str, Any]) -> list[uuid.UUID]:
    """Return the leads that a vendor finds by the same e-mail address or phone number."""
    same = Q(pk__in=[])
    for name in ("email", "phone"):
        if values.get(name):
            same |= is_one_of(name, [values[name]])
    return list(Lead.objects.filter(same).values_list("pk", flat=True))
