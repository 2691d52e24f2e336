"""Fills a vendor's fields from our values: JMESPath expressions that admins write, evaluated within bounds."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from integrations.mapping_functions import FUNCTIONS, WrongArgumentError
from integrations.providers.errors import Misconfigured

MOST_SECONDS = 0.25
"""How long all rows of one record may take."""
MOST_ROWS = 200
_LONGEST_ARGUMENT = 2_000
_LONGEST_EXPRESSION = 500
_LONGEST_TEXT = 20_000
_MOST_STEPS = 10_000
_HEAVIEST = 50_000
_PLAIN_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")


class _TooMuchError(Exception):
    """An expression would take too long or grow too big."""


_FAILURES = (JMESPathError, _TooMuchError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)


class _BoundedInterpreter(TreeInterpreter):
    """Evaluates an expression step by step and stops where it grows out of hand.

    `[@, @]` repeated thirty times is a small expression with an enormous result: what counts is how much a value
    holds in all, shared parts counted each time they appear.
    """

    def __init__(self, ends_at: float) -> None:
        super().__init__()
        self._ends_at = ends_at
        self._steps = 0
        self._weights: dict[int, tuple[Any, int]] = {}

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise _TooMuchError("it takes too many steps")
        if time.monotonic() > self._ends_at:
            raise _TooMuchError("it takes too long")
        result = super().visit(node, *args, **kwargs)
        if self._weight(result) > _HEAVIEST:
            raise _TooMuchError("its result is too big")
        return result

    def _weight(self, value: Any) -> int:
        if isinstance(value, str):
            return 1 + len(value) // 16
        if not isinstance(value, list | dict):
            return 1
        known = self._weights.get(id(value))
        if known is None:
            parts = value.values() if isinstance(value, dict) else value
            # Kept together with the value, so that its id stays its own.
            known = self._weights[id(value)] = (value, 1 + sum(map(self._weight, parts)))
        return known[1]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a mapping: the vendor's field, where its value comes from, what is done to it."""

    field: str
    source: str = ""
    function: str = ""
    argument: str = ""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Row":
        """Read a row as it is stored; what is no text counts as none."""
        texts = (stored.get(name) for name in ("field", "source", "function", "argument"))
        return cls(*(text if isinstance(text, str) else "" for text in texts))

    def stored(self) -> dict[str, str]:
        """Return it as it is stored, without what is empty."""
        values = {name: getattr(self, name) for name in ("field", "source", "function", "argument")}
        return {name: value for name, value in values.items() if value}

    @property
    def sources(self) -> list[str]:
        """Every expression that is looked up: the source, and those it is joined with."""
        more = self.argument.split(",") if self.function == "concat" else []
        return [text.strip() for text in (self.source, *more) if text.strip()]


def rows_of(mapping: Mapping[str, str]) -> list[Row]:
    """Return `{"firstname": "first_name"}` as rows."""
    return [Row(field, source if isinstance(source, str) else "") for field, source in mapping.items()]


def map_fields(mapping: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the vendor's fields, e.g. `{"firstname": "first_name"}` over a contact's values; empty ones are left out.

    Raises: Misconfigured that names the field.
    """
    return map_rows(rows_of(mapping), values)


def map_rows(rows: Iterable[Row], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the vendor's fields with their values; empty ones are left out. Raises: Misconfigured with the field."""
    return _mapped(rows, values, time.monotonic() + MOST_SECONDS)


def map_each(rows: Sequence[Row], records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the fields of several records, which together may take as long as one. Raises: Misconfigured."""
    ends_at = time.monotonic() + MOST_SECONDS
    return [_mapped(rows, record, ends_at) for record in records]


def evaluate(name: str, expression: str, values: Any) -> Any:
    """Return what an expression finds in JSON values. Raises: Misconfigured that names it by `name`."""
    return _evaluate(name, expression, values, time.monotonic() + MOST_SECONDS)


def _mapped(rows: Iterable[Row], values: Mapping[str, Any], ends_at: float) -> dict[str, Any]:
    fields = {}
    for row in rows:
        value = _value(row, values, ends_at)
        if value not in (None, "", [], {}):
            fields[row.field] = value[:_LONGEST_TEXT] if isinstance(value, str) else value
    return fields


def _value(row: Row, values: Mapping[str, Any], ends_at: float) -> Any:
    if row.function not in FUNCTIONS:
        raise _broken(row.field, f"there is no function {row.function[:40]!r}")
    if row.function == "fixed":
        return row.argument
    found = [_evaluate(row.field, source, values, ends_at) for source in row.sources]
    if not found:
        raise _broken(row.field, "it has no source")
    value = found if row.function == "concat" else found[0]
    try:
        return FUNCTIONS[row.function].apply(value, row.argument)
    except (*_FAILURES, KeyError, OverflowError) as err:
        raise _broken(row.field, err) from err


def check_rows(rows: Sequence[Row]) -> None:
    """Refuse rows that can't work, before they are stored. Raises: Misconfigured that names the field."""
    if len(rows) > MOST_ROWS:
        raise Misconfigured(f"A mapping has at most {MOST_ROWS} fields.", code="mapping")
    seen = set()
    for row in rows:
        if not 0 < len(row.field) <= 120:
            raise Misconfigured("A row has no field; choose one or clear the row.", code="mapping")
        if row.field in seen:
            raise _broken(row.field, "the field stands here twice")
        seen.add(row.field)
        _check_row(row)


def _check_row(row: Row) -> None:
    if row.function not in FUNCTIONS:
        raise _broken(row.field, f"there is no function {row.function[:40]!r}")
    if len(row.argument) > _LONGEST_ARGUMENT:
        raise _broken(row.field, f"what stands beside it has more than {_LONGEST_ARGUMENT:,} characters")
    try:
        FUNCTIONS[row.function].check(row.argument)
    except WrongArgumentError as err:
        raise _broken(row.field, str(err)) from err
    if not row.sources and row.function != "fixed":
        raise _broken(row.field, "it has no source")
    for source in row.sources:
        _compiled(row.field, source)


def check_mapping(mapping: Any) -> None:
    """Refuse `{field: expression}` that can't work. Raises: Misconfigured that names the field."""
    if not isinstance(mapping, dict):
        raise Misconfigured("A mapping is a list of fields, each with an expression.", code="mapping")
    for field, expression in mapping.items():
        _compiled(field, expression)


def _evaluate(field: str, expression: str, values: Mapping[str, Any], ends_at: float) -> Any:
    if isinstance(expression, str) and len(expression) <= _LONGEST_EXPRESSION and _PLAIN_PATH.match(expression):
        return _walk(expression, values)
    try:
        return _BoundedInterpreter(ends_at).visit(_compiled(field, expression), values)
    except _FAILURES as err:
        raise _broken(field, err) from err


def _walk(path: str, values: Any) -> Any:
    for name in path.split("."):
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


def _compiled(field: str, expression: Any) -> Any:
    if not isinstance(expression, str) or not 0 < len(expression) <= _LONGEST_EXPRESSION:
        raise _broken(field, f"an expression has 1 to {_LONGEST_EXPRESSION} characters")
    try:
        return _parse(expression)
    except (JMESPathError, ValueError, RecursionError) as err:
        raise _broken(field, err) from err


@lru_cache(maxsize=512)
def _parse(expression: str) -> Any:
    return jmespath.compile(expression).parsed


def _broken(field: str, why: object) -> Misconfigured:
    # JMESPath's own words may quote the value it met, which is a person's.
    shown = str(why) if isinstance(why, str | _TooMuchError) else type(why).__name__
    return Misconfigured(f"The mapping of “{field[:80]}” cannot be evaluated: {shown}.", code="mapping")
