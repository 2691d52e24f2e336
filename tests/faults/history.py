"""What was promised and what came of it: every lead that was sent, every effect, and whether they agree."""

import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from uuid import uuid4

_TEXT = re.compile(r"enquiry-[0-9a-f]{12}")
# What a person sees of a lead that has not arrived: where it stands, and why.
_VISIBLE = {"waiting", "needs_you"}


@dataclass(eq=False)
class Capture:
    """A lead as one caller sent it; `accepted` once the API has said 2xx."""

    email: str
    text: str
    first_name: str
    accepted: bool = False
    lead_id: str = ""
    tries: int = 0


@dataclass(frozen=True)
class Finding:
    """A promise that was broken: lost, duplicated, unexpected, silent, stale or untrue."""

    kind: str
    email: str
    words: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.email}: {self.words}"


@dataclass(frozen=True)
class World:
    """What is true in the end: the vendor's effects and contacts, and what the API tells of a lead by its id.

    An effect is `{"operation", "key", "sent": {property: value}}`, a contact `{"id", "properties": {…}}`. By e-mail,
    `unfinished` has the states of deliveries that are said not to have arrived, `numbers` the vendor's ids that are
    told of those that have.
    """

    effects: Sequence[Mapping[str, Any]]
    contacts: Sequence[Mapping[str, Any]]
    told: Callable[[str], Mapping[str, Any]]
    unfinished: Mapping[str, Collection[str]] = field(default_factory=dict)
    numbers: Mapping[str, Collection[str]] = field(default_factory=dict)


class History:
    """Everything that callers have sent, in the order it was sent."""

    def __init__(self) -> None:
        self._captures: list[Capture] = []
        self._lock = threading.Lock()
        self._mark = uuid4().hex[:8]
        self._people = 0

    def person(self) -> str:
        """Return an e-mail address that nobody has."""
        with self._lock:
            self._people += 1
            return f"p{self._people}-{self._mark}@example.com"

    def sent(self, email: str) -> Capture:
        """Note a capture before it is sent, with a first name and an enquiry that no other has."""
        token = uuid4().hex[:12]
        with self._lock:
            capture = Capture(email, f"enquiry-{token}", f"N{token}")
            self._captures.append(capture)
        return capture

    def accepted(self, capture: Capture, lead_id: str) -> None:
        """Note that the API has promised to deliver it."""
        capture.lead_id, capture.accepted = lead_id, True

    @property
    def captures(self) -> list[Capture]:
        with self._lock:
            return list(self._captures)

    @property
    def promised(self) -> list[Capture]:
        """The captures that were accepted."""
        return [capture for capture in self.captures if capture.accepted]


def check(history: History, world: World, *, held: Collection[str] = ()) -> list[Finding]:
    """Return every promise that was broken, once no work is under way any more.

    `held` are the people a scenario means to stay away from the vendor: they must be in sight, waiting or before a
    person, with an explanation.
    """
    ledger, away = _Ledger(history.captures, world), frozenset(held)
    broken = [ledger.missing(away), ledger.duplicated(), ledger.unexpected(), ledger.stale(), ledger.untrue(away)]
    return list(chain.from_iterable(broken))


@dataclass
class _Ledger:
    """Both sides, by e-mail."""

    captures: Sequence[Capture]
    world: World
    by_email: dict[str, list[Capture]] = field(default_factory=lambda: defaultdict(list))
    contacts: dict[str, list[Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for capture in self.captures:
            self.by_email[capture.email].append(capture)
        for contact in self.world.contacts:
            self.contacts[str(contact["properties"].get("email"))].append(contact)
        for effect in self.world.effects:
            self.messages[effect["key"]].append(effect["sent"].get("message") or "")

    def missing(self, held: frozenset[str]) -> Iterator[Finding]:
        """What was promised and is not there."""
        for email, captures in self.by_email.items():
            promised = [capture for capture in captures if capture.accepted]
            arrived = set(_TEXT.findall(" ".join(self.messages[email])))
            absent = [capture for capture in promised if capture.text not in arrived]
            if promised and email not in self.contacts:
                absent = promised
            if not absent:
                continue
            if email not in held:
                what = "never arrived" if email not in self.contacts else "an enquiry never arrived"
                yield Finding("lost", email, f"{what}: {', '.join(capture.text for capture in absent)}")
            if not self._is_visible(absent[-1]):
                yield Finding("silent", email, f"not delivered, and the API says {self._told(absent[-1])}")

    def duplicated(self) -> Iterator[Finding]:
        """What is there more than once."""
        for email, contacts in self.contacts.items():
            if len(contacts) > 1:
                yield Finding("duplicated", email, f"{len(contacts)} contacts")
        creates = Counter(effect["key"] for effect in self.world.effects if effect["operation"] == "create")
        for email, count in creates.items():
            if count > 1:
                yield Finding("duplicated", email, f"created {count} times")
        for email, messages in self.messages.items():
            for message in messages:
                twice = [text for text, count in Counter(_TEXT.findall(message)).items() if count > 1]
                if twice:
                    yield Finding("duplicated", email, f"told twice at once: {', '.join(twice)}")

    def unexpected(self) -> Iterator[Finding]:
        """What is there though nobody sent it, or sent it of somebody else."""
        for email in self.contacts.keys() | {effect["key"] for effect in self.world.effects}:
            if email not in self.by_email:
                yield Finding("unexpected", email, "nobody sent it")
        for email, messages in self.messages.items():
            own = {capture.text for capture in self.by_email.get(email, ())}
            foreign = set(_TEXT.findall(" ".join(messages))) - own
            if foreign:
                yield Finding("unexpected", email, f"told what others said: {', '.join(sorted(foreign))}")

    def stale(self) -> Iterator[Finding]:
        """Where the vendor's last word is not the newest; what was sent later and not accepted may count or not."""
        for email, captures in self.by_email.items():
            last = max((n for n, capture in enumerate(captures) if capture.accepted), default=None)
            if last is None or email not in self.contacts:
                continue
            allowed = {capture.first_name for capture in captures[last:]}
            name = self.contacts[email][-1]["properties"].get("firstname")
            if name not in allowed:
                yield Finding("stale", email, f"is called {name} there, not {captures[last].first_name}")

    def untrue(self, held: frozenset[str]) -> Iterator[Finding]:
        """Where all is well and somebody is told otherwise."""
        for email, states in self.world.unfinished.items():
            if email in self.by_email and email not in held:
                yield Finding("untrue", email, f"a delivery is said to be {', '.join(sorted(states))}")
        for email, numbers in self.world.numbers.items():
            known = {contact["id"] for contact in self.contacts.get(email, ())}
            if email in self.by_email and not known.issuperset(numbers):
                yield Finding("untrue", email, f"is said to have the number {numbers} there; it is {known}")

    def _is_visible(self, capture: Capture) -> bool:
        return any(row["state"] in _VISIBLE and row["explanation"] for row in self._told(capture))

    def _told(self, capture: Capture) -> list[Any]:
        return list(self.world.told(capture.lead_id).get("deliveries", []))
