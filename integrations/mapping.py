"""Fills a vendor's fields from our values: JMESPath expressions that admins write, evaluated within bounds."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from integrations.providers.errors import Misconfigured

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

    def __init__(self) -> None:
        super().__init__()
        self._steps = 0
        self._weights: dict[int, tuple[Any, int]] = {}

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise _TooMuchError("it takes too many steps")
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


def map_fields(mapping: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the vendor's fields, e.g. `{"firstname": "first_name"}` over a contact's values; empty ones are left out.

    Raises: Misconfigured that names the field.
    """
    fields = {}
    for field, expression in mapping.items():
        value = _evaluate(field, expression, values)
        if value not in (None, "", [], {}):
            fields[field] = value[:_LONGEST_TEXT] if isinstance(value, str) else value
    return fields


def check_mapping(mapping: Any) -> None:
    """Refuse a mapping that can't work, before it is stored. Raises: Misconfigured that names the field."""
    if not isinstance(mapping, dict):
        raise Misconfigured("A mapping is a list of fields, each with an expression.", code="mapping")
    for field, expression in mapping.items():
        _compiled(field, expression)


def _evaluate(field: str, expression: str, values: Mapping[str, Any]) -> Any:
    if isinstance(expression, str) and len(expression) <= _LONGEST_EXPRESSION and _PLAIN_PATH.match(expression):
        return _walk(expression, values)
    try:
        return _BoundedInterpreter().visit(_compiled(field, expression), values)
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
