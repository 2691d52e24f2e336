"""What a mapping may do to a value: a fixed set of functions, each pure, none of them code that an admin writes."""

import functools
import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import phonenumbers

_DATES: Mapping[str, str] = {
    "YYYY-MM-DD": "%Y-%m-%d",
    "DD.MM.YYYY": "%d.%m.%Y",
    "DD/MM/YYYY": "%d/%m/%Y",
    "MM/DD/YYYY": "%m/%d/%Y",
}
_PAIR = re.compile(r"\s*([^=]+?)\s*=\s*(.*?)\s*\Z")


class WrongArgumentError(ValueError):
    """What was typed beside a function is not what it takes; the message says what is."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function: what people read, what its argument is, how it is applied, how the argument is checked."""

    label: str
    argument: str
    apply: Callable[[Any, str], Any]
    check: Callable[[str], None] = lambda argument: None


def _same(value: Any, argument: str) -> Any:
    return value


def _default(value: Any, argument: str) -> Any:
    return argument if value in (None, "", [], {}) else value


def _fixed(value: Any, argument: str) -> Any:
    return argument


def _concat(value: Any, argument: str) -> Any:
    """Join what the sources found (the mapping evaluates them), leaving out what is empty."""
    parts = value if isinstance(value, list) else [value]
    return " ".join(str(part) for part in parts if part not in (None, "", [], {}))


def _date(value: Any, argument: str) -> Any:
    moment = _moment(value)
    if moment is None:
        return None
    if argument == "milliseconds":
        return int(datetime(moment.year, moment.month, moment.day, tzinfo=UTC).timestamp() * 1000)
    return moment.strftime(_DATES[argument or "YYYY-MM-DD"])


def _moment(value: Any) -> date | None:
    text = str(value or "").strip()
    for read in (datetime.fromisoformat, *(_reader(pattern) for pattern in _DATES.values())):
        try:
            return read(text)
        except ValueError:
            continue
    return None


def _reader(pattern: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, pattern).replace(tzinfo=UTC)


def _check_date(argument: str) -> None:
    if argument and argument != "milliseconds" and argument not in _DATES:
        raise WrongArgumentError(f"a date is written as one of {', '.join([*_DATES, 'milliseconds'])}")


def _e164(value: Any, argument: str) -> Any:
    try:
        number = phonenumbers.parse(str(value or ""), argument.upper() or None)
    except phonenumbers.NumberParseException:
        return None
    is_possible = phonenumbers.is_possible_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if is_possible else None


def _check_region(argument: str) -> None:
    if argument and argument.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise WrongArgumentError("enter the country of numbers without a country code, such as DE")


def _country(value: Any, argument: str) -> Any:
    code = _countries().get(str(value or "").strip().casefold())
    if code is None or argument != "name":
        return code
    names: Mapping[str, str] = _country_names()[code]
    text = names.get("en", code)
    # "*de" stands for "as in German".
    return names[text[1:]] if text.startswith("*") else text


@functools.cache
def _country_names() -> Mapping[str, Mapping[str, str]]:
    """Return the names of countries by their code: `{"DE": {"en": "Germany", "de": "Deutschland"}}`.

    Loaded as a file: the package it lies in brings the places of all the world's numbers along, 107 MB in each process.
    """
    file = Path(phonenumbers.__file__).with_name("geodata") / "locale.py"
    spec = importlib.util.spec_from_file_location("phonenumbers.geodata.locale", file)
    assert spec is not None and spec.loader is not None  # noqa: S101 (for the type checker: the file is named)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names: Mapping[str, Mapping[str, str]] = module.LOCALE_DATA
    return names


@functools.cache
def _countries() -> dict[str, str]:
    """Return every country by its code and by its name in each language, in small letters."""
    by_name = {
        name.casefold(): code
        for code, names in _country_names().items()
        for name in names.values()
        if not name.startswith("*")
    }
    return by_name | {code.casefold(): code for code in _country_names()}


def _check_country(argument: str) -> None:
    if argument not in {"", "code", "name"}:
        raise WrongArgumentError("enter code (DE) or name (Germany)")


def _split_name(value: Any, argument: str) -> Any:
    words = str(value or "").split()
    if argument == "first":
        return " ".join(words[:-1]) or (words[0] if words else None)
    return words[-1] if len(words) > 1 else None


def _check_part(argument: str) -> None:
    if argument not in {"first", "last"}:
        raise WrongArgumentError("enter first or last")


def _enum(value: Any, argument: str) -> Any:
    pairs = pairs_of(argument)
    if isinstance(value, bool):
        value = "true" if value else "false"
    return pairs.get(str(value if value is not None else ""), pairs.get("*"))


def pairs_of(argument: str) -> dict[str, str]:
    """Return `a = b; c = d; * = e` as pairs; `*` is for whatever else comes. Raises: WrongArgumentError."""
    pairs = {}
    for part in filter(str.strip, argument.split(";")):
        match = _PAIR.match(part)
        if match is None:
            raise WrongArgumentError("write it as “ours = theirs; ours = theirs; * = all others”")
        pairs[match[1]] = match[2]
    return pairs


def _check_pairs(argument: str) -> None:
    if not pairs_of(argument):
        raise WrongArgumentError("write it as “ours = theirs; ours = theirs; * = all others”")


def _check_given(argument: str) -> None:
    if not argument:
        raise WrongArgumentError("enter the text")


FUNCTIONS: Mapping[str, Function] = {
    "": Function("as it is", "", _same),
    "default": Function("or, where empty, the text", "text", _default, _check_given),
    "fixed": Function("always the text", "text", _fixed, _check_given),
    "concat": Function("joined with", "other sources, separated by commas", _concat, _check_given),
    "split_name": Function("part of a full name", "first or last", _split_name, _check_part),
    "e164": Function(
        "as international phone number", "country of numbers without one, such as DE", _e164, _check_region
    ),
    "country": Function("as country", "code or name", _country, _check_country),
    "date": Function("as date", "such as DD.MM.YYYY; empty: YYYY-MM-DD", _date, _check_date),
    "enum": Function("translated", "ours = theirs; * = all others", _enum, _check_pairs),
}
