"""How the API's description names the credentials, and which of them an operation takes."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from gateway.scopes import PUBLISHABLE_SCOPES, SCOPES, SESSION_SCOPES


class ClientSecurity(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The credentials that ClientAuthentication takes."""

    target_class = "gateway.authentication.ClientAuthentication"
    name = ["secretKey", "publishableKey", "session", "oauth"]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        flow = {"tokenUrl": "/oauth/token", "refreshUrl": "/oauth/token", "scopes": SCOPES}
        return [
            _bearer("A secret key of a client, `sb_sk_…`: for servers."),
            _bearer("A publishable key of a client, `sb_pk_…`: for the pages listed at the client."),
            _bearer("A visitor's session, `sb_vs_…`, made with `POST /v1/sessions`: for that visitor's page."),
            {
                "type": "oauth2",
                "flows": {
                    "clientCredentials": flow,
                    "authorizationCode": flow | {"authorizationUrl": "/oauth/authorize"},
                },
            },
        ]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        view = auto_schema.view
        scope = getattr(view, "required_scopes", {}).get(auto_schema.method)
        is_open = getattr(view, "allows_publishable", False) and scope in PUBLISHABLE_SCOPES
        pages: list[dict[str, list[str]]] = [{"publishableKey": []}] if is_open else []
        if getattr(view, "allows_session", False) and scope in SESSION_SCOPES:
            pages.append({"session": []})
        return [{"secretKey": []}, *pages, {"oauth": [scope] if scope else []}]


def _bearer(description: str) -> dict[str, Any]:
    return {"type": "http", "scheme": "bearer", "description": description}
