"""OAuth 2.0: tokens for clients, with their own scopes and no others; how it is found.

Source: RFC 6749 section 4.4, RFC 7009 (revocation), RFC 7662 (introspection), RFC 8414 (metadata).
"""

from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.scopes import BaseScopes
from oauth2_provider.views import IntrospectTokenView, RevokeTokenView, TokenView

from gateway import key_cache, keys, problems
from gateway.addresses import is_local_demo
from gateway.models import Client
from gateway.scopes import SCOPES
from gateway.throttling import TOKENS_PER_MINUTE, count, household


class ClientScopes(BaseScopes):
    """Tells the toolkit which scopes there are and which of them a client has."""

    def get_all_scopes(self) -> dict[str, str]:
        return SCOPES

    def get_available_scopes(
        self, application: Client | None = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        return [] if application is None else [scope for scope in SCOPES if scope in application.scopes]

    def get_default_scopes(
        self, application: Client | None = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        return self.get_available_scopes(application)


class ClientValidator(OAuth2Validator):
    """Finds clients for the toolkit; an id that no database can hold is nobody's."""

    def _load_application(self, client_id: str | None, request: Any) -> Client | None:
        if client_id and "\x00" in client_id:
            return None
        client: Client | None = super()._load_application(client_id, request)
        return client


@method_decorator(csrf_exempt, name="dispatch")
class _Guarded(View):
    """Refuses plain HTTP and, since each attempt costs a slow hash, more than a few attempts a minute."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refusal = _refusal(request)
        return super().dispatch(request, *args, **kwargs) if refusal is None else problems.response(request, refusal)


class ClientTokenView(_Guarded, TokenView):
    """`POST /oauth/token`: an access token for a client's id and secret."""


class ClientRevokeTokenView(_Guarded, RevokeTokenView):
    """`POST /oauth/revoke_token`: ends a token at once in this process and within seconds in the others."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer: HttpResponseBase = super().post(request, *args, **kwargs)
        key_cache.forget(keys.digest(request.POST.get("token", "")))
        return answer


class ClientIntrospectTokenView(_Guarded, IntrospectTokenView):
    """`POST /oauth/introspect`: whether a token is valid, for a client that identifies itself."""

    http_method_names = ("post",)  # by GET the token would stand in the address


def _refusal(request: HttpRequest) -> problems.Problem | None:
    if not request.is_secure() and not is_local_demo(request):
        detail = "The client's secret came over plain HTTP, where anybody can read it. Use https:// and a new one."
        return problems.Problem(403, "https_required", "HTTPS is required.", detail)
    usage = count(request, "oauth", household(getattr(request, "address", "")), TOKENS_PER_MINUTE)
    if usage["should_limit"]:
        return problems.rate_limited(usage["time_left"])
    return None


@require_safe
def metadata(request: HttpRequest) -> JsonResponse:
    """`GET /.well-known/oauth-authorization-server`: tell an OAuth library where everything is."""
    issuer = request.build_absolute_uri("/").rstrip("/")
    methods = ["client_secret_basic", "client_secret_post"]
    answer = JsonResponse(
        {
            "issuer": issuer,
            "authorization_endpoint": issuer + reverse("oauth-authorize"),
            "token_endpoint": issuer + reverse("oauth-token"),
            "revocation_endpoint": issuer + reverse("oauth-revoke"),
            "introspection_endpoint": issuer + reverse("oauth-introspect"),
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [*methods, "none"],
            "revocation_endpoint_auth_methods_supported": [*methods, "none"],
            "introspection_endpoint_auth_methods_supported": methods,
            "authorization_response_iss_parameter_supported": True,
            "service_documentation": issuer + reverse("docs"),
        }
    )
    answer["Access-Control-Allow-Origin"] = "*"  # It is the same for everybody.
    return answer
