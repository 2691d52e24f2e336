"""The fields a connector's vendor has, asked live and remembered for some minutes."""

import time
from typing import Any

from django.db import transaction

from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.models import Connector
from integrations.providers import errors
from integrations.providers.base import SchemaSource, VendorField
from integrations.providers.registry import is_able
from integrations.services import connector_note
from integrations.single_flight import cache_get, cache_set

_FRESH_SECONDS = 600
_PATIENCE_SECONDS = 10.0
# Part of each key: raise it when VendorField changes its fields.
_CACHE_VERSION = 1


def can_tell(connector: Connector) -> bool:
    """Tell whether the vendor can say which fields it has."""
    return is_able(connector, SchemaSource)


def fields_of(connector: Connector, *, anew: bool = False) -> list[VendorField]:
    """Return the vendor's fields, at most some minutes old; `anew` asks now. Raises: errors.ProviderError."""
    key = f"schema:{_CACHE_VERSION}:{connector.pk}"
    kept: Any = None if anew else cache_get(key)
    if kept is None:
        kept = _ask(connector)
        cache_set(key, kept, _FRESH_SECONDS)
    return list(kept)


def _ask(connector: Connector) -> list[VendorField]:
    calls = CallLog(connector)
    failure: errors.ProviderError | None = None
    try:
        provider = open_provider(connector, calls, ends_at=time.monotonic() + _PATIENCE_SECONDS)
        if not isinstance(provider, SchemaSource):
            raise errors.Unsupported(f"{provider.name} does not tell its fields.")
        return provider.fields()
    except errors.ProviderError as err:
        failure = err
        raise
    finally:
        with transaction.atomic():
            calls.save()
            if calls.rows and failure is not None:
                connector_note(connector=connector, failure=failure)
