"""Where people let an app act for them: the authorization endpoint of OAuth 2.0, for clients with redirect addresses.

Source: RFC 6749 section 4.1 (authorization code), RFC 7636 (PKCE, which is required), RFC 9207 (`iss`).
"""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache
from oauth2_provider.views import AuthorizationView

from gateway.models import User
from gateway.scopes import RIGHTS_OF_PEOPLE, SCOPES


class ConsentView(AuthorizationView):  # type: ignore[misc] # the toolkit's views are untyped
    """`GET /oauth/authorize`: asks a signed-in person whether an app may do what it wants to."""

    template_name = "gateway/consent.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not request.user.is_staff:
            raise PermissionDenied
        answer: HttpResponseBase = never_cache(super().dispatch)(request, *args, **kwargs)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the person may not give away because they don't have it."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "lacking": [SCOPES[scope] for scope in lacking(self.request.user, kwargs.get("scopes", ()))]}

    def form_valid(self, form: Any) -> HttpResponseBase:
        """Send the person back to the app, with a code where they agreed."""
        if form.cleaned_data["allow"] and lacking(self.request.user, form.cleaned_data["scope"].split()):
            raise PermissionDenied
        answer: HttpResponseBase = super().form_valid(form)
        return answer


def lacking(person: User, scopes: Iterable[str]) -> list[str]:
    """Return those of the scopes that stand for something this person may not do themselves."""
    return [scope for scope in scopes if not may_give(person, scope)]


def may_give(person: User, scope: str) -> bool:
    """Whether a person may have an app do this for them."""
    right = RIGHTS_OF_PEOPLE.get(scope)
    return scope in SCOPES and person.is_active and person.is_staff and (right is None or person.has_perm(right))
