"""The demo's data: a person, a chatbot, a CRM and an ERP of the sandbox, questions and answers."""

import json
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from config.demo_environment import write_private
from engine import starter
from gateway import services as gateway
from gateway.models import Client, Key, User
from integrations import services as integrations
from integrations.models import Connector, Credential
from webhooks import services as webhooks
from webhooks.models import Source

ADMIN = "admin"
CLIENT = "Website bot"
CRM, ERP = "HubSpot (sandbox)", "Odoo (sandbox)"
SOURCE = "Shop system"


def file() -> Path:
    """Return the path of demo.json, which holds what the demo's user needs."""
    return Path(settings.DATA_DIR) / "demo.json"


def seed(*, url: str, sandbox_url: str) -> dict[str, str]:
    """Make the demo's rows unless they are there, and return what a person needs to use them.

    Keys and passwords are shown once and only kept in demo.json: where that file is gone, new ones are made.
    """
    known = _known()
    with transaction.atomic():
        told = {"url": url, "admin_user": ADMIN, "sandbox_url": sandbox_url}
        told["admin_password"] = _admin(known.get("admin_password"))
        told |= _client(known)
        _connector(CRM, "hubspot", f"{sandbox_url}/hubspot", "pat-sandbox-hubspot", ["upsert"])
        _connector(ERP, "odoo", f"{sandbox_url}/odoo", "odoo-sandbox-key", [])
        told["webhook_url"] = f"{url}/v1/webhooks/in/{_source(known)}"
        starter.starter_install()
    return told


def save(told: dict[str, str]) -> None:
    """Write demo.json, readable by its owner alone."""
    write_private(file(), json.dumps(told, indent=2) + "\n")


def _known() -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads(file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known


def _admin(password: str | None) -> str:
    user, is_new = User.objects.get_or_create(username=ADMIN, defaults={"is_staff": True, "is_superuser": True})
    if is_new or not password:
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
    return password


def _client(known: dict[str, Any]) -> dict[str, str]:
    names = ("client_id", "client_secret", "secret_key", "publishable_key")
    client = Client.objects.filter(is_demo=True).first()
    if client is not None and all(known.get(name) for name in names):
        return {name: known[name] for name in names}
    if client is not None:
        client.delete()
    client, client_secret = gateway.client_create(name=CLIENT, is_demo=True)
    _, secret_key = gateway.key_create(client=client, name="Demo server")
    _, publishable_key = gateway.key_create(client=client, kind=Key.Kind.PUBLISHABLE, name="Demo page")
    values = (client.client_id, client_secret, secret_key, publishable_key)
    return {name: str(value) for name, value in zip(names, values, strict=True)}


def _connector(name: str, provider: str, base_url: str, api_key: str, operations: list[str]) -> None:
    connector = Connector.objects.filter(name=name, is_demo=True).select_related("credential").first()
    if connector is None:
        credential = Credential.objects.filter(name=name).first()
        credential = credential or integrations.credential_save(
            name=name, provider=provider, host="127.0.0.1", secrets={"api_key": api_key}
        )
        Connector.objects.create(
            name=name,
            provider=provider,
            base_url=base_url,
            credential=credential,
            operations=operations,
            is_demo=True,
        )
    elif connector.base_url != base_url:
        # The sandbox has moved to another port; what a person changed on the connector stays.
        Connector.objects.filter(pk=connector.pk).update(base_url=base_url)


def _source(known: dict[str, Any]) -> str:
    source = Source.objects.filter(is_demo=True).first()
    address = str(known.get("webhook_url") or "")
    if source is not None and address:
        return address.rpartition("/")[2]
    if source is not None:
        source.delete()
    _, token = webhooks.source_create(name=SOURCE, is_demo=True)
    return str(token)
