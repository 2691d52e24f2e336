"""How often somebody may be wrong about whose order it is, so that nobody finds one by trying."""

import hashlib
import uuid
from collections.abc import Iterable

from django.core.cache import cache

from integrations.lookups import Unavailable
from runtime.cache import failures

WINDOW_SECONDS = 3_600
MOST_PER_CONVERSATION = 5
MOST_PER_NUMBER = 20
MOST_PER_CONTACT = 20
MOST_PER_CLIENT = 600


class TooManyAttempts(Exception):
    """No further order is looked up for this conversation, number, contact or client for a while."""

    retry_after = WINDOW_SECONDS


class Attempt:
    """One try, counted before it is made: tries made at once can't pass a limit together."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = tuple(keys)

    def take_back(self) -> None:
        """Don't count this one: the pair was right, or nobody could tell."""
        for key in self._keys:
            _count(key, -1)


def begin(*, client_id: uuid.UUID, number: str, contact: str, conversation_id: uuid.UUID | None = None) -> Attempt:
    """Count a try.

    Raises: TooManyAttempts, where one of the limits is reached already; Unavailable, where tries can't be counted:
    then nobody is shown an order.
    """
    limits = {
        f"client:{client_id}": MOST_PER_CLIENT,
        f"number:{client_id}:{number}": MOST_PER_NUMBER,
        f"contact:{client_id}:{contact}": MOST_PER_CONTACT,
    }
    if conversation_id is not None:
        limits[f"conversation:{conversation_id}"] = MOST_PER_CONVERSATION
    most = {_key(of): limit for of, limit in limits.items()}
    counts = {key: _count(key, 1) for key in most}
    attempt = Attempt(most)
    if any(counts[key] > most[key] for key in most):
        attempt.take_back()
        raise TooManyAttempts
    return attempt


def _key(of: str) -> str:
    """Return a cache key that doesn't tell the order's number or the person's address."""
    return "attempts:" + hashlib.sha256(of.encode()).hexdigest()


def _count(key: str, by: int) -> int:
    try:
        cache.add(key, 0, WINDOW_SECONDS)
        return cache.incr(key, by)
    except ValueError:  # It ran out between the two; the next try begins a new window.
        return 0
    except failures() as err:
        raise Unavailable("failed") from err
