"""A new installation: its tables, a client, a connector per sandbox."""

from typing import Any

from django.core.management import call_command

from config.management.commands.up import _children
from gateway import services as gateway
from integrations import connections
from integrations import services as integrations
from integrations.models import Connector
from integrations.providers.registry import provider_class
from tests.sandbox import HUBSPOT_TOKEN

_UNLIMITED = 100_000_000


def prepare(port: int, sandboxes: list[str], quota: dict[str, float] | None) -> dict[str, Any]:
    """Make everything a run needs; returns the key, the commands of `manage.py up`, what a connector may do at once."""
    call_command("migrate", verbosity=0, interactive=False)
    client, _ = gateway.client_create(name="Bench", rate_per_minute=_UNLIMITED)
    _, key = gateway.key_create(client=client)
    connectors = [_connector(f"CRM {number}", url, quota) for number, url in enumerate(sandboxes, 1)]
    provider = provider_class("hubspot")
    return {
        "key": str(key),
        "commands": {child.name: list(child.command) for child in _children(port, "127.0.0.1")},
        "batch": provider.batch_size,
        "in_flight": connections.in_flight_of(connectors[0]) if connectors else provider.max_in_flight,
    }


def _connector(name: str, url: str, quota: dict[str, float] | None) -> Connector:
    credential = integrations.credential_save(
        name=name, provider="hubspot", host="127.0.0.1", secrets={"api_key": HUBSPOT_TOKEN}
    )
    return Connector.objects.create(
        name=name,
        provider="hubspot",
        base_url=f"{url}/hubspot",
        credential=credential,
        operations=["upsert"],
        quota=quota or {"requests": _UNLIMITED, "seconds": 10},
    )
