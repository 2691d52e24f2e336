"""Builds a provider that is ready to be asked: its class, its session, its credential."""

import time

import httpx2

from integrations.breaker import Breaker
from integrations.calls import CallLog
from integrations.credentials import authorisation, unseal
from integrations.egress import TOTAL_SECONDS, Session
from integrations.guard import GuardedSession
from integrations.models import Connector
from integrations.providers.base import InventorySource, OrderSource, Provider
from integrations.providers.errors import Misconfigured
from integrations.providers.registry import provider_class
from integrations.quota import Quota, Window

PATIENCE_SECONDS = 5.0
"""How long a request waits for its turn before the work is held and taken up later."""


def open_provider(
    connector: Connector,
    calls: CallLog,
    *,
    ends_at: float | None = None,
    total_seconds: float = TOTAL_SECONDS,
    transport: httpx2.BaseTransport | None = None,
) -> Provider:
    """Return a connector's provider; every request it makes is noted in `calls`.

    `ends_at` (monotonic clock) says that this is a look-up, and when its answer is of no use any more; a delivery has
    `total_seconds` for each request. `transport` replaces the network in tests.
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
        total_seconds=total_seconds,
        transport=transport,
    )
    return provider(_guarded(session, connector, provider, ends_at), connector.config)


def _guarded(session: Session, connector: Connector, provider: type[Provider], ends_at: float | None) -> GuardedSession:
    is_lookup = ends_at is not None
    return GuardedSession(
        session,
        quota=Quota(
            connector.pk,
            window_of(connector),
            leaves_lookups_share=not is_lookup and issubclass(provider, InventorySource | OrderSource),
        ),
        breaker=Breaker(connector.pk),
        patience=min(PATIENCE_SECONDS, ends_at - time.monotonic()) if ends_at is not None else PATIENCE_SECONDS,
        counts_silence=not is_lookup,
    )


def window_of(connector: Connector) -> Window | None:
    """Return the limit that a connector keeps to: its own, or what is usual for the vendor."""
    if connector.quota:
        return Window(int(connector.quota["requests"]), float(connector.quota["seconds"]))
    usual = provider_class(connector.provider).quota
    return Window(*usual) if usual else None


def in_flight_of(connector: Connector) -> int:
    """Return how many calls a connector has under way at once."""
    return connector.max_in_flight or provider_class(connector.provider).max_in_flight
