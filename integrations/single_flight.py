"""Lets one of many that ask the same at the same time do the asking, across threads and processes."""

import pickle
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache import cache

from runtime.cache import failures

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.02
_FAILED_SECONDS = 5.0


class OthersFailedError(Exception):
    """Whoever asked on our behalf got no answer."""


class NoTimeError(Exception):
    """Whoever asks on our behalf is not back in time."""


def _troubles() -> tuple[type[Exception], ...]:
    # The cache may be lost, full, or hold what an older version wrote: then everyone asks for themselves.
    return (*failures(), pickle.PickleError, AttributeError, ImportError, EOFError)


def ask_once(key: str, ends_at: float, read: Callable[[], Any], ask: Callable[[], Any]) -> Any:
    """Return `ask()`, or what `read()` finds once another caller's `ask` has come back.

    `ask` stores what it finds where `read` looks (None: nothing there). `ends_at` is on the monotonic clock.
    Raises: whatever `ask` raises; OthersFailedError; NoTimeError.
    """
    lock, mine = f"{key}:flight", uuid.uuid4().hex
    while True:
        left = ends_at - time.monotonic()
        if left <= 0:
            raise NoTimeError
        # A holder that dies lets go when its time is up.
        if cache_add(lock, mine, left + 1):
            return _lead(key, mine, read, ask)
        theirs = cache_get(lock)
        while theirs is not None and cache_get(lock) == theirs:
            if time.monotonic() >= ends_at:
                raise NoTimeError
            time.sleep(_POLL_SECONDS)
        found = read()
        if found is not None:
            return found
        if theirs is not None and cache_get(f"{key}:failed") == theirs:
            raise OthersFailedError


def _lead(key: str, mine: str, read: Callable[[], Any], ask: Callable[[], Any]) -> Any:
    try:
        # Another may have come back between our look and our turn.
        found = read()
        return ask() if found is None else found
    except Exception:
        cache_set(f"{key}:failed", mine, _FAILED_SECONDS)
        raise
    finally:
        # By now it may be another's: ours ends when our time is up, whether or not we are back.
        if cache_get(f"{key}:flight") == mine:
            cache_delete(f"{key}:flight")


def cache_get(key: str) -> Any:
    """Return what the cache holds, or None; a cache in trouble holds nothing."""
    try:
        return cache.get(key)
    except _troubles() as err:
        log.warning("cache.failed", error=type(err).__name__)
        return None


def cache_set(key: str, value: Any, seconds: float) -> None:
    """Keep a value, if the cache can."""
    try:
        cache.set(key, value, seconds)
    except _troubles() as err:
        log.warning("cache.failed", error=type(err).__name__)


def cache_add(key: str, value: Any, seconds: float) -> bool:
    """Keep a value where there is none; True where it was kept, and where the cache is in trouble."""
    try:
        return bool(cache.add(key, value, seconds))
    except _troubles() as err:
        log.warning("cache.failed", error=type(err).__name__)
        return True


def cache_delete(key: str) -> None:
    """Forget a value, if the cache can."""
    try:
        cache.delete(key)
    except _troubles() as err:
        log.warning("cache.failed", error=type(err).__name__)
