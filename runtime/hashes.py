"""Keyed hashes by which somebody is recognised again without being remembered."""

import hashlib
import hmac

from django.conf import settings


def person_hash(kind: str, identifier: str) -> str:
    """Return the hash of an identifier of a person, such as `person_hash("email", "anna@example.com")`.

    Without PERSON_HASH_KEY nobody can find out by trying which address it stands for.
    """
    said = f"{kind}:{identifier}".encode()
    return hmac.new(f"person hash:{settings.PERSON_HASH_KEY}".encode(), said, hashlib.sha256).hexdigest()
