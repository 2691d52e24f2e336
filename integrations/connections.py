"""Builds a provider that is ready to be asked: its class, its session, its credential."""

import time
from collections.abc import Callable
from typing import Any

from integrations.breaker import Breaker
from integrations.calls import CallLog
from integrations.credentials import Proof, opened, proof
from integrations.egress.deadline import TOTAL_SECONDS
from integrations.egress.session import HttpSession
from integrations.egress.transport import Transport
from integrations.guard import GuardedSession
from integrations.models import Connector, Credential
from integrations.providers.base import (
    LOOKED_UP,
    DefinedOperation,
    EventSource,
    Operations,
    Provider,
    Reply,
    Request,
    Session,
)
from integrations.providers.errors import Misconfigured
from integrations.providers.registry import PROVIDERS, class_of, is_able
from integrations.quota import Quota, Window
from integrations.renewal import SignedIn

PATIENCE_SECONDS = 5.0
"""How long a request waits for its turn before the work is held and taken up later."""


def open_provider(
    connector: Connector,
    calls: CallLog,
    *,
    ends_at: float | None = None,
    total_seconds: float = TOTAL_SECONDS,
    may_call: Callable[[], bool] = lambda: True,
    use_spare: bool = False,
    transport: Transport | None = None,
) -> Provider:
    """Return a connector's provider; every request it makes is noted in `calls`.

    `ends_at` (monotonic clock) says that this is a look-up, and when its answer is of no use any more; a delivery has
    `total_seconds` for each request, and none starts that `may_call` denies. `use_spare` signs in with the second key,
    to try it out. `transport` replaces the network in tests.
    Raises: EgressDenied, Misconfigured, NotAuthorised.
    """
    try:
        provider = class_of(connector)
    except KeyError as err:
        raise Misconfigured(f"There is no provider {connector.provider!r}.") from err
    credential = connector.credential
    if credential and credential.sign_in != Credential.SignIn.KEY:
        signed_in = SignedIn(credential, calls, ends_at=ends_at)
        proves: dict[str, Any] = {"authorise": lambda: signed_in.proof().headers, "renew": signed_in.renew}
    else:
        proves = _by_key(provider, credential, use_spare=use_spare)
    session = HttpSession(
        connector.base_url or provider.default_base_url,
        calls=calls,
        **proves,
        bound_to=credential.host if credential else "",
        personal=provider.personal_names,
        ends_at=ends_at,
        total_seconds=total_seconds,
        transport=transport,
    )
    return provider(_guarded(session, connector, provider, ends_at, may_call), connector.config)


class _NoWayOut(Session):
    """The session of a provider that reads what came in: it asks nobody."""

    def send(self, request: Request) -> Reply:
        """Refuse. Raises: Misconfigured."""
        raise Misconfigured("What came in is read without asking anybody.")


def event_source(connector: Connector) -> EventSource | None:
    """Return what checks and reads the requests that a connector's vendor sends by itself; None where it sends none."""
    if connector.provider not in PROVIDERS:
        return None
    provider = class_of(connector)(_NoWayOut(), connector.config)
    return provider if isinstance(provider, EventSource) else None


def operations_of(connector: Connector) -> list[DefinedOperation]:
    """Return what an administrator has defined of a connector, to be called by name; nobody is asked."""
    if not is_able(connector, Operations):
        return []
    provider = class_of(connector)(_NoWayOut(), connector.config)
    try:
        return provider.operations() if isinstance(provider, Operations) else []
    except Misconfigured:
        return []


def _by_key(provider: type[Provider], credential: Credential | None, *, use_spare: bool) -> dict[str, Any]:
    """Return how a session proves who we are with a stored key."""
    sealed = (credential.spare if use_spare else credential.sealed) if credential else ""
    proven: Proof = proof(provider, opened(sealed))
    return {"authorise": lambda: proven.headers, "parameters": proven.parameters, "key": proven.key}


def _guarded(
    session: Session,
    connector: Connector,
    provider: type[Provider],
    ends_at: float | None,
    may_call: Callable[[], bool],
) -> GuardedSession:
    is_lookup = ends_at is not None
    return GuardedSession(
        session,
        quota=Quota(
            connector.pk,
            window_of(connector),
            daily=daily_of(connector),
            is_fixed=bool(connector.quota.get("requests")),
            leaves_lookups_share=not is_lookup and issubclass(provider, LOOKED_UP),
        ),
        breaker=Breaker(connector.pk),
        patience=min(PATIENCE_SECONDS, ends_at - time.monotonic()) if ends_at is not None else PATIENCE_SECONDS,
        counts_silence=not is_lookup,
        may_call=may_call,
        limits=provider.limits,
    )


def window_of(connector: Connector) -> Window | None:
    """Return the limit that a connector keeps to: its own, or what is usual for the vendor."""
    if connector.quota.get("requests"):
        return Window(int(connector.quota["requests"]), float(connector.quota["seconds"]))
    usual = class_of(connector).quota
    return Window(*usual) if usual else None


def daily_of(connector: Connector) -> int | None:
    """Return how many requests a day a connector keeps to, where that is known without asking."""
    return connector.quota.get("daily") or class_of(connector).daily_quota


def quota_of(connector: Connector) -> Quota:
    """Return a connector's shared counters, to look at."""
    return Quota(
        connector.pk,
        window_of(connector),
        daily=daily_of(connector),
        is_fixed=bool(connector.quota.get("requests")),
    )


def in_flight_of(connector: Connector) -> int:
    """Return how many calls a connector has under way at once."""
    return connector.max_in_flight or class_of(connector).max_in_flight
