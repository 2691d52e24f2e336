"""Spans of time as people type and say them: "10 s, 5 m, 2 h" and "5 minutes"."""

import re
from collections.abc import Sequence

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_ONE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|sec|m|min|h)\Z")
_SAID = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def parse(text: str) -> float:
    """Return the seconds of one span, such as "5 m". Raises: ValueError in words."""
    match = _ONE.match(text.strip().lower())
    if match is None:
        raise ValueError("write a number and s, m or h, such as 5 m")
    number, unit = match.groups()
    seconds = float(number) * _SECONDS[unit[0]]
    return int(seconds) if seconds.is_integer() else seconds


def parse_all(text: str) -> list[float]:
    """Return the seconds of each span in a list with commas. Raises: ValueError that names the span."""
    spans = []
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            spans.append(parse(part))
        except ValueError as err:
            raise ValueError(f"“{part[:20]}”: {err}") from err
    return spans


def typed(seconds: Sequence[float]) -> str:
    """Return spans as they are typed: "10 s, 5 m, 2 h"."""
    return ", ".join(map(_typed, seconds))


def _typed(seconds: float) -> str:
    for unit in ("h", "m"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f} {unit}"
    return f"{seconds:g} s"


def said(seconds: float) -> str:
    """Return a span in words, in the biggest unit of which it has at least one: "3 days", "90 seconds"."""
    for size, unit in _SAID:
        number = seconds / size
        # Two of a smaller unit say more than "1.5 of the bigger one".
        if number >= 2 or number == 1:
            whole = round(number)
            return f"{whole} {unit}" if whole == 1 else f"{whole} {unit}s"
    return f"{seconds:g} seconds"
