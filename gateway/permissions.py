"""What a caller may do."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from gateway.authentication import Caller
from gateway.problems import Problem
from gateway.scopes import PUBLISHABLE_SCOPES, SESSION_SCOPES

if TYPE_CHECKING:
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """Lets a caller in whose scopes include the one that the view names for the method."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            return False
        method = str(request.method)
        if method not in view.allowed_methods:
            return True  # … so that the answer is 405
        scope = getattr(view, "required_scopes", {}).get("GET" if method == "HEAD" else method)
        is_open = getattr(view, "allows_publishable", False) and scope in PUBLISHABLE_SCOPES
        if caller.kind == "publishable" and not is_open:
            detail = "This operation needs a secret key or an OAuth token: call it from your server."
            raise Problem(403, "publishable_not_allowed", "A publishable key is not enough.", detail)
        if caller.kind == "session" and not (getattr(view, "allows_session", False) and scope in SESSION_SCOPES):
            detail = "A visitor's session asks, captures and looks up for itself alone: call this from your server."
            raise Problem(403, "session_not_allowed", "A visitor's session is not enough.", detail)
        if scope is not None and (scope in caller.scopes or f"{scope}:all" in caller.scopes):
            return True
        detail = f'This needs the scope "{scope}". Add it to the client "{caller.client.name[:80]}" in the admin.'
        raise Problem(403, "scope_missing", "A scope is missing.", detail)
