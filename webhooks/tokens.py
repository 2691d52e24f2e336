"""The secret in a source's address."""

import hashlib
import secrets

from runtime.secrets import Secret

_RANDOM_BYTES = 24


def generate() -> Secret:
    """Return a new token: 192 random bits."""
    return Secret("whin_" + secrets.token_urlsafe(_RANDOM_BYTES))


def digest(token: str) -> str:
    """Return what is kept of a token: nobody can get the token from it, or find it by the time a look-up takes."""
    return hashlib.sha256(token.encode()).hexdigest()
