"""Leads as a sheet that opens anywhere and in which nothing a stranger typed is a formula."""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from leads.models import Activity, Lead

_FORMULA_STARTS = frozenset("=+-@")
# Where a cell may begin once a spreadsheet with another separator has read the file: it doesn't see our quotes then.
_CELL_STARTS = re.compile(r"([;\t\r\n]+)")

_COLUMNS: dict[str, Callable[[Any], object]] = {
    "id": lambda lead: lead.pk,
    "captured_at": lambda lead: timezone.localtime(lead.created_at).isoformat(timespec="seconds"),
    "updated_at": lambda lead: timezone.localtime(lead.updated_at).isoformat(timespec="seconds"),
    "first_name": lambda lead: lead.first_name,
    "last_name": lambda lead: lead.last_name,
    "email": lambda lead: lead.email,
    "phone": lambda lead: lead.phone,
    "company": lambda lead: lead.company,
    "client": lambda lead: lead.client.name if lead.client else "",
    "channel": lambda lead: lead.source.get("channel", ""),
    "page_url": lambda lead: lead.source.get("page_url", ""),
    "utm_source": lambda lead: _utm(lead, "source"),
    "utm_medium": lambda lead: _utm(lead, "medium"),
    "utm_campaign": lambda lead: _utm(lead, "campaign"),
    "last_message": lambda lead: lead.last_message or "",
}


def inert(text: str) -> str:
    """Return text that no spreadsheet takes for a formula, whichever separator it reads the file with.

    Source: OWASP, CSV Injection; full-width forms count because East Asian spreadsheets read them as their twins.
    """
    return "".join(part if index % 2 else _guarded(part) for index, part in enumerate(_CELL_STARTS.split(text)))


def _guarded(cell: str) -> str:
    visible = next((sign for sign in cell if unicodedata.category(sign)[0] not in "CZ"), "")
    return f"'{cell}" if unicodedata.normalize("NFKC", visible)[:1] in _FORMULA_STARTS and visible else cell


def leads_csv(leads: QuerySet[Lead]) -> Iterator[str]:
    """Yield a CSV file line by line, as UTF-8 with the mark that makes Excel read it as such."""
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(_COLUMNS)
    newest = Activity.objects.filter(lead=OuterRef("pk")).exclude(message="").order_by("-revision").values("message")
    rows = leads.select_related("client").annotate(last_message=Subquery(newest[:1]))
    for lead in rows.iterator(chunk_size=500):
        yield writer.writerow([inert(str(value(lead))) for value in _COLUMNS.values()])


class _Line:
    """A file that hands back each line it is given."""

    def write(self, text: str) -> str:
        return text


def _utm(lead: Lead, name: str) -> object:
    utm = lead.source.get("utm")
    return utm.get(name, utm.get(f"utm_{name}", "")) if isinstance(utm, dict) else ""
