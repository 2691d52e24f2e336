"""Which pages a browser lets read our answers. Source: the Fetch standard, "CORS protocol"."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers

from gateway import key_cache, problems, ways
from gateway.addresses import is_local_demo
from gateway.models import Client

_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_ACCEPTED = "Authorization, Content-Type, Idempotency-Key"
_SHOWN = "X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, Idempotent-Replayed, Idempotency-Key, Location"
# A page that is taken off a list is refused by the request itself; the browser may remember the permission to ask.
_REMEMBERED_SECONDS = "600"
_CACHED_AS = "origins of all clients"


class CorsMiddleware:
    """Answers preflights for every page that some client lists; what a page then may read, its credential decides."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith("/v1/"):
            return self._get_response(request)
        origin = request.META.get("HTTP_ORIGIN")
        if request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META:
            return _preflight(request, origin or "")
        response = self._get_response(request)
        patch_vary_headers(response, ("Origin",))
        if origin is not None and _may_read(request, origin):
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Expose-Headers"] = _SHOWN
        return response


def _preflight(request: HttpRequest, origin: str) -> HttpResponse:
    if not _is_listed(request, origin):
        detail = "No client lists this page. Add its origin on the client's page, exactly as the header Origin has it."
        refusal = problems.response(
            request, problems.Problem(403, "origin_not_allowed", "The page is not allowed.", detail)
        )
        patch_vary_headers(refusal, ("Origin",))
        return refusal
    answer = HttpResponse(status=204)
    answer["Access-Control-Allow-Origin"] = origin
    answer["Access-Control-Allow-Methods"] = _METHODS
    answer["Access-Control-Allow-Headers"] = _ACCEPTED
    answer["Access-Control-Max-Age"] = _REMEMBERED_SECONDS
    patch_vary_headers(answer, ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"))
    # A question before the question is no call: the log would hold each of a page's calls twice.
    answer.is_preflight = True  # type: ignore[attr-defined]
    return answer


def _may_read(request: HttpRequest, origin: str) -> bool:
    """Whether the page may see this answer: by its own credential; without one, by any client's list."""
    caller = getattr(request, "caller", None)
    if caller is None or _is_ours(request, origin):
        return _is_listed(request, origin)
    if caller.session is not None:
        return bool(origin == caller.session.origin)
    return caller.kind != "secret" and origin in caller.client.origins


def _is_listed(request: HttpRequest, origin: str) -> bool:
    return _is_ours(request, origin) or origin in (key_cache.find(_CACHED_AS, _load) or ())


def _is_ours(request: HttpRequest, origin: str) -> bool:
    return bool(origin) and (is_local_demo(request) or ways.is_own(request, origin))


def _load(name: str) -> frozenset[str]:
    lists = Client.objects.filter(is_active=True).values_list("origins", flat=True)
    return frozenset(origin for origins in lists for origin in origins)
