"""Leads out of the database as lines of CSV, page by page, in memory that doesn't grow with their number."""

import csv
import io
import json
import re
import uuid
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Case, CharField, Func, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat, NullIf

from leads.exports.columns import Column
from leads.exports.inert import TWINS, inert
from leads.models import Lead

PAGE = 5000
_LOT = 500
_KEY = len(str(uuid.UUID(int=0))) + 1


@dataclass(frozen=True, slots=True)
class Page:
    """Some leads as CSV: the lines, how many, and the key of the last one, after which the next page begins."""

    text: bytes
    number: int
    last: uuid.UUID


@dataclass(frozen=True, slots=True)
class Shape:
    """How cells are said: times in a zone, cells between separators; inert where a spreadsheet opens the lines."""

    columns: Sequence[Column]
    zone: ZoneInfo
    separator: str = ","
    is_inert: bool = True


def pages(leads: QuerySet[Lead], shape: Shape, after: uuid.UUID | None = None) -> Iterator[Page]:
    """Yield leads, oldest first; each page is a statement of its own, so nothing is kept open in between."""
    read = _copied if connection.vendor == "postgresql" else _selected
    while page := read(leads.filter(pk__gt=after) if after else leads, shape):
        yield page
        if page.number < PAGE:
            return
        after = page.last


def _selected(leads: QuerySet[Lead], shape: Shape) -> Page | None:
    rows = list(_told(leads, [column.expression() for column in shape.columns]))
    if not rows:
        return None
    written = io.StringIO()
    say = inert if shape.is_inert else str
    csv.writer(written, delimiter=shape.separator, lineterminator="\n").writerows(
        [say(_cell(value, shape.zone)) for value in row[1:]] for row in rows
    )
    return Page(written.getvalue().encode(), len(rows), rows[-1][0])


def _told(leads: QuerySet[Lead], expressions: Sequence[Combinable]) -> QuerySet[Any, tuple[Any, ...]]:
    names = [f"c{index}" for index in range(len(expressions))]
    return leads.order_by("pk").annotate(**dict(zip(names, expressions, strict=True))).values_list("pk", *names)[:PAGE]


def _cell(value: Any, zone: ZoneInfo) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _copied(leads: QuerySet[Lead], shape: Shape) -> Page | None:
    """Have PostgreSQL write the lines, each with its key in front, and make them inert: faster than through objects."""
    told = _told(leads, [_as_text(column, is_guarded=shape.is_inert) for column in shape.columns])
    query, values = told.query.sql_with_params()
    lots: list[bytes] = []
    number, last = 0, b""
    options = f"FORMAT csv, DELIMITER E'{_ESCAPED.get(shape.separator, shape.separator)}'"
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling a page's expressions takes longer than reading the page.
        cursor.execute("SELECT set_config('TimeZone', %s, true), set_config('jit', 'off', true)", [shape.zone.key])
        with cursor.cursor.copy(f"COPY ({query}) TO STDOUT ({options})", values) as stream:
            written = iter(stream)
            # In small lots: while we look through one, the database writes the next.
            while keyed := [bytes(line) for line in islice(written, _LOT)]:
                lines = [line[_KEY:] for line in keyed]
                if shape.is_inert:
                    _guard(lines, shape.separator)
                lots.append(b"".join(lines))
                number, last = number + len(lines), keyed[-1][: _KEY - 1]
    return Page(b"".join(lots), number, uuid.UUID(last.decode())) if number else None


_ESCAPED = {"\t": "\\t"}


def _as_text(column: Column, *, is_guarded: bool) -> Combinable:
    """Say a column as text in the database; empty is NULL, which CSV leaves out instead of quoting it."""
    said = column.expression()
    if column.kind == "time":
        return _Instant(said)
    if column.name == "phone" and is_guarded:
        number = Concat(Value("'"), said)
        return Case(When(phone="", then=None), default=number, output_field=CharField())
    return said if column.kind in ("json", "number", "id") else NullIf(said, Value(""), output_field=CharField())


class _Instant(Func):
    """A time in the connection's zone, as ISO 8601 with offset."""

    function = "to_char"
    template = "to_char(%(expressions)s, 'YYYY-MM-DD\"T\"HH24:MI:SSTZH:TZM')"
    output_field = CharField()


# As `inert.SUSPICIOUS`, for a whole line: the guard that the database itself puts before a phone number is fine.
_SUSPICIOUS = re.compile(
    rf"(?:^|[,;\t\r\n\"]|'(?!\+\d{{3,20}}(?:[,;\t\r\n]|$)))[^\w!-~]*[=+\-@{TWINS}]",
)
# The same for many lines at once, in UTF-8: finds more than there is (beyond ASCII any sign may be a letter), and
# misses nothing.
_MAYBE_SUSPICIOUS = re.compile(
    rb"(?:[,;\t\r\n\"]|'(?!\+\d{3,20}[,;\t\r\n]))[^!-~]*(?:[=+\-@]|"
    + b"|".join(re.escape(sign.encode()) for sign in TWINS)
    + rb")"
)


def _guard(lines: list[bytes], separator: str) -> None:
    """Make lines inert in place; all are searched at once, and few are looked at one by one."""
    text = b"\n" + b"".join(lines)
    ends = list(accumulate(map(len, lines), initial=1))
    doubtful = {bisect_right(ends, match.end() - 1) - 1 for match in _MAYBE_SUSPICIOUS.finditer(text)}
    for number in doubtful:
        line = lines[number].decode()
        if _SUSPICIOUS.search(line):
            lines[number] = _guarded(line, separator).encode()


def _guarded(line: str, separator: str) -> str:
    written = io.StringIO()
    [cells] = csv.reader(io.StringIO(line, newline=""), delimiter=separator)
    csv.writer(written, delimiter=separator, lineterminator="\n").writerow(
        # What the database guarded already is a phone number; a second guard would stay in sight.
        [cell if _GUARDED_PHONE.fullmatch(cell) else inert(cell) for cell in cells]
    )
    return written.getvalue()


_GUARDED_PHONE = re.compile(r"'\+\d{3,20}")
