"""What can be delivered: each app registers how its things are loaded for a provider."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from integrations.providers.base import Contact


@dataclass(frozen=True, slots=True)
class Loaded:
    """A subject's state as it is now."""

    contact: Contact
    revision: int


Loader = Callable[[Mapping[uuid.UUID, int]], dict[uuid.UUID, Loaded]]
"""Subject id → the revision this connector has already been told; ids that no longer exist are left out."""

_loaders: dict[str, Loader] = {}


def register(kind: str, loader: Loader) -> None:
    """Say how subjects of `kind` are loaded; called from `AppConfig.ready`."""
    _loaders[kind] = loader


def load(kind: str, told: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, Loaded]:
    """Load subjects of one kind, each with what happened since the revision that was told last."""
    return _loaders[kind](told)
