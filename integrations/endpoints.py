"""What an administrator defines of a connector's endpoints: stored, removed, tried; and the description it is from."""

import copy
import dataclasses
import json
import time
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from integrations import mappings
from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.egress.urls import check_url, parse_base
from integrations.models import Connector
from integrations.providers import errors
from integrations.providers.base import (
    OPERATIONS,
    Contact,
    ContactEraser,
    ContactSink,
    CustomerSource,
    InventorySource,
    Operations,
    OrderSource,
    Provider,
    Reply,
    Request,
    Session,
)
from integrations.providers.endpoint_checks import check_endpoint
from integrations.providers.endpoints import MOST_ENDPOINTS, USES, Endpoint, endpoints_of
from integrations.providers.registry import class_of, is_able
from integrations.single_flight import cache_get, cache_set
from runtime.scrubbing import scrub, scrub_text

_PATIENCE_SECONDS = 10.0
_KEPT_SECONDS = 24 * 3600
_LONGEST_SHOWN = 6_000
EXAMPLE: Mapping[str, Any] = {
    "id": "0190aaaa-1111-7000-8000-000000000001",
    "email": "anna@example.com",
    "phone": "+49305550101",
    "first_name": "Anna",
    "last_name": "Berg",
    "company": "Berg & Co",
    "message": "Do you have the lamp in red?",
    "reference": "visitor-1",
    "source": {"channel": "website", "page_url": "https://shop.example.com/lamps"},
    "attributes": {},
    "consents": {"email_marketing": "granted"},
}
"""The lead that a request is shown with."""


def endpoint_save(*, connector: Connector, endpoint: Endpoint, replaces: str = "") -> None:
    """Store an endpoint, new or in place of the one called `replaces`. Raises: errors.Misconfigured."""
    check_endpoint(endpoint)
    with transaction.atomic():
        row = Connector.objects.select_for_update().get(pk=connector.pk)
        _store(row, _with(endpoints_of(row.config), endpoint, replaces))


def endpoint_drop(*, connector: Connector, name: str) -> None:
    """Remove an endpoint; what the connector can't do without it is no longer asked of it."""
    with transaction.atomic():
        row = Connector.objects.select_for_update().get(pk=connector.pk)
        _store(row, [each for each in endpoints_of(row.config) if each.name != name])


def _with(endpoints: list[Endpoint], endpoint: Endpoint, replaces: str) -> list[Endpoint]:
    others = [each for each in endpoints if each.name != replaces]
    if any(each.name == endpoint.name for each in others):
        raise errors.Misconfigured(f"There is an endpoint called {endpoint.name} already.", code="endpoint")
    if not USES[endpoint.use].is_named and any(each.use == endpoint.use for each in others):
        what = USES[endpoint.use].label.lower()
        raise errors.Misconfigured(f"There is an endpoint to {what} already; change that one.", code="endpoint")
    if len(others) >= MOST_ENDPOINTS:
        raise errors.Misconfigured(f"A connector has at most {MOST_ENDPOINTS} endpoints.", code="endpoint")
    return [*others, endpoint]


def _store(row: Connector, endpoints: list[Endpoint]) -> None:
    row.config = {**row.config, "endpoints": [each.stored() for each in endpoints]}
    row.operations = [name for name in row.operations if is_able(row, OPERATIONS[name])]
    row.save(update_fields=["config", "operations"])


def address_take(*, connector: Connector, url: str) -> None:
    """Ask a connector's API at another address from now on. Raises: errors.EgressDenied in words for a person."""
    check_url(url)
    bound_to = connector.credential.host if connector.credential else ""
    if bound_to and parse_base(url).host.lower() != bound_to:
        words = f"“{connector.credential}” is sent to {bound_to} alone. Store a key for the other host first."
        raise errors.EgressDenied(words)
    connector.base_url = url
    connector.save(update_fields=["base_url"])


def document_keep(*, connector: Connector, document: Mapping[str, Any]) -> None:
    """Keep a description for a day, so that one endpoint after the other can be picked from it."""
    cache_set(_document_key(connector.pk), zlib.compress(json.dumps(document).encode()), _KEPT_SECONDS)


def document_of(connector: Connector) -> dict[str, Any] | None:
    """Return the description that was uploaded last, if it is still there."""
    kept = cache_get(_document_key(connector.pk))
    if not isinstance(kept, bytes):
        return None
    document: dict[str, Any] = json.loads(zlib.decompress(kept))
    return document


def _document_key(pk: uuid.UUID) -> str:
    return f"openapi:1:{pk}"


@dataclass(frozen=True, slots=True)
class Trial:
    """What trying an endpoint showed: the request, the answer (scrubbed), the fact, and in words what came of it."""

    words: str
    is_good: bool
    request: str = ""
    answer: str = ""
    fact: Mapping[str, str] | None = None


def endpoint_try(*, connector: Connector, endpoint: Endpoint, replaces: str, told: Mapping[str, str]) -> Trial:
    """Try an endpoint that need not be stored yet: a look-up is asked for real, a change only written down."""
    trial = copy.copy(connector)
    others = [each for each in endpoints_of(connector.config) if each.name not in {replaces, endpoint.name}]
    kept = [each.stored() for each in others if USES[each.use].is_named or each.use != endpoint.use]
    trial.config = {**connector.config, "endpoints": [*kept, endpoint.stored()]}
    try:
        check_endpoint(endpoint)
        missing = [] if USES[endpoint.use].changes else _untold(endpoint, told)
        if missing:
            return Trial(f"Nothing was asked. Type what to ask for: {', '.join(missing)}.", is_good=False)
        return _write_down(trial, endpoint, told) if USES[endpoint.use].changes else _ask(trial, endpoint, told)
    except errors.ProviderError as err:
        return Trial(_failure(err), is_good=False)


def _untold(endpoint: Endpoint, told: Mapping[str, str]) -> list[str]:
    wanted = USES[endpoint.use].told or endpoint.arguments
    return [name.replace("_", " ") for name in wanted if not told.get(name, "").strip()]


def _ask(trial: Connector, endpoint: Endpoint, told: Mapping[str, str]) -> Trial:
    calls = CallLog(trial)
    fact: Any = None
    words, is_good = "", True
    try:
        fact = _looked_up(open_provider(trial, calls, ends_at=time.monotonic() + _PATIENCE_SECONDS), endpoint, told)
        words = (
            "It was found, and this is what we read." if fact else "Nothing of that is known there, says the answer."
        )
    except errors.ProviderError as err:
        words, is_good = _failure(err), False
    calls.save()
    call = calls.rows[-1] if calls.rows else None
    request = f"{call.method} {call.url} → {call.status or call.error}" if call else ""
    return Trial(words, is_good, request, _pretty(call.response_body) if call else "", _shown(fact) if fact else None)


def _looked_up(provider: Provider, endpoint: Endpoint, told: Mapping[str, str]) -> Any:
    value = next(iter(told.values()), "")
    if endpoint.use == "stock" and isinstance(provider, InventorySource):
        return provider.stock(value)
    if endpoint.use == "order" and isinstance(provider, OrderSource):
        return provider.order(value)
    if endpoint.use == "customer" and isinstance(provider, CustomerSource):
        return provider.customer(value)
    if isinstance(provider, Operations):
        return provider.call(endpoint.name, told, "")
    raise errors.Unsupported("This system can’t be asked that.")


def _write_down(trial: Connector, endpoint: Endpoint, told: Mapping[str, str]) -> Trial:
    """Have the provider write its request, and stop it there."""
    if endpoint.use == "lead_update" and not is_able(trial, ContactSink):
        raise errors.Misconfigured("Define how a lead is written first: this is for writing it again.", code="endpoint")
    session = _Unsent(trial)
    provider = class_of(trial)(session, trial.config)
    is_update = endpoint.use in {"lead_update", "erase"}
    values = {**EXAMPLE, **told}
    contact = Contact(
        str(EXAMPLE["id"]),
        values,
        mappings.mapped_fields(trial, values) if isinstance(provider, ContactSink) else {},
        external_id=told.get("external_id", "4711") if is_update else "",
        idempotency_key="one-per-lead-and-state",
    )
    try:
        if endpoint.use == "erase" and isinstance(provider, ContactEraser):
            provider.erase(contact)
        elif endpoint.use == "write" and isinstance(provider, Operations):
            provider.call(endpoint.name, told, "one-per-confirmation")
        elif isinstance(provider, ContactSink):
            provider.upsert([contact])
    except _NotSentError:
        return Trial("This would be sent, with the key; nothing was.", is_good=True, request=session.written)
    return Trial("Nothing would be sent: a value that its address needs is missing.", is_good=False)


class _NotSentError(Exception):
    """The request is written down and goes nowhere."""


class _Unsent(Session):
    """A session that writes the request down instead of sending it."""

    def __init__(self, connector: Connector) -> None:
        self._base = connector.base_url.rstrip("/")
        self.written = ""

    def send(self, request: Request) -> Reply:
        query = "".join(f"\n  ?{name} = {value}" for name, value in (request.params or {}).items())
        named = "".join(f"\n{name}: {value}" for name, value in (request.headers or {}).items())
        body = "" if request.json is None else f"\n\n{_indented(request.json)}"
        self.written = f"{request.method} {self._base}{request.path}{query}{named}{body}"[:_LONGEST_SHOWN]
        raise _NotSentError


def _shown(fact: Any) -> dict[str, str]:
    """Return a fact as lines for a person, without people's data."""
    told = dataclasses.asdict(fact) if dataclasses.is_dataclass(fact) and not isinstance(fact, type) else dict(fact)
    known = {name: value for name, value in told.items() if value not in (None, "", [], ())}
    plain = json.loads(json.dumps(known, default=str))
    return {name: value if isinstance(value, str) else _indented(value) for name, value in scrub(plain).items()}


def _indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _pretty(body: str) -> str:
    try:
        return _indented(json.loads(body))[:_LONGEST_SHOWN]
    except ValueError:
        return body[:_LONGEST_SHOWN]


_ADVICE = {
    "unknown_status": "Translate its words: choose “translated” beside status, and write their word = ours.",
    "ambiguous": "Map the field that says which one it is, such as number or sku, or narrow the query.",
    "garbled_reply": "Look at the answer, and correct where the record is.",
    "failed_inside": "",
    "forbidden": "The key may not do this.",
    "not_authorised": "The key is not accepted; look at the credential and at how the key is sent.",
    "connect_failed": "The server could not be reached.",
}


def _failure(err: errors.ProviderError) -> str:
    status = f" (status {err.status})" if err.status else ""
    said = scrub_text(err.words) or f"It was refused{status}."
    return f"{said} {_ADVICE.get(err.code, '')}".strip()
