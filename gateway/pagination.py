"""Pages of long lists by cursor: a place in the order, not a number of rows, so that new rows shift nothing."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet

from gateway.authentication import Caller
from gateway.problems import Problem

Row = TypeVar("Row", bound=Model)

MOST = 100
USUAL = 50
LONGEST_CURSOR = 300
_SALT = "gateway.pagination"
_START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """The row after which a page begins: its time, and its id where several have the same time."""

    at: datetime
    id: uuid.UUID

    @classmethod
    def of(cls, row: Model, time_field: str) -> Self:
        """Return a row's place in the order of a time field."""
        return cls(getattr(row, time_field), row.pk)


@dataclass(frozen=True, slots=True)
class Walk:
    """A list as one caller walks through it; its cursors are of no use to others or with other filters."""

    caller: Caller
    route: str
    filters: Mapping[str, Any]

    def cursor(self, place: Place) -> str:
        """Return the text that stands for a place."""
        microseconds = (place.at - _START) // timedelta(microseconds=1)
        return signing.dumps([self._mark, microseconds, place.id.hex], salt=_SALT)

    def place(self, cursor: str) -> Place:
        """Return the place a cursor stands for. Raises: Problem (400) for one that isn't from this walk."""
        try:
            mark, microseconds, id = signing.loads(cursor, salt=_SALT)
        except signing.BadSignature as err:
            raise _refused("This is not a cursor of ours. Send next_cursor of the page before as it is.") from err
        if mark != self._mark:
            raise _refused("This cursor belongs to other filters or another client. Begin again without it.")
        return Place(_START + timedelta(microseconds=microseconds), uuid.UUID(id))

    @property
    def _mark(self) -> str:
        told = json.dumps([str(self.caller.client.pk), self.route, self.filters], sort_keys=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def page(rows: QuerySet[Row], time_field: str, *, after: Place | None, limit: int) -> tuple[list[Row], Place | None]:
    """Return the next rows in the order of a time field, and the place to go on from; None at the end."""
    if after is not None:
        later = Q(**{f"{time_field}__gt": after.at}) | Q(pk__gt=after.id)
        # The first condition is what the index is for; the second decides among rows of the same time.
        rows = rows.filter(**{f"{time_field}__gte": after.at}).filter(later)
    found = list(rows.order_by(time_field, "pk")[: limit + 1])
    shown = found[:limit]
    return shown, Place.of(shown[-1], time_field) if len(found) > limit else None


def _refused(message: str) -> Problem:
    errors = [{"field": "cursor", "message": message}]
    return Problem(400, "validation_failed", "Some fields were not accepted.", f"cursor: {message}", errors)
