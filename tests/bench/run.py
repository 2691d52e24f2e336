"""One run of the bench: how long it takes its time, on which servers, and what it has to say beside its figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench.servers import Stack


@dataclass
class Run:
    """What every measure is given. `stacks` are those the environment names, beside the embedded one."""

    is_quick: bool
    stacks: Sequence[Stack]
    notes: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def pick(self, full: Any, quick: Any) -> Any:
        """Return one of two sizes."""
        return quick if self.is_quick else full

    @property
    def rounds(self) -> int:
        """How often each run of load is repeated; the median counts."""
        return int(self.pick(3, 1))

    @property
    def load_seconds(self) -> int:
        return int(self.pick(8, 3))

    def note(self, text: str) -> None:
        """Add a remark that is printed below the table."""
        self.notes.append(text)
