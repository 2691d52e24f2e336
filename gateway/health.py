"""Whether this process lives, and whether the installation can do its work."""

import logging
import os
import time
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

logger = logging.getLogger(__name__)

WORKER_SEEN_KEY = "worker_seen"
"""Cache key under which the worker writes the Unix time, at least every five seconds."""

_WORKER_LATE_SECONDS = 20
_PATIENCE_SECONDS = 2
# Whoever asks how often: the broker and the database are asked once a second.
_KEPT_SECONDS = 1.0

_last: tuple[float, dict[str, dict[str, object]]] | None = None


class Unhealthy(Exception):
    """A part doesn't do its work; says so in words that may be shown to anybody."""


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Say that the process answers, and its version."""
    return JsonResponse({"status": "ok", "version": settings.VERSION, "process": os.getpid()})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Say of each part whether it works; 503 if one doesn't."""
    global _last
    if _last is None or time.monotonic() - _last[0] > _KEPT_SECONDS:
        _last = (time.monotonic(), {name: _look(check) for name, check in _CHECKS.items()})
    checks = _last[1]
    ready = all(check["ok"] for check in checks.values())
    body = {"status": "ready" if ready else "not ready", "version": settings.VERSION, "checks": checks}
    answer = JsonResponse(body, status=200 if ready else 503)
    # Whoever probes reads the answer; a line in the log for each probe would bury what matters.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def _look(check: Callable[[], str]) -> dict[str, object]:
    try:
        return {"ok": True, "detail": check()}
    except Unhealthy as err:
        return {"ok": False, "detail": str(err)}
    except Exception as err:
        # The driver's words can hold addresses and passwords; they are for the log alone.
        logger.warning("Health check failed: %s", type(err).__name__, exc_info=err)
        return {"ok": False, "detail": "It does not answer; the log says why."}


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "It answers."


def _cache() -> str:
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    cache.set("readyz", mark, 60)
    if cache.get("readyz") is None:
        raise Unhealthy("It forgets what it is given: request limits do not count.")
    return "It answers."


def _broker() -> str:
    url = settings.BROKER_URL
    if not url:
        return "Built in; none is needed."
    # Only the client of the broker that is used is loaded: each takes megabytes in every process.
    if url.startswith("redis"):
        import redis

        with redis.Redis.from_url(
            url, socket_timeout=_PATIENCE_SECONDS, socket_connect_timeout=_PATIENCE_SECONDS
        ) as link:
            link.ping()
        return "It answers."
    import pika  # type: ignore[import-untyped]

    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = _PATIENCE_SECONDS
    parameters.connection_attempts = 1
    pika.BlockingConnection(parameters).close()
    return "It answers."


def _worker() -> str:
    seen = cache.get(WORKER_SEEN_KEY)
    if seen is None:
        raise Unhealthy("No worker was seen in the last minute. Start one with `manage.py worker`.")
    seconds = max(0, round(time.time() - float(seen)))
    if seconds > _WORKER_LATE_SECONDS:
        raise Unhealthy(f"The worker was last seen {seconds} seconds ago. Leads are accepted and wait for it.")
    return f"Seen {seconds} seconds ago."


_CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "cache": _cache,
    "broker": _broker,
    "worker": _worker,
}
