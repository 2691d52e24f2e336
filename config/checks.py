"""Mis-settings, found before anything starts: system checks with ids and hints."""

import ipaddress
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 (Django's name)
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from integrations.egress.addresses import parse_exemption
from integrations.providers.errors import ProviderError

_SHORTEST_SECRET = 50
_SHORTEST_TOKEN = 20
_LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "[::1]", "::1", "testserver"}
_BROKERS = ("amqp", "amqps", "redis", "rediss", "unix")
_CACHES = ("redis", "rediss", "unix")


def check_settings(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Return everything that is wrong with the settings, each with what to do."""
    return [*_secrets(), *_hosts(), *_servers(), *_numbers(), *_folders(), *_lists(), *_metrics()]


def _secrets() -> Iterator[CheckMessage]:
    if len(_secret_key()) < _SHORTEST_SECRET:
        hint = 'Make one: python -c "import secrets; print(secrets.token_urlsafe(50))", and keep it.'
        yield Error("SECRET_KEY is missing or short.", hint=hint, id="shopbotly.E001")
    if not settings.ENCRYPTION_KEYS:
        yield Error("ENCRYPTION_KEYS is missing: no credential could be stored.", hint=_KEY_HINT, id="shopbotly.E002")
    for position, key in enumerate(settings.ENCRYPTION_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            yield Error(f"Key {position} of ENCRYPTION_KEYS is not a Fernet key.", hint=_KEY_HINT, id="shopbotly.E003")


def _secret_key() -> str:
    try:
        return settings.SECRET_KEY
    except ImproperlyConfigured:
        # Django's answer to an empty one, without a word on what to do.
        return ""


_KEY_HINT = (
    'Make one: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"; keep it '
    "apart from the database, because without it the stored credentials are lost."
)


def _metrics() -> Iterator[CheckMessage]:
    if 0 < len(settings.METRICS_TOKEN) < _SHORTEST_TOKEN:
        hint = 'Make one: python -c "import secrets; print(secrets.token_urlsafe())".'
        yield Error("METRICS_TOKEN is short enough to be guessed.", hint=hint, id="shopbotly.E022")


def _hosts() -> Iterator[CheckMessage]:
    foreign = [host for host in settings.ALLOWED_HOSTS if host not in _LOOPBACK_HOSTS]
    if settings.DEMO_MODE and foreign:
        hint = "Its keys and its admin are printed on the screen. Leave ALLOWED_HOSTS out, or leave the demo."
        yield Error(f"The demo is for this machine alone, not for {foreign[0]}.", hint=hint, id="shopbotly.E004")
    if not settings.DEMO_MODE and not settings.ALLOWED_HOSTS:
        hint = "Name the host people and chatbots use, such as ALLOWED_HOSTS=bots.example.com."
        yield Error("ALLOWED_HOSTS is empty: every request would be refused.", hint=hint, id="shopbotly.E005")
    if "*" in settings.ALLOWED_HOSTS:
        yield Warning(
            "ALLOWED_HOSTS=* lets any name pass for ours.",
            hint="Name the hosts.",
            id="shopbotly.W001",
        )


def _servers() -> Iterator[CheckMessage]:
    for name, schemes in (("BROKER_URL", _BROKERS), ("CACHE_URL", _CACHES)):
        url = getattr(settings, name)
        if url and urlsplit(url).scheme not in schemes:
            hint = f"It starts with {', '.join(f'{scheme}://' for scheme in schemes)}; empty means embedded."
            yield Error(f"{name} has a scheme we don't know.", hint=hint, id="shopbotly.E006")
    is_sqlite = connection.vendor == "sqlite"
    if is_sqlite and settings.BROKER_URL:
        hint = "Set DATABASE_URL to a PostgreSQL database, or leave BROKER_URL empty."
        yield Error("BROKER_URL is for many machines, but SQLite is on one.", hint=hint, id="shopbotly.E007")
    if settings.BROKER_URL and not settings.CACHE_URL:
        hint = "Set CACHE_URL=redis://…: limits and quotas are counted per machine otherwise."
        yield Warning("Several machines need one place to count.", hint=hint, id="shopbotly.W002")
    if not is_sqlite and not settings.BROKER_URL:
        hint = "Set BROKER_URL, or keep web server and worker on one machine and in one DATA_DIR."
        yield Warning(
            "PostgreSQL without a broker: workers on other machines learn of new work by looking, up to a second late.",
            hint=hint,
            id="shopbotly.W003",
        )


def _numbers() -> Iterator[CheckMessage]:
    for name in ("WEB_PROCESSES", "WEB_THREADS"):
        if getattr(settings, name) < 1:
            hint = "Leave it empty for what suits this machine (docs/settings.md)."
            yield Error(f"{name} is below 1: nobody would be answered.", hint=hint, id="shopbotly.E023")


def _folders() -> Iterator[CheckMessage]:
    folder = Path(settings.DATA_DIR)
    needs = connection.vendor == "sqlite" or not settings.CACHE_URL
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if needs and not (existing.is_dir() and os.access(existing, os.W_OK)):
        hint = "Set DATA_DIR to a folder this user may write to."
        yield Error(f"DATA_DIR ({folder}) cannot be written.", hint=hint, id="shopbotly.E008")


def _lists() -> Iterator[CheckMessage]:
    for entry in settings.EGRESS_ALLOW:
        try:
            parse_exemption(entry)
        except (ValueError, ProviderError):
            hint = "An entry is CIDR:port, such as 10.1.2.0/24:8069 or [fd00::/8]:443."
            yield Error(f"EGRESS_ALLOW has an entry that can't be read: {entry}", hint=hint, id="shopbotly.E009")
    for name, id in (("TRUSTED_PROXIES", "shopbotly.E010"), ("METRICS_NETWORKS", "shopbotly.E021")):
        for entry in getattr(settings, name):
            try:
                ipaddress.ip_network(entry)
            except ValueError:
                hint = "An entry is an address or a network, such as 10.0.0.5 or 10.0.0.0/24."
                yield Error(f"{name} has an entry that can't be read: {entry}", hint=hint, id=id)
