"""When a delivery is tried again, and when a person is asked instead. Pure: no clock, no database."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

MINUTE, HOUR = 60.0, 3600.0

TROUBLE = (10, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Seconds to wait after each failure of the vendor or the network: eleven calls over 75.6 hours."""

REFUSAL = (5 * MINUTE, HOUR, 6 * HOUR)
"""Seconds to wait after each refusal: configuration is often what gets fixed in between."""

_LONGEST_RETRY_AFTER = 24 * HOUR
_SPREAD = 0.2


@dataclass(frozen=True, slots=True)
class Again:
    """Try again in `after`."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Trying again by itself makes no sense any more."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a connector waits after each failure, in seconds; after the last entry a person is asked."""

    trouble: Sequence[float] = TROUBLE
    refusal: Sequence[float] = REFUSAL

    @classmethod
    def of(cls, settings: Mapping[str, Sequence[float]]) -> "Policy":
        """Return the usual policy with what a connector changes (`Connector.retry_policy`)."""
        return cls(tuple(settings.get("trouble", TROUBLE)), tuple(settings.get("refusal", REFUSAL)))


def next_step(
    *,
    refused: bool,
    tries: int,
    policy: Policy = Policy(),
    retry_after: float | None = None,
    spread: float | None = None,
) -> Again | AskPerson:
    """Say what follows the failure that was try number `tries` (from 1).

    `retry_after` is what the vendor asked for, in seconds: never earlier, capped at a day. `spread` in -1…1 replaces
    the random ±20 % in tests.
    """
    table = policy.refusal if refused else policy.trouble
    if tries > len(table):
        return AskPerson()
    chance = random.uniform(-1, 1) if spread is None else spread  # noqa: S311 (spreads load, guards nothing)
    seconds = table[tries - 1] * (1 + _SPREAD * chance)
    if retry_after is not None:
        seconds = max(seconds, min(retry_after, _LONGEST_RETRY_AFTER))
    return Again(timedelta(seconds=seconds))
