"""What each provider can do, as a table for the documentation."""

from integrations.providers.base import CAPABILITIES
from integrations.providers.registry import PROVIDERS, provider_class

_HEADS = {
    "contacts": "takes leads",
    "erasure": "forgets people",
    "subscribers": "subscribes by consent",
    "inventory": "knows stock",
    "orders": "knows orders",
    "catalog": "knows articles",
    "customers": "knows customers",
    "events": "tells what happened",
    "changes": "asked what happened",
    "operations": "does what you define",
    "schema": "tells its fields",
}
_SIGN_INS = {
    "key": "key",
    "client_credentials": "client id and secret",
    "authorization_code": "OAuth",
    "jwt_bearer": "JWT",
}


def capability_matrix() -> str:
    """Return a Markdown table: a row per provider, a column per capability."""
    names = list(CAPABILITIES)
    heads = ["system", *(_HEADS.get(name, name) for name in names), "signs in with"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for key in sorted(PROVIDERS):
        provider = provider_class(key)
        able = ["yes" if issubclass(provider, CAPABILITIES[name]) else "" for name in names]
        version = f" ({provider.api_version})" if provider.api_version else ""
        ways = ", ".join(_SIGN_INS[way] for way in provider.sign_ins)
        lines.append(_line([f"[{provider.name}]({provider.docs_url}){version}", *able, ways]))
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
