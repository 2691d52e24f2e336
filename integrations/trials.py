"""A connector's filter tried on past leads, before it is saved."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from integrations import subjects
from integrations.backfill import KIND
from integrations.subjects import Filter
from runtime.display import counted

MOST_LEADS = 1000
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Trial:
    """What a filter would have done with the newest leads: how many were tried, how many each rule left out."""

    tried: int
    left_out: Sequence[tuple[str, int]]

    @property
    def passed(self) -> int:
        """How many would have been sent."""
        return self.tried - sum(number for _, number in self.left_out)

    def sentences(self) -> list[str]:
        """Return it in words: how many would have been sent, then what left out how many."""
        if not self.tried:
            return ["There is no lead yet to try it on."]
        opening = f"Would have sent {self.passed:,} of the last {counted(self.tried, 'lead')}."
        return [opening, *(f"{number:,} left out by the rule: {words}." for words, number in self.left_out)]


def lead_filter_try(lead_filter: Filter, limit: int = MOST_LEADS) -> Trial:
    """Try a filter on the newest leads."""
    surveyor = subjects.surveyor(KIND)
    ids = surveyor.newest(limit)
    counts: Counter[str] = Counter()
    for start in range(0, len(ids), _AT_ONCE):
        seen = surveyor.some(lead_filter, ids[start : start + _AT_ONCE])
        counts.update(lead.left_out.words for lead in seen if lead.left_out)
    return Trial(len(ids), counts.most_common())
