"""What can be delivered: each app registers how its things are loaded for a provider, and how they are gone through."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from integrations.outbox import LeftOut
from integrations.providers.base import Contact
from integrations.rules import About


@dataclass(frozen=True, slots=True)
class Loaded:
    """A subject's state as it is now."""

    contact: Contact
    revision: int


Loader = Callable[[Mapping[uuid.UUID, int]], dict[uuid.UUID, Loaded]]
"""Subject id → the revision this connector has already been told; ids that no longer exist are left out."""


Filter = Sequence[Mapping[str, Any]]
"""A connector's filter as it is stored (its shape: integrations.models.Connector)."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A subject seen in passing: its revision, when that was made, and why a filter leaves it out, if it does."""

    id: uuid.UUID
    revision: int
    changed_at: datetime
    left_out: LeftOut | None = None


class Surveyor(Protocol):
    """Goes through all subjects of a kind, in the order of their ids."""

    def count(self) -> int:
        """Return how many there are."""
        ...

    def newest(self, limit: int) -> list[uuid.UUID]:
        """Return the ids of the newest ones, the newest first."""
        ...

    def about(self) -> list[About]:
        """Return what a connector's filter may ask about."""
        ...

    def page(self, lead_filter: Filter, after: uuid.UUID | None, limit: int) -> list[Surveyed]:
        """Return the next ones after an id (None = from the first)."""
        ...

    def some(self, lead_filter: Filter, ids: Sequence[uuid.UUID]) -> list[Surveyed]:
        """Return those of these ids that exist."""
        ...


Namesakes = Callable[[Mapping[str, Any]], Sequence[uuid.UUID]]
"""What a vendor finds somebody by (as `Contact.values`) → the ids of the subjects it would find by it."""


Done = Callable[[uuid.UUID, Mapping[str, Any]], None]
"""Subject id, what the vendor said: it is done, written in the transaction that settles its delivery."""


_loaders: dict[str, Loader] = {}
_nouns: dict[str, str] = {}
_done: dict[str, Done] = {}
_namesakes: dict[str, Namesakes] = {}
_surveyors: dict[str, Surveyor] = {}


def register(
    kind: str,
    loader: Loader,
    surveyor: Surveyor | None = None,
    namesakes: Namesakes | None = None,
    done: Done | None = None,
    noun: str = "",
) -> None:
    """Say how subjects of `kind` are loaded, gone through, found, ended and called; from `AppConfig.ready`."""
    _loaders[kind] = loader
    _nouns[kind] = noun or kind
    if done is not None:
        _done[kind] = done
    if namesakes is not None:
        _namesakes[kind] = namesakes
    if surveyor is not None:
        _surveyors[kind] = surveyor


def nouns(*kinds: str | None) -> tuple[str, str]:
    """Return what people call subjects of these kinds, one and many; "delivery" where they are of several."""
    known = {kind for kind in kinds if kind}
    if len(known) != 1:
        return "delivery", "deliveries"
    noun = _nouns.get(*known, *known)
    return noun, f"{noun}s"


def load(kind: str, told: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, Loaded]:
    """Load subjects of one kind, each with what happened since the revision that was told last."""
    return _loaders[kind](told)


def note_done(kind: str, subject_id: uuid.UUID, told: Mapping[str, Any]) -> None:
    """Tell the app that owns a kind that what a subject asked for is done."""
    if kind in _done:
        _done[kind](subject_id, told)


def surveyor(kind: str) -> Surveyor:
    """Return what goes through all subjects of a kind."""
    return _surveyors[kind]


def namesakes(kind: str, values: Mapping[str, Any]) -> Sequence[uuid.UUID]:
    """Return the subjects of a kind that a vendor may take for the one that has these values."""
    return _namesakes[kind](values) if kind in _namesakes else ()
