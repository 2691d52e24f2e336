"""Figures of the front door, and the page they are read from."""

import functools
import time
from collections.abc import Iterator
from hmac import compare_digest

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily

from gateway import problems
from gateway.addresses import is_local_demo, is_within, parse_address
from gateway.health import WORKER_SEEN_KEY
from runtime import metrics

_REQUESTS = Counter("shopbotly_requests", "API requests", ["method", "route", "status"])
_SECONDS = Histogram(
    "shopbotly_request_seconds",
    "Time from an API request to its answer",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REFUSED_FOR_THREADS = Counter("shopbotly_refused_for_threads", "Requests put off to keep threads free", ["kind"])
LOG_DROPPED = Counter("shopbotly_request_log_dropped", "API requests missing in the request log", ["reason"])
# Strangers choose methods and addresses: names of their own making would grow without end.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def observe(*, method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request; `route` is a pattern, empty for an address that doesn't exist."""
    counter, seconds_of = _figures(method if method in _METHODS else "other", route or "unknown", status)
    counter.inc()
    seconds_of.observe(seconds)


@functools.cache
def _figures(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Return the figures of one kind of answer; there are as many as routes, methods and statuses we know."""
    return _REQUESTS.labels(method, route, str(status)), _SECONDS.labels(route)


@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Return every figure, to those who may read them: METRICS_NETWORKS, or whoever has METRICS_TOKEN."""
    if _may_read(request):
        return HttpResponse(metrics.text(), content_type=CONTENT_TYPE_LATEST)
    detail = "Figures are for the addresses in METRICS_NETWORKS and for whoever sends METRICS_TOKEN over HTTPS."
    return problems.response(request, problems.Problem(403, "permission_denied", "This is not allowed.", detail))


def _may_read(request: HttpRequest) -> bool:
    if is_local_demo(request) or is_within(parse_address(request.address), settings.METRICS_NETWORKS):  # type: ignore[attr-defined]
        return True
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    is_sent = scheme.lower() == "bearer" and bool(settings.METRICS_TOKEN) and request.is_secure()
    return is_sent and compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())


def gauges() -> Iterator[GaugeMetricFamily]:
    """Tell the version, and when a worker was seen last."""
    info = GaugeMetricFamily("shopbotly_info", "The version that runs", labels=["version"])
    info.add_metric([settings.VERSION], 1)
    yield info
    seen = cache.get(WORKER_SEEN_KEY)
    if seen is not None:
        yield GaugeMetricFamily(
            "shopbotly_worker_seen_age_seconds",
            "Since a worker was seen last; absent where none was in the last minute",
            value=max(0.0, time.time() - float(seen)),
        )
