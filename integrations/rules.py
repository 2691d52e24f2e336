"""A connector's filter: rules in words, all of which a lead has to meet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_RULES = 20
MOST_VALUES = 100


@dataclass(frozen=True, slots=True)
class About:
    """Something that rules may ask of a lead: how it is called, and the values that are known of it.

    `values` are `{value: what people call it}`; where it `is_closed`, there are no others. A name that ends in a dot
    (`attribute.`) is completed by whoever writes the rule.
    """

    name: str
    label: str
    values: Mapping[str, str] = field(default_factory=dict)
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class Test:
    """A way of asking; `one` and `many` say it with one value and with several."""

    label: str
    one: str
    many: str
    holds: Callable[[Sequence[str], Sequence[str]], bool]
    has_values: bool = True


TESTS: Mapping[str, Test] = {
    "any_of": Test("is one of", "is", "is one of", lambda said, values: any(each in values for each in said)),
    "none_of": Test(
        "is none of", "is not", "is none of", lambda said, values: not any(each in values for each in said)
    ),
    "contains": Test(
        "contains one of",
        "contains",
        "contains one of",
        lambda said, values: any(value in each for each in said for value in values),
    ),
    "given": Test("is given", "is given", "is given", lambda said, values: bool(said), has_values=False),
    "missing": Test("is not given", "is not given", "is not given", lambda said, values: not said, has_values=False),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it is about, how that is tested, against which values. Case makes no difference."""

    about: str
    test: str
    values: tuple[str, ...] = ()

    def holds(self, said: Sequence[str]) -> bool:
        """Say whether a lead meets it of which this is known; nothing known is an empty sequence."""
        values = [value.casefold() for value in self.values]
        return TESTS[self.test].holds([text.casefold() for text in said], values)

    def words(self, about: Mapping[str, About]) -> str:
        """Return it as part of a sentence, such as `channel is one of “web” or “app”`."""
        known = about.get(self.about)
        test = TESTS[self.test]
        shown = [f"“{known.values.get(value, value) if known else value}”" for value in self.values]
        listed = f" {', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else f" {shown[0]}" if shown else ""
        return f"{label_of(self.about, about)} {test.many if len(shown) > 1 else test.one}{listed}"

    def stored(self) -> dict[str, Any]:
        """Return it as the connector keeps it."""
        return {"about": self.about, "test": self.test, "values": list(self.values)}


def read(stored: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """Return a connector's rules."""
    return [Rule(str(rule["about"]), str(rule["test"]), tuple(map(str, rule.get("values") or ()))) for rule in stored]


def label_of(name: str, about: Mapping[str, About]) -> str:
    """Return what something is called that a rule asks about, also where its name was completed by hand."""
    if name in about:
        return about[name].label
    kind, dot, rest = name.partition(".")
    known = about.get(f"{kind}{dot}")
    return f"{known.label} {rest}" if known and rest else name


def sentences(rules: Sequence[Rule], about: Mapping[str, About]) -> list[str]:
    """Return what a filter asks, a sentence per rule."""
    return [f"{capitalised(rule.words(about))}." for rule in rules]


def capitalised(words: str) -> str:
    """Return words as a sentence begins; what is in capitals stays so."""
    return words[:1].upper() + words[1:]
