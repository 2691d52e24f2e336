"""Reading JSON from strangers."""

import json
import math
import re
from typing import Any, NoReturn

from rest_framework.exceptions import ParseError

DEEPEST = 20

# What a string must not hold although JSON can write it: NUL (no database takes it) and half a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def loads(body: bytes) -> Any:
    """Parse a JSON body. Raises: ParseError that says what is wrong and where."""
    text = _decode(body)
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as err:
        raise ParseError(f"Line {err.lineno}, column {err.colno}: {err.msg}.") from err
    except RecursionError as err:
        raise _too_deep() from err
    except ValueError as err:
        # Python refuses to read whole numbers of thousands of digits.
        raise ParseError("A number has too many digits.") from err
    # Most bodies have too few brackets to be deep and no escapes: they need no second look.
    has_escapes = "\\u" in text
    if has_escapes or text.count("{") + text.count("[") > DEEPEST:
        _check(value, DEEPEST, has_escapes)
    return value


def _decode(body: bytes) -> str:
    try:
        return body.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as err:
        raise ParseError(f"The body is not UTF-8: byte {err.start + 1} does not fit.") from err


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(f"The name {twice[:80]!a} stands twice in one object.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ParseError(f"{name} is not a JSON value.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ParseError("A number is too large.")
    return number


def _check(value: Any, levels: int, strings: bool) -> None:
    if isinstance(value, str):
        if strings and _UNSTORABLE.search(value):
            raise ParseError("A text holds a character that cannot be stored (NUL or half a surrogate pair).")
    elif isinstance(value, (dict, list)):
        if levels == 0:
            raise _too_deep()
        for inner in value if isinstance(value, list) else [*value.keys(), *value.values()]:
            _check(inner, levels - 1, strings)


def _too_deep() -> ParseError:
    return ParseError(f"The body is nested more than {DEEPEST} levels deep.")
