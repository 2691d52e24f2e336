"""Switches guards of the product off, each in a copy of the project, and shows that the test it has turns red.

    python -m tests.guards            every guard whose servers are named (DATABASE_URL, BROKER_URL)
    python -m tests.guards kills      those whose test's name, or the guard's own, holds a word

A guard is switched off by changing the source text; a test of this folder says where that is no longer found.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Off:
    """A guard switched off: the test that is to turn red, and `(file, text, other text)` for each change."""

    scenario: str
    guard: str
    changes: Sequence[tuple[str, str, str]]
    broker: bool = False
    postgresql: bool = False

    @classmethod
    def by_one_change(cls, guard: str, scenario: str, file: str, text: str, other: str) -> "Off":
        """Return a guard that one change switches off."""
        return cls(scenario, guard, ((file, text, other),))
