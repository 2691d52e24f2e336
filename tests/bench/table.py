"""What a measure found: a figure, what it stands beside, and whether it reaches its target."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Target:
    """The most or the least a figure may be: itself, or as a multiple of its floor."""

    limit: float
    is_most: bool = False
    of_floor: bool = False

    def words(self, unit: str) -> str:
        """Say it, e.g. `≥ 0.40 × floor`."""
        sign = "≤" if self.is_most else "≥"
        return f"{sign} {self.limit:g} × floor" if self.of_floor else f"{sign} {number(self.limit)} {unit}"

    def missed_by(self, figure: "Figure") -> float:
        """Return by which part of the limit a figure misses it; 0 where it doesn't."""
        reached = figure.share if self.of_floor else figure.value
        if reached is None:
            return 0.0
        short = reached - self.limit if self.is_most else self.limit - reached
        return max(0.0, short / (abs(self.limit) or 1.0))


@dataclass(frozen=True)
class Figure:
    """One measured value with its floor, both in `unit`."""

    measure: str
    name: str
    value: float
    unit: str
    floor: float | None = None
    floor_name: str = ""
    target: Target | None = None

    @property
    def share(self) -> float | None:
        """The value as a multiple of its floor."""
        return self.value / self.floor if self.floor else None

    @property
    def verdict(self) -> str:
        """Whether the target is reached, and if not, by how much it is missed."""
        if self.target is None:
            return ""
        missed = self.target.missed_by(self)
        return f"missed by {missed:.0%}" if missed >= 0.005 else "met"

    def to_json(self) -> dict[str, Any]:
        """Return everything, for bench.json."""
        words = self.target.words(self.unit) if self.target else ""
        return {**asdict(self), "share": self.share, "target": words, "verdict": self.verdict}


def number(value: float) -> str:
    """Write a figure with about three digits that count."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}"


_HEADS = ("measure", "what", "value", "unit", "floor", "floor is", "× floor", "target", "")
_NUMBERS = {2, 4, 6}


def render(figures: Sequence[Figure]) -> str:
    """Return the table as Markdown, aligned so that it reads well in a terminal, too."""
    rows = [_HEADS, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    rule = ["-" * (width - 1) + ":" if n in _NUMBERS else "-" * width for n, width in enumerate(widths)]
    aligned = [[_aligned(row[n], n, width) for n, width in enumerate(widths)] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [aligned[0], rule, *aligned[1:]])


def _aligned(cell: str, column: int, width: int) -> str:
    return cell.rjust(width) if column in _NUMBERS else cell.ljust(width)


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.measure,
        figure.name,
        number(figure.value),
        figure.unit,
        "" if figure.floor is None else number(figure.floor),
        figure.floor_name,
        "" if figure.share is None else f"{figure.share:.2f}",
        figure.target.words(figure.unit) if figure.target else "",
        figure.verdict,
    )


def save(path: Any, about: dict[str, Any], figures: Sequence[Figure]) -> None:
    """Write everything as one JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {**about, "figures": [figure.to_json() for figure in figures]}
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
