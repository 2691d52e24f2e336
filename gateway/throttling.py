"""How many requests a client, a key, a visitor and a stranger's address may make.

What happens where the shared counter doesn't answer is one rule for all purposes: this process goes on counting by
itself. Nothing is refused that would not have been (a lead must come in), and nothing is unlimited.
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Address, ip_network
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from gateway.addresses import parse_address

if TYPE_CHECKING:
    from rest_framework.views import APIView

    from gateway.authentication import Caller

logger = logging.getLogger(__name__)

TOKENS_PER_MINUTE = 30
_PERIOD_SECONDS = 60
# A counter that is gone costs a request up to a second; after that it is left alone for a while.
_LEFT_ALONE_SECONDS = 5.0
_MOST_COUNTED_HERE = 10_000
_NETWORK_OF_ONE = 64

_complained_at = float("-inf")
_asked_again_at = float("-inf")
_here: dict[tuple[str, str, int], int] = {}
_lock = threading.Lock()


class ClientThrottle(BaseThrottle):
    """Holds a caller to its limits, counted over all processes, and says what is left.

    The narrowest comes first: what it refuses uses up nothing of the wider ones, so that one visitor can't use up
    what is there for all.
    """

    def __init__(self) -> None:
        self._wait: float | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if getattr(request.auth, "client", None) is None:
            return True
        caller = cast("Caller", request.auth)
        seen: dict[str, dict[str, Any]] = {}
        for policy, value, limit in _limits(caller):
            usage = seen[policy] = count(request._request, policy, value, limit)
            if usage["should_limit"]:
                self._wait = usage["time_left"]
                break
        view.headers.update(headers(seen))
        return self._wait is None

    def wait(self) -> float | None:
        return self._wait


def _limits(caller: "Caller") -> Iterator[tuple[str, str, int]]:
    if caller.session is not None:
        yield "visitor", str(caller.session.pk), settings.VISITOR_REQUESTS_PER_MINUTE
    elif caller.kind == "publishable":
        yield "visitor", household(caller.address), settings.VISITOR_REQUESTS_PER_MINUTE
    if caller.key is not None and caller.key.rate_per_minute is not None:
        yield "key", str(caller.key.pk), caller.key.rate_per_minute
    yield "client", str(caller.client.pk), caller.client.rate_per_minute


def household(address: str) -> str:
    """Return what an address is counted as: an IPv6 one is one of the countless that a single line has."""
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _NETWORK_OF_ONE), strict=False))
    return address or "unknown"


def count(request: HttpRequest, group: str, value: str, limit: int) -> dict[str, Any]:
    """Count one request: `{"count", "limit", "should_limit", "time_left"}`."""
    global _asked_again_at
    if time.monotonic() >= _asked_again_at:
        try:
            usage = get_usage(request, group=group, key=lambda *_: value, rate=(limit, _PERIOD_SECONDS), increment=True)
        except Exception as err:  # noqa: BLE001 (each cache backend has its own errors)
            _complain(err)
            _asked_again_at = time.monotonic() + _LEFT_ALONE_SECONDS
        else:
            # A negative time is the library's sign for a counter that was lost between two steps.
            if usage is not None and usage["time_left"] >= 0:
                return dict(usage)
    return _count_here(group, value, limit)


def _count_here(group: str, value: str, limit: int) -> dict[str, Any]:
    """Count for this process alone, in windows that begin with the minute."""
    window, passed = divmod(int(time.time()), _PERIOD_SECONDS)
    with _lock:
        if len(_here) >= _MOST_COUNTED_HERE:
            _here.clear()
        number = _here[group, value, window] = _here.get((group, value, window), 0) + 1
    return {"count": number, "limit": limit, "should_limit": number > limit, "time_left": _PERIOD_SECONDS - passed}


def count_failure(request: HttpRequest) -> float | None:
    """Count a wrong credential from this address; return the seconds to wait once there were too many."""
    address = household(getattr(request, "address", ""))
    usage = count(request, "failures", address, settings.WRONG_CREDENTIALS_PER_MINUTE)
    return float(usage["time_left"]) if usage["should_limit"] else None


def headers(seen: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return what tells a caller its limits. Source: draft-ietf-httpapi-ratelimit-headers-10."""
    policies = [f'"{policy}";q={usage["limit"]};w={_PERIOD_SECONDS}' for policy, usage in seen.items()]
    left = [
        f'"{policy}";r={max(0, usage["limit"] - usage["count"])};t={usage["time_left"]}'
        for policy, usage in seen.items()
    ]
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}


def _complain(error: Exception) -> None:
    global _complained_at
    if time.monotonic() - _complained_at > _PERIOD_SECONDS:
        _complained_at = time.monotonic()
        logger.error("The cache does not count requests; each process counts for itself until it does.", exc_info=error)
