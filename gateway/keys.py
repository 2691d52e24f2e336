"""The text of a key or of a visitor's session: how it is made, recognised and compared."""

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from hmac import compare_digest

from runtime.secrets import Secret

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
MARKS = {"secret": "sb_sk_", "publishable": "sb_pk_", "session": "sb_vs_"}

# 30 characters are 178 random bits; the six of them that logs show leave more than 128 unknown.
_RANDOM_LENGTH = 30
_CHECKSUM_LENGTH = 6
_SHOWN_LENGTH = 12
_FORM = re.compile(rf"sb_(?:sk|pk|vs)_[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}")
_KINDS = {mark: kind for kind, mark in MARKS.items()}


class MistypedKey(ValueError):
    """The text cannot be a key of ours: wrong length, wrong characters or a checksum that doesn't fit."""


@dataclass(frozen=True)
class KeyText:
    """What may be kept of a key: its kind, the prefix that logs show and the digest it is found by."""

    kind: str
    prefix: str
    digest: str


def generate(kind: str) -> Secret:
    """Return a new key of kind "secret" or "publishable", or the token of a "session"."""
    body = MARKS[kind] + "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM_LENGTH))
    return Secret(body + _checksum(body))


def parse(text: str) -> KeyText:
    """Return what is kept of a key, without asking the database. Raises: MistypedKey."""
    body, checksum = text[:-_CHECKSUM_LENGTH], text[-_CHECKSUM_LENGTH:]
    if not _FORM.fullmatch(text) or not compare_digest(_checksum(body), checksum):
        raise MistypedKey
    return KeyText(kind=_KINDS[text[:6]], prefix=text[:_SHOWN_LENGTH], digest=digest(text))


def looks_like_key(text: str) -> bool:
    """Whether the text begins like a key, right or mistyped."""
    return text.startswith(tuple(MARKS.values()))


def find_in(text: str) -> str | None:
    """Return the first whole key inside a longer text, such as an address."""
    found = _FORM.search(text)
    return found.group() if found else None


def digest(text: str) -> str:
    """Return the SHA-256 a key or token is stored and found by; 178 random bits need no slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
