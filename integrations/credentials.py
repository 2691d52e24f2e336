"""Vendors' secrets: sealed at rest, opened only to be sent to their own host."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from integrations.models import Credential
from integrations.providers import errors
from integrations.providers.base import Provider
from runtime import secrets
from runtime.scrubbing import remember

QUARTER = timedelta(days=90)
"""How old a vendor's key may grow before somebody is reminded to replace it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request carries to say who we are."""

    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    key: str = field(default="", repr=False)
    """Goes where a provider has put `KEY_IN_BODY`."""


def seal(credential: Credential, values: Mapping[str, str]) -> None:
    """Put a secret into a credential row (unsaved), e.g. `{"api_key": …}`."""
    credential.sealed = secrets.seal(dict(values))
    if credential.sealed_with not in secrets.known_key_ids():
        # What a lost key has sealed beside it can't be opened any more.
        credential.spare, credential.tokens = "", ""
    if not (credential.spare or credential.tokens):
        # Else the older key is still needed, for those.
        credential.sealed_with = secrets.current_key_id()


def unseal(credential: Credential) -> dict[str, Any]:
    """Return a credential's secret and have it masked in everything that is logged from now on.

    Raises: Misconfigured.
    """
    return opened(credential.sealed)


def opened(sealed: str) -> dict[str, Any]:
    """Return what was sealed, e.g. of one slot, masked from now on; nothing where the slot is empty.

    Raises: Misconfigured.
    """
    if not sealed:
        return {}
    try:
        values = secrets.unseal(sealed)
    except secrets.WrongEncryptionKey as err:
        raise errors.Misconfigured("The stored key can't be opened with ENCRYPTION_KEYS; enter it again.") from err
    for value in values.values():
        if isinstance(value, str):
            remember(value)
    return values


def client_secrets(credential: Credential) -> list[str]:
    """Return the secrets of the app that a credential signs in as, of both slots: its vendor may sign with them.

    Raises: Misconfigured.
    """
    slots = (opened(sealed) for sealed in (credential.sealed, credential.spare))
    return [slot["client_secret"] for slot in slots if slot.get("client_secret")]


def proof(provider: type[Provider], values: Mapping[str, Any]) -> Proof:
    """Return what proves who we are, as the provider wants it. Raises: NotAuthorised without a key."""
    if provider.auth == "none":
        return Proof()
    key = str(values.get("access_token") or values.get("api_key") or values.get("password") or "")
    if not key:
        raise errors.NotAuthorised("No key is stored for this connector.")
    if values.get("access_token") or provider.auth == "bearer":
        return Proof({"Authorization": f"Bearer {key}"}, key=key)
    if provider.auth == "query":
        return Proof(parameters={provider.auth_name: key})
    if provider.auth == "header":
        return Proof({provider.auth_name: f"{provider.auth_prefix} {key}".strip()})
    pair = f"{values.get('username') or 'any'}:{key}"
    proven = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    remember(proven)
    return Proof({"Authorization": proven})
