"""What a fault dial says: its fields, which requests it matches, what the ones a request has taken add up to."""

from __future__ import annotations

import fnmatch
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HUGE_LIMIT = 2**31
DECIDING = ("status", "hang", "reset", "garbage", "huge")


class DialRefusedError(Exception):
    """A dial that can't be set, with the field that is wrong."""

    def __init__(self, field_name: str, why: str) -> None:
        super().__init__(f"{field_name}: {why}")
        self.field = field_name


def _check(ok: bool, why: str) -> None:
    if not ok:
        raise ValueError(why)


def _is_whole(value: Any, lowest: int, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _whole(lowest: int, highest: int) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        _check(_is_whole(value, lowest, highest), f"must be a whole number from {lowest} to {highest}")
        return value

    return parse


def _text(value: Any) -> Any:
    _check(isinstance(value, str), "must be a string")
    return value


def _header(value: Any) -> Any:
    _check(
        isinstance(value, str) and not any(ord(c) < 32 for c in value), "must be a string without control characters"
    )
    return value


def _flag(value: Any) -> Any:
    _check(isinstance(value, bool), "must be true or false")
    return value


def _share(value: Any) -> Any:
    ok = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    _check(ok, "must be a number from 0 to 1")
    return value


def _hang(value: Any) -> Any:
    _check(value in (True, False, "before", "after"), 'must be true, false, "before" or "after"')
    return "before" if value is True else value or ""


def _reset(value: Any) -> Any:
    _check(value in ("before", "after"), 'must be "before" or "after"')
    return value


def _members(value: Any, required: dict[str, Callable[[Any], Any]], optional: dict[str, Callable[[Any], Any]]) -> Any:
    _check(isinstance(value, dict), "must be an object")
    known = required | optional
    unknown = sorted(set(value) - set(known))
    _check(not unknown, f"has the unknown member {', '.join(unknown)}")
    missing = sorted(set(required) - set(value))
    _check(not missing, f"lacks {', '.join(missing)}")
    for name, member in value.items():
        try:
            known[name](member)
        except ValueError as err:
            raise ValueError(f"{name} {err}") from err
    return value


def _drip(value: Any) -> Any:
    return _members(value, {"bytes_per_second": _whole(1, 10**9)}, {})


def _rate_limit(value: Any) -> Any:
    return _members(value, {"requests": _whole(0, 10**9), "window_ms": _whole(1, 86_400_000)}, {})


def _emails(value: Any) -> Any:
    _check(isinstance(value, list) and all(isinstance(item, str) for item in value), "must be a list of strings")
    return value


def _partial(value: Any) -> Any:
    _members(value, {}, {"emails": _emails, "share": _share, "category": _text})
    _check("emails" in value or "share" in value, "needs emails or share")
    return value


def _kill(value: Any) -> Any:
    whens = ("received", "committed", "answered")

    def when(moment: Any) -> Any:
        _check(moment in whens, f"must be one of {', '.join(whens)}")

    _members(value, {"pid": _whole(2, 2**31), "when": when}, {})
    _check(process_start(value["pid"]) is not None, f"names {value['pid']}, which is no process of this user")
    return value


def process_start(pid: int) -> str | None:
    """When a process of this user was started, in ticks since boot; None for a stranger's or none."""
    try:
        if Path(f"/proc/{pid}").stat().st_uid != os.getuid():
            return None
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


FIELDS: dict[str, Callable[[Any], Any]] = {
    "vendor": _text,
    "path": _text,
    "status": _whole(200, 599),
    "retry_after": _header,
    "body": _text,
    "delay_ms": _whole(0, 3_600_000),
    "hang": _hang,
    "drip": _drip,
    "reset": _reset,
    "garbage": _flag,
    "huge": _whole(0, HUGE_LIMIT),
    "share": _share,
    "seed": _whole(-(2**63), 2**63),
    "count": _whole(1, 10**9),
    "batch_conflict": _flag,
    "partial": _partial,
    "rate_limit": _rate_limit,
    "kill": _kill,
}


@dataclass(slots=True)
class Dial:
    """One dial in force; `values` is what was asked for, parsed."""

    id: int
    values: dict[str, Any]
    left: int | None
    rng: random.Random
    started: str | None = None
    taken: int = 0

    @property
    def decides(self) -> bool:
        """Whether it makes up the answer by itself, or holds it back."""
        return "body" in self.values or any(self.values.get(name) for name in DECIDING)

    def matches(self, vendor: str, path: str) -> bool:
        """Whether it is for this vendor and path; a path counts from the vendor's base address or from the server's."""
        if self.values.get("vendor", "*") not in ("*", vendor):
            return False
        pattern = self.values.get("path", "")
        paths = (path, f"/{vendor}{path}")
        if any(c in pattern for c in "*?["):
            return any(fnmatch.fnmatchcase(candidate, pattern) for candidate in paths)
        return any(candidate.startswith(pattern) for candidate in paths)


def parse(spec: Any, vendors: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a dial, checked. Raises: DialRefusedError."""
    if not isinstance(spec, dict):
        raise DialRefusedError("dial", "must be a JSON object")
    values = {}
    for name, value in spec.items():
        if name not in FIELDS:
            raise DialRefusedError(name, f"is not a field of a dial; there are {', '.join(FIELDS)}")
        try:
            values[name] = FIELDS[name](value)
        except ValueError as err:
            raise DialRefusedError(name, str(err)) from err
    if values.get("vendor", "*") not in ("*", *vendors):
        raise DialRefusedError("vendor", f"must be one of *, {', '.join(vendors)}")
    return values


@dataclass(slots=True)
class Dials:
    """The dials one request has taken."""

    taken: list[Dial] = field(default_factory=list)

    def value(self, name: str) -> Any:
        """The first value set for a field, or None."""
        return next((dial.values[name] for dial in self.taken if name in dial.values), None)

    def delay_seconds(self) -> float:
        return float(sum(dial.values.get("delay_ms", 0) for dial in self.taken)) / 1000

    def fails(self, key: str) -> str:
        """The error category a `partial` dial gives this item, or an empty string."""
        for dial in self.taken:
            partial = dial.values.get("partial")
            if partial and (key in partial.get("emails", ()) or dial.rng.random() < partial.get("share", 0)):
                return str(partial.get("category", "VALIDATION_ERROR"))
        return ""

    def kill(self, when: str) -> bool:
        """Kill what the dials say at this moment, unless the number belongs to another process by now."""
        has_killed = False
        for dial in self.taken:
            kill = dial.values.get("kill")
            if kill and kill["when"] == when and process_start(kill["pid"]) == dial.started:
                os.kill(kill["pid"], signal.SIGKILL)
                has_killed = True
        return has_killed


NO_DIALS = Dials()
