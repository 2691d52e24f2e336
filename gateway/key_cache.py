"""Keys and tokens seen a moment ago, so that the hot path asks the database once every two seconds at most."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings

Found = TypeVar("Found")

# A key that is refused is never kept, so strangers can't push the others out.
_MOST = 2000

_kept: dict[str, tuple[float, object]] = {}


def find(digest: str, load: Callable[[str], Found | None]) -> Found | None:
    """Return what `load(digest)` returned up to `settings.KEY_CACHE_SECONDS` ago, else ask again.

    The rows are shared by all threads of the process: read them, never change them.
    """
    now = time.monotonic()
    kept = _kept.get(digest)
    if kept is not None and kept[0] > now:
        return kept[1]  # type: ignore[return-value]  # a digest always has the same loader
    found = load(digest)
    if found is not None:
        if len(_kept) >= _MOST:
            # All at once: to know which was used last would cost every request a write to a shared order.
            _kept.clear()
        _kept[digest] = (now + settings.KEY_CACHE_SECONDS, found)
    return found


def forget(digest: str) -> None:
    """Ask the database about this key next time; other processes notice within the two seconds."""
    _kept.pop(digest, None)


def forget_all() -> None:
    """Forget everything kept."""
    _kept.clear()
