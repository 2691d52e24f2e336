"""A sheet of leads as an answer, line by line, without a file."""

import csv
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet

from leads.exports import columns as catalogue
from leads.exports import rows
from leads.exports.files import BOM, headers
from leads.exports.inert import inert
from leads.models import Lead


def leads_csv(leads: QuerySet[Lead], *, may_see_personal: bool = True) -> Iterator[str]:
    """Yield a CSV file with the usual columns, as UTF-8 with the mark that makes Excel read it as such."""
    shown = catalogue.named(catalogue.usual(), may_see_personal=may_see_personal)
    writer = csv.writer(_Line())
    yield BOM + writer.writerow([inert(header) for header in headers(shown)])
    for page in rows.pages(leads, shown, ZoneInfo(settings.TIME_ZONE)):
        for row in page:
            yield writer.writerow([inert(cell) for cell in row])


class _Line:
    """A file that hands back each line it is given."""

    def write(self, text: str) -> str:
        return text
