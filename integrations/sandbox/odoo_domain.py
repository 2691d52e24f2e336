"""Odoo's search domains, evaluated over records in memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Resolve = Callable[[str], list[Any]]
Predicate = Callable[[Resolve], bool]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
}
OPERATORS = frozenset(
    ("=", "!=", "in", "not in", "like", "not like", "ilike", "not ilike", "=like", "=ilike", "<", ">", "<=", ">=")
)


def compile_domain(domain: Any, check_field: Callable[[str, Any], None]) -> Predicate:
    """A test for one record, given a function that resolves a dotted path to its values.

    `check_field(path, term)` raises ValueError where the model has no such field. Raises: ValueError, TypeError.
    """
    if not isinstance(domain, list):
        raise TypeError(f"Domain() invalid type for domain: {domain!r}")
    stack: list[Predicate] = []
    # Polish notation, read backwards: operands are on the stack when their operator comes.
    for term in reversed(domain):
        if term == "!":
            stack.append(_negate(_pop(stack, domain)))
        elif term in ("&", "|"):
            first, second = _pop(stack, domain), _pop(stack, domain)
            stack.append(_both(first, second) if term == "&" else _either(first, second))
        elif isinstance(term, list) and len(term) == 3:
            stack.append(_leaf(term, check_field))
        else:
            raise ValueError(f"Domain() invalid item in domain: {term!r}")
    return lambda resolve: all(predicate(resolve) for predicate in stack)


def _pop(stack: list[Predicate], domain: list[Any]) -> Predicate:
    if not stack:
        raise ValueError(f"Domain() malformed domain: {domain!r}")
    return stack.pop()


def _negate(inner: Predicate) -> Predicate:
    return lambda resolve: not inner(resolve)


def _both(first: Predicate, second: Predicate) -> Predicate:
    return lambda resolve: first(resolve) and second(resolve)


def _either(first: Predicate, second: Predicate) -> Predicate:
    return lambda resolve: first(resolve) or second(resolve)


def _leaf(term: list[Any], check_field: Callable[[str, Any], None]) -> Predicate:
    path, operator, wanted = term
    # Domains may hold the constants [1, "=", 1] (all) and [0, "=", 1] (none).
    if path in (0, 1) and operator == "=":
        return lambda resolve: path == wanted
    if not isinstance(path, str) or operator not in OPERATORS:
        raise ValueError(f"Invalid operator {operator!r} in condition {tuple(term)!r}")
    check_field(path, term)
    if operator in ("!=", "not in", "not like", "not ilike"):
        positive = {"!=": "="}.get(operator, operator.removeprefix("not "))
        return _negate(_positive(path, positive, wanted))
    return _positive(path, operator, wanted)


def _positive(path: str, operator: str, wanted: Any) -> Predicate:
    if operator in ("=", "in"):
        # Odoo takes a list after "=" and a scalar after "in" for what was meant.
        options = wanted if isinstance(wanted, list) else [wanted]
        return lambda resolve: any(_equal(value, option) for value in resolve(path) for option in options)
    if operator in COMPARISONS:
        compare = COMPARISONS[operator]
        return lambda resolve: any(_ordered(compare, value, wanted) for value in resolve(path))
    pattern = _pattern(str(wanted), operator)
    return lambda resolve: any(
        pattern.search(_text(value)) is not None for value in resolve(path) if value is not False
    )


def _pattern(wanted: str, operator: str) -> re.Pattern[str]:
    body = "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in re.sub("%+", "%", wanted))
    flags = re.DOTALL | (re.IGNORECASE if "ilike" in operator else 0)
    return re.compile(rf"\A{body}\Z" if operator.startswith("=") else body, flags)


def _text(value: Any) -> str:
    return str(value[1]) if isinstance(value, list) else str(value)


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, list):
        return wanted == (value[1] if isinstance(wanted, str) else value[0]) and wanted is not False
    if wanted is False or wanted is None or wanted == "":
        return (value in (False, None, "") and not isinstance(value, int | float)) or value is False
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def _ordered(compare: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:
    if isinstance(value, list):
        value = value[0]
    if value is False or isinstance(value, str) != isinstance(wanted, str):
        return False
    return compare(value, wanted)
