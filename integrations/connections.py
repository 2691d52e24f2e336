"""Builds a provider that is ready to be asked: its class, its session, its credential."""

import httpx2

from integrations.calls import CallLog
from integrations.credentials import authorisation, unseal
from integrations.egress import Session
from integrations.models import Connector
from integrations.providers.base import Provider
from integrations.providers.errors import Misconfigured
from integrations.providers.registry import provider_class


def open_provider(
    connector: Connector,
    calls: CallLog,
    *,
    ends_at: float | None = None,
    transport: httpx2.BaseTransport | None = None,
) -> Provider:
    """Return a connector's provider; every request it makes is noted in `calls`.

    `ends_at` (monotonic clock) is when its answers are of no use any more; `transport` replaces the network in tests.
    Raises: EgressDenied, Misconfigured, NotAuthorised.
    """
    try:
        provider = provider_class(connector.provider)
    except KeyError as err:
        raise Misconfigured(f"There is no provider {connector.provider!r}.") from err
    credential = connector.credential
    headers = authorisation(provider, unseal(credential) if credential else {})
    session = Session(
        connector.base_url or provider.default_base_url,
        calls=calls,
        authorise=lambda: headers,
        bound_to=credential.host if credential else "",
        ends_at=ends_at,
        transport=transport,
    )
    return provider(session, connector.config)
