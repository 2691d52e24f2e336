"""Reading JSON from strangers."""

import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

DEEPEST = 20

# What a string must not hold although JSON can write it: NUL (no database takes it) and half a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ACCEPTED = re.compile(r"(application/([\w.+-]+\+)?json|text/plain)?", re.IGNORECASE)


class StrictJSONParser(BaseParser):
    """Parses JSON that means one thing only: no duplicate names, no NaN, no NUL, at most 20 levels.

    Taken as `application/json`, `…+json`, `text/plain` (what `fetch` sends for a string body) or undeclared.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        _check_type(media_type or "")
        request = (parser_context or {}).get("request")
        # Through `body`, so that the raw bytes stay readable for the idempotency fingerprint.
        return loads(request._request.body if request is not None else stream.read())


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


def _check_type(media_type: str) -> None:
    essence, _, parameters = media_type.partition(";")
    if not _ACCEPTED.fullmatch(essence.strip()):
        detail = "Send JSON and say so: add the header `Content-Type: application/json`."
        raise UnsupportedMediaType(essence[:80], detail=detail)
    charset = re.search(r"charset=\"?([\w-]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType(media_type[:80], detail="Send JSON encoded as UTF-8.")


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
