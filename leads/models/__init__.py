"""Leads, what they asked, and what they agreed to; the files that are made of them."""

from leads.models.consents import Consent
from leads.models.erasures import Erasure, Tombstone
from leads.models.people import Activity, Lead, LeadQuerySet, Reference
from leads.models.sheets import Export, ExportPlan, Import, Sheet

__all__ = [
    "Activity",
    "Consent",
    "Erasure",
    "Export",
    "ExportPlan",
    "Import",
    "Lead",
    "LeadQuerySet",
    "Reference",
    "Sheet",
    "Tombstone",
]
