"""The real vendors, as far as the environment holds their keys: `LIVE_<KEY>_<FIELD>`, such as `LIVE_ACME_API_KEY`.

A field is one of the credential's (`API_KEY`, `USERNAME`, `CLIENT_ID`, `CLIENT_SECRET`, …), `BASE_URL`, `SIGN_IN`, or
`CONFIG`: the connector's settings as JSON.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.credential_forms import SECRET_FIELDS, credential_form
from integrations.models import Connector
from integrations.providers.base import (
    CatalogSource,
    CustomerSource,
    InventorySource,
    OrderSource,
    Page,
    Provider,
    SchemaSource,
)
from integrations.providers.registry import provider_class
from integrations.services import credential_save

_NOBODY = f"shopbotly-live-{uuid4().hex}"

# What is asked of each: nothing is written, nobody's data is read, and what isn't there is not found.
READS: tuple[tuple[type, str, Callable[[Any], bool]], ...] = (
    (SchemaSource, "its fields", lambda provider: bool(provider.fields())),
    (InventorySource, "stock of nothing", lambda provider: provider.stock(_NOBODY) is None),
    (OrderSource, "an order of nobody's", lambda provider: provider.order(_NOBODY) is None),
    (CustomerSource, "nobody", lambda provider: provider.customer(f"{_NOBODY}@example.com") is None),
    (CatalogSource, "its first articles", lambda provider: isinstance(provider.products(), Page)),
)


def told(key: str) -> dict[str, str]:
    """Return what the environment says of a vendor, by field."""
    prefix = f"LIVE_{key.upper()}_"
    said = {name.removeprefix(prefix).lower(): value for name, value in os.environ.items() if name.startswith(prefix)}
    return {name: value for name, value in said.items() if value}


def lacking(key: str, said: Mapping[str, str]) -> list[str]:
    """Return the variables without which a vendor can't be asked."""
    provider = _provider(key, said)
    needed = [] if provider.auth == "none" else [SECRET_FIELDS[_sign_in(provider, said)]]
    if "client_secret" in needed:
        needed.append("client_id")
    if provider.auth == "basic" and not provider.knows_home:
        needed.append("username")
    if not (provider.default_base_url or provider.knows_home):
        needed.append("base_url")
    return [f"LIVE_{key.upper()}_{name.upper()}" for name in needed if name not in said]


def opened(key: str, said: Mapping[str, str]) -> Provider:
    """Return a vendor's provider, signed in as the environment says, by the form that administrators fill in."""
    provider = _provider(key, said)
    given = json.loads(said.get("config", "{}"))
    form = provider.config_form(given)
    assert form.is_valid(), form.errors
    # What is defined on other pages, such as endpoints, is no field of the form.
    settings = {**given, **form.cleaned_data}
    connector = Connector(provider=key, name=key, base_url=said.get("base_url", ""), config=settings)
    if provider.auth != "none":
        sign_in = _sign_in(provider, said)
        host = said.get("base_url") or provider.home(said.get("api_key", ""))
        asked = credential_form(provider, sign_in)({**said, "name": key, "host": host})
        assert asked.is_valid(), asked.errors
        connector.credential = credential_save(
            name=key,
            provider=key,
            host=asked.cleaned_data["host"],
            secrets=asked.secrets(),
            sign_in=sign_in,
            settings=asked.settings(),
        )
        connector.base_url = connector.base_url or host
    return open_provider(connector, CallLog(connector))


def _provider(key: str, said: Mapping[str, str]) -> type[Provider]:
    """Return a vendor's class as the connector's settings make it."""
    return provider_class(key).configured(json.loads(said.get("config", "{}")))


def _sign_in(provider: type[Provider], said: Mapping[str, str]) -> str:
    """Return how to sign in: what is said, else the first way that needs no browser."""
    return said.get("sign_in") or next(way for way in provider.sign_ins if way != "authorization_code")
