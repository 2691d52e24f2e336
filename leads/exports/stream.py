"""A sheet of leads as an answer, page by page, without a file."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet

from leads.exports import columns as catalogue
from leads.exports import rows
from leads.exports.files import csv_beginning
from leads.models import Lead


def leads_csv(leads: QuerySet[Lead], *, may_see_personal: bool = True) -> Iterator[str]:
    """Yield a CSV file with the usual columns, as UTF-8 with the mark that makes Excel read it as such."""
    shown = catalogue.named(catalogue.usual(), may_see_personal=may_see_personal)
    yield csv_beginning(shown)
    for page in rows.pages(leads, rows.Shape(shown, ZoneInfo(settings.TIME_ZONE))):
        yield page.text.decode()
