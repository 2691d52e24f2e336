"""Secrets at rest: sealed with keys that live outside the database."""

import functools
import hashlib
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Secret(str):
    """A string that doesn't show itself in a repr, a traceback or a debug page."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


class WrongEncryptionKey(Exception):
    """What was sealed cannot be opened with the configured ENCRYPTION_KEYS."""


def key_id(key: str) -> str:
    """Return the public name of an encryption key: a row says which key sealed it without telling the key."""
    return hashlib.sha256(b"shopbotly key id:" + key.encode()).hexdigest()[:12]


@functools.cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def current_key_id() -> str:
    """Return the id of the key that seals now: the first of ENCRYPTION_KEYS."""
    return key_id(settings.ENCRYPTION_KEYS[0])


def known_key_ids() -> set[str]:
    """Return the ids of all configured keys."""
    return {key_id(key) for key in settings.ENCRYPTION_KEYS}


def seal(values: dict[str, Any]) -> str:
    """Encrypt a JSON object with the current key."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(json.dumps(values).encode()).decode()


def is_current(sealed: str) -> bool:
    """Tell whether a text was sealed with the current key."""
    try:
        _fernet((settings.ENCRYPTION_KEYS[0],)).decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def unseal(sealed: str) -> dict[str, Any]:
    """Decrypt what `seal` returned; string values come back as `Secret`. Raises: WrongEncryptionKey."""
    try:
        plain = _fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(sealed.encode())
    except (InvalidToken, ValueError, IndexError) as err:
        raise WrongEncryptionKey("A stored secret cannot be opened with ENCRYPTION_KEYS.") from err
    values: dict[str, Any] = json.loads(plain)
    return {name: Secret(value) if isinstance(value, str) else value for name, value in values.items()}
