"""Signatures of what vendors send: compared in constant time, refused where no secret is stored. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from integrations.providers.errors import BadSignature

TOLERANCE_SECONDS = 300.0


def check_hmac(
    given: str,
    signed: bytes,
    secrets: Sequence[str],
    *,
    encoding: Literal["base64", "hex"] = "base64",
    algorithm: Literal["sha256", "sha1"] = "sha256",
) -> None:
    """Make sure that `given` is the HMAC of `signed` under one of the secrets. Raises: BadSignature."""
    _check(given, [_mac(secret, signed, encoding, algorithm) for secret in _usable(secrets)])


def check_token(given: str, secrets: Sequence[str]) -> None:
    """Make sure that a sender knows one of the secrets itself (a bearer token, a password). Raises: BadSignature."""
    _check(given, _usable(secrets))


def check_address(url: str, secrets: Sequence[str]) -> None:
    """Make sure that an address ends with one of the secrets: all there is where a vendor signs nothing.

    Raises: BadSignature.
    """
    check_token(url.partition("?")[0].rpartition("/")[2], secrets)


def check_recent(sent_at: datetime, now: datetime, tolerance_seconds: float = TOLERANCE_SECONDS) -> None:
    """Refuse what was signed too long ago, or ahead of time: somebody may have kept it. Raises: BadSignature."""
    if abs((now - sent_at).total_seconds()) > tolerance_seconds:
        raise BadSignature("The message is too old, or one of the clocks is wrong.", code="too_old")


def _usable(secrets: Sequence[str]) -> list[str]:
    usable = [secret for secret in secrets if secret.strip()]
    if not usable:
        raise BadSignature("No secret is stored to check signatures with; enter the vendor's.", code="no_secret")
    return usable


def _mac(secret: str, signed: bytes, encoding: str, algorithm: str) -> str:
    digest = hmac.new(secret.encode(), signed, getattr(hashlib, algorithm)).digest()
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode("ascii")


def _check(given: str, expected: Sequence[str]) -> None:
    found = given.strip().encode("utf-8", "surrogateescape")
    # Each is compared, whichever fits: how long it takes tells nothing.
    fits = [hmac.compare_digest(found, one.encode()) for one in expected]
    if not any(fits):
        raise BadSignature("The signature does not fit.")
