"""What a browser may do with our answers: content security policy, features, sharing with other sites."""

from typing import Any

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponseBase

from gateway.paths import is_api

STRICT = {
    "default-src": [NONE],
    "script-src": [SELF, NONCE],
    "style-src": [SELF, NONCE],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}
"""For every page that isn't named below: nothing inline without a nonce, nothing from elsewhere."""

API = build_policy(config={"default-src": [NONE], "frame-ancestors": [NONE]})
"""For answers to programs: if a browser shows one as a page, it can do nothing."""

# The first that fits counts; what a person types a password or a code into is strict although it is part of the admin.
_SIGN_IN = ("/admin/login/", "/admin/logout/", "/admin/second-factor/")
# unfold's pages are driven by Alpine, which makes functions from the attributes of our own templates and writes the
# width of a list's actions as a style attribute.
_ADMIN: dict[str, object] = {"script-src": [SELF, UNSAFE_EVAL], "style-src-attr": [UNSAFE_INLINE]}
_AREAS: tuple[tuple[tuple[str, ...], dict[str, object]], ...] = (
    (_SIGN_IN, {}),
    (("/admin/",), _ADMIN),
    # After consenting a person is sent back to the client's own address: to a browser, that is the form's target.
    (("/oauth/authorize",), {"form-action": None}),
)

FEATURES = ", ".join(
    f"{name}=()"
    for name in (
        "accelerometer",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "usb",
    )
)


def changes_for(path: str) -> dict[str, object]:
    """Return what the policy of an address has that differs from the strict one."""
    return next((changes for starts, changes in _AREAS if path.startswith(starts)), {})


class ContentPolicyMiddleware(CSPMiddleware):
    """Adds the headers; programs' answers get theirs ready-made."""

    def __call__(self, request: HttpRequest) -> Any:
        if not is_api(request.path):
            return super().__call__(request)
        response: Any = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", API)
        return response

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add a page's headers; a view that has set one of its own keeps it."""
        response = super().process_response(request, response)
        response.headers.setdefault("Permissions-Policy", FEATURES)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Narrow or widen the policy by what the address is for."""
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only:
            parts.config = parts.config or STRICT
            parts.replace = {**changes_for(request.path), **(parts.replace or {})}
        return parts
