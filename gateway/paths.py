"""Which addresses are for programs and which for people."""

from django.db.models import Model

_API = ("/v1/", "/mcp", "/oauth/token", "/oauth/revoke_token", "/oauth/introspect", "/healthz", "/readyz", "/metrics")
_LOGGED = ("/v1/", "/mcp", "/oauth/token", "/oauth/revoke_token", "/oauth/introspect")


def is_api(path: str) -> bool:
    """Whether programs call this address: no session, no cookies, no redirects, problems instead of pages."""
    return path.startswith(_API)


def is_admin(path: str) -> bool:
    """Whether signed-in people alone have business here: the admin has networks of its own."""
    return path.startswith(("/admin/", "/oauth/authorize"))


def is_logged(path: str) -> bool:
    """Whether calls of this address belong into the request log."""
    return path.startswith(_LOGGED)


def page_of(record: Model) -> str:
    """Return the address of a record's page in the admin, for mail.

    Not by `reverse`, which loads every page there is: a worker that mails would keep them for as long as it runs.
    """
    return f"/admin/{record._meta.app_label}/{record._meta.model_name}/{record.pk}/change/"
