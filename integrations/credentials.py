"""Vendors' secrets: sealed at rest, opened only to be sent to their own host."""

import base64
from collections.abc import Mapping
from typing import Any

from integrations.models import Credential
from integrations.providers import errors
from integrations.providers.base import Provider
from runtime import secrets
from runtime.scrubbing import remember


def seal(credential: Credential, values: Mapping[str, str]) -> None:
    """Put a secret into a credential row (unsaved), e.g. `{"api_key": …}`."""
    credential.sealed = secrets.seal(dict(values))
    credential.sealed_with = secrets.current_key_id()


def unseal(credential: Credential) -> dict[str, Any]:
    """Return a credential's secret and have it masked in everything that is logged from now on.

    Raises: Misconfigured.
    """
    try:
        values = secrets.unseal(credential.sealed)
    except secrets.WrongEncryptionKey as err:
        raise errors.Misconfigured("The stored key can't be opened with ENCRYPTION_KEYS; enter it again.") from err
    for value in values.values():
        if isinstance(value, str):
            remember(value)
    return values


def authorisation(provider: type[Provider], values: Mapping[str, Any]) -> dict[str, str]:
    """Return the header that proves who we are, as the provider wants it. Raises: NotAuthorised without a key."""
    if provider.auth == "none":
        return {}
    key = str(values.get("access_token") or values.get("api_key") or values.get("password") or "")
    if not key:
        raise errors.NotAuthorised("No key is stored for this connector.")
    if provider.auth == "bearer":
        return {provider.auth_header: f"Bearer {key}"}
    if provider.auth == "header":
        return {provider.auth_header: key}
    pair = f"{values.get('username') or 'any'}:{key}"
    return {provider.auth_header: "Basic " + base64.b64encode(pair.encode()).decode("ascii")}
