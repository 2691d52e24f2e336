"""What a signed-in person's requests pass: how long a session lasts, and whether the second factor was shown."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, HttpResponseBase
from django_otp.middleware import OTPMiddleware

from gateway import sign_in
from gateway.paths import is_api
from runtime import audit

Answer = Callable[[HttpRequest], HttpResponseBase]


def prune_admin_sessions() -> str:
    """Delete sessions of people that have ended by themselves."""
    SessionStore.clear_expired()
    return "done"


class PagesOTPMiddleware(OTPMiddleware):  # type: ignore[misc] # django-otp has no types
    """Tells of a signed-in person which authenticator app has let them in; for pages."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer: HttpResponseBase = self.get_response(request) if is_api(request.path) else super().__call__(request)
        return answer


class PagesSessionAgeMiddleware:
    """Signs a person out whose session has lasted or rested too long."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_api(request.path) and request.user.is_authenticated and sign_in.is_over(request):
            logout(request)
            messages.info(request, "You were signed out because this browser had been idle, or signed in, for long.")
        return self._get_response(request)


class PagesAuditMiddleware:
    """Has what a person changes written into the audit trail, with who they are and where they sit."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api(request.path):
            return self._get_response(request)
        with audit.acting(request):
            return self._get_response(request)
