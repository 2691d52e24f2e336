"""How many requests a client, and a stranger's address, may make."""

import logging
import time
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django_ratelimit.core import get_usage
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)

FAILURES_PER_MINUTE = 30
TOKENS_PER_MINUTE = 30
_PERIOD_SECONDS = 60

_complained_at = float("-inf")


class ClientThrottle(BaseThrottle):
    """Lets a client make `rate_per_minute` requests a minute, counted over all processes, and says what is left."""

    def __init__(self) -> None:
        self._wait: float | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        client = getattr(request.auth, "client", None)
        if client is None:
            return True
        usage = count(request._request, "client", str(client.pk), client.rate_per_minute)
        if usage is None:
            return True
        view.headers.update(headers("client", usage))
        self._wait = usage["time_left"]
        return not usage["should_limit"]

    def wait(self) -> float | None:
        return self._wait


def count(request: HttpRequest, group: str, value: str, limit: int) -> dict[str, Any] | None:
    """Count one request: `{"count", "limit", "should_limit", "time_left"}`; None where the counter doesn't answer.

    A cache that is down must not turn every request into an error, so then nothing is limited.
    """
    try:
        usage = get_usage(request, group=group, key=lambda *_: value, rate=(limit, _PERIOD_SECONDS), increment=True)
    except Exception as err:  # noqa: BLE001 (each cache backend has its own errors)
        _complain(err)
        return None
    # The library's sign for a counter that was lost between two steps.
    return None if usage is None or usage["time_left"] < 0 else usage


def count_failure(request: HttpRequest) -> float | None:
    """Count a wrong credential from this address; return the seconds to wait once there were too many."""
    address = getattr(request, "address", "") or "unknown"
    usage = count(request, "failures", address, FAILURES_PER_MINUTE)
    return float(usage["time_left"]) if usage is not None and usage["should_limit"] else None


def headers(policy: str, usage: dict[str, Any]) -> dict[str, str]:
    """Return what tells a caller its limit. Source: draft-ietf-httpapi-ratelimit-headers-10."""
    left = max(0, usage["limit"] - usage["count"])
    return {
        "RateLimit-Policy": f'"{policy}";q={usage["limit"]};w={_PERIOD_SECONDS}',
        "RateLimit": f'"{policy}";r={left};t={usage["time_left"]}',
    }


def _complain(error: Exception) -> None:
    global _complained_at
    if time.monotonic() - _complained_at > _PERIOD_SECONDS:
        _complained_at = time.monotonic()
        logger.error("The cache does not count requests; nothing is limited until it does.", exc_info=error)
