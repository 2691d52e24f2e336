"""Looks facts up at the connected systems: cached, asked once, answered by a deadline."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, cast

import structlog
from django.db import transaction

from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.metrics import LOOKUPS
from integrations.models import Connector
from integrations.providers import errors
from integrations.providers.base import (
    Customer,
    CustomerSource,
    InventorySource,
    Operations,
    Order,
    OrderSource,
    Provider,
    Stock,
)
from integrations.providers.registry import PROVIDERS, is_able, provider_class
from integrations.services import NEEDS_REAUTH, connector_note, connector_pause
from integrations.single_flight import NoTimeError, OthersFailedError, ask_once, cache_delete, cache_get, cache_set
from runtime.clock import db_now

log = structlog.get_logger(__name__)

FactT = TypeVar("FactT", Order, Stock, Customer)

# Part of each key: raise it when a cached class changes its fields.
_CACHE_VERSION = 1
_LONGEST_ARGUMENTS = 4_000
_AGAIN_STATUSES = {502, 503, 504}
_LONGEST_PAUSE = 2.0
_OPERATION_FRESH = 30.0


class Unavailable(Exception):
    """Nobody could say by the deadline; it tells nothing about vendors."""

    def __init__(self, reason: Literal["no_source", "deadline", "failed"]) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Found(Generic[FactT]):
    """A fact with its receipt: which connector said so, about which record, when; `value` None: there is none."""

    value: FactT | None
    source: str
    record_id: str
    fetched_at: datetime
    age_seconds: float
    cache: Literal["hit", "miss", "stale"]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind of fact is asked for, and how long it may be told (seconds)."""

    name: str
    capability: type
    ask: Callable[[Any, str], Any]
    fresh: float
    absent: float
    stale: float
    longest: int = 100
    only: uuid.UUID | None = None
    """The one connector that is asked, where it isn't each that can tell."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the cache keeps: a fact, or that there is none."""

    value: Any
    source: str
    fetched_at: datetime


_ORDER = _Kind("order", OrderSource, lambda source, number: source.order(number), fresh=30, absent=5, stale=0)
_STOCK = _Kind("stock", InventorySource, lambda source, sku: source.stock(sku), fresh=30, absent=10, stale=600)
# As personal as an order.
_CUSTOMER = _Kind(
    "customer", CustomerSource, lambda source, email: source.customer(email), fresh=30, absent=5, stale=0, longest=254
)


def order(number: str, *, deadline: float) -> Found[Order]:
    """Return an order by its number. Whose it is, the caller has to check. `deadline` is in seconds from now.

    Raises: Unavailable.
    """
    return cast("Found[Order]", _look_up(_ORDER, number, deadline))


def stock(sku: str, *, deadline: float) -> Found[Stock]:
    """Return an article's stock; up to ten minutes old where nobody can say it now. `deadline` is in seconds from now.

    Raises: Unavailable.
    """
    return cast("Found[Stock]", _look_up(_STOCK, sku, deadline))


def customer(email: str, *, deadline: float) -> Found[Customer]:
    """Return who has an e-mail address. Whether the asker may know, the caller has to check. Raises: Unavailable."""
    return cast("Found[Customer]", _look_up(_CUSTOMER, email.lower(), deadline))


def operation(connector_id: uuid.UUID, name: str, arguments: Mapping[str, str], *, deadline: float) -> Found[Any]:
    """Return what a read operation that was defined of one connector tells, `{fact: JSON value}`. Raises: Unavailable.

    Whether the asker may know, the caller has to check.
    """
    kind = _Kind(
        "operation",
        Operations,
        lambda source, told: source.call(name, json.loads(told)[2], ""),
        fresh=_OPERATION_FRESH,
        absent=5,
        stale=0,
        longest=_LONGEST_ARGUMENTS,
        only=connector_id,
    )
    asked = json.dumps([str(connector_id), name, dict(sorted(arguments.items()))])
    if len(asked) > _LONGEST_ARGUMENTS:
        return Found(None, "", "", db_now(), 0.0, "miss")
    return _look_up(kind, asked, deadline)


def forget(kind: Literal["order", "stock"], key: str) -> None:
    """Drop what is remembered of one order number or SKU, because it has changed."""
    of_name = {_ORDER.name: _ORDER, _STOCK.name: _STOCK}
    cache_delete(_cache_key(of_name[kind], key.strip()[: of_name[kind].longest]))


def forget_operations(connector_id: uuid.UUID) -> None:
    """Drop what operations of a connector have told: something was changed there."""
    cache_set(_changed_key(connector_id), db_now(), _OPERATION_FRESH * 2)


def _look_up(kind: _Kind, asked: str, deadline: float) -> Found[Any]:
    ends_at = time.monotonic() + deadline
    wanted = asked.strip()[: kind.longest]
    key = _cache_key(kind, wanted)
    kept = _kept(key)
    if kept is not None and _is_fresh(kind, kept):
        return _found(kind, kept, "hit")

    def read() -> _Entry | None:
        entry = _kept(key)
        return entry if entry is not None and _is_fresh(kind, entry) else None

    def ask() -> _Entry:
        entry = _ask_connectors(kind, wanted, ends_at)
        # Kept for longer than it is fresh: it serves where nobody can say it now.
        cache_set(key, entry, kind.absent if entry.value is None else kind.fresh + kind.stale)
        return entry

    try:
        return _found(kind, ask_once(key, ends_at, read, ask), "miss")
    except (Unavailable, OthersFailedError, NoTimeError) as err:
        if kept is not None and kept.value is not None and _age(kept) <= kind.stale:
            return _found(kind, kept, "stale")
        LOOKUPS.labels(kind.name, "failed").inc()
        if isinstance(err, Unavailable):
            raise
        raise Unavailable("deadline" if isinstance(err, NoTimeError) else "failed") from err


def _ask_connectors(kind: _Kind, wanted: str, ends_at: float) -> _Entry:
    """Ask one connector after the other until one knows; that nobody has it counts only if all could say."""
    could_not_say, last = 0, ""
    for connector in _sources(kind):
        if time.monotonic() >= ends_at:
            raise Unavailable("deadline")
        try:
            value = _ask(kind, connector, wanted, ends_at)
        except errors.ProviderError:
            could_not_say += 1
            continue
        last = connector.name
        if value is not None:
            return _Entry(value, connector.name, db_now())
    if could_not_say:
        raise Unavailable("deadline" if time.monotonic() >= ends_at else "failed")
    if not last:
        raise Unavailable("no_source")
    return _Entry(None, last, db_now())


def _sources(kind: _Kind) -> Iterator[Connector]:
    able = [key for key in PROVIDERS if issubclass(provider_class(key), kind.capability)]
    working = Connector.objects.filter(is_active=True, provider__in=able, status__paused_at=None)
    if kind.only is not None:
        working = working.filter(pk=kind.only)
    ordered = working.select_related("credential").order_by("lookup_order", "name")
    return (connector for connector in ordered if is_able(connector, kind.capability))


def _ask(kind: _Kind, connector: Connector, wanted: str, ends_at: float) -> Any:
    """Ask one connector, and once more where that may help and time allows; its calls are kept either way."""
    calls = CallLog(connector)
    try:
        value = _asked_twice(kind, open_provider(connector, calls, ends_at=ends_at), wanted, ends_at)
    except errors.Held:
        # Nothing was sent: there is nothing to note of the connector.
        raise
    except errors.ProviderError as err:
        log.warning("lookup.failed", kind=kind.name, connector=str(connector.pk), code=err.code, status=err.status)
        _settle(connector, calls, err)
        raise
    _settle(connector, calls)
    return value


def _settle(connector: Connector, calls: CallLog, failure: errors.ProviderError | None = None) -> None:
    with transaction.atomic():
        calls.save()
        connector_note(connector=connector, failure=failure)
        if isinstance(failure, errors.NotAuthorised):
            connector_pause(connector=connector, reason=NEEDS_REAUTH)


def _asked_twice(kind: _Kind, provider: Provider, wanted: str, ends_at: float) -> Any:
    try:
        return kind.ask(provider, wanted)
    except errors.RetryLater as err:
        pause = err.after or 0.0
        may_help = err.code == "connect_failed" or err.status in _AGAIN_STATUSES or (err.status == 429 and err.after)
        if not may_help or pause > _LONGEST_PAUSE or time.monotonic() + pause >= ends_at:
            raise
        time.sleep(pause)
        return kind.ask(provider, wanted)


def _cache_key(kind: _Kind, wanted: str) -> str:
    """Return a key that tells nothing: what people type as a number may be anything."""
    return f"lookup:{_CACHE_VERSION}:{kind.name}:{hashlib.sha256(wanted.encode('utf-8', 'replace')).hexdigest()}"


def _kept(key: str) -> _Entry | None:
    entry = cache_get(key)
    return entry if isinstance(entry, _Entry) else None


def _age(entry: _Entry) -> float:
    return max(0.0, (db_now() - entry.fetched_at).total_seconds())


def _changed_key(connector_id: uuid.UUID) -> str:
    return f"lookup:{_CACHE_VERSION}:changed:{connector_id}"


def _is_fresh(kind: _Kind, entry: _Entry) -> bool:
    if kind.only is not None:
        changed_at = cache_get(_changed_key(kind.only))
        if changed_at is not None and entry.fetched_at <= changed_at:
            return False
    return _age(entry) < (kind.absent if entry.value is None else kind.fresh)


def _found(kind: _Kind, entry: _Entry, how: Literal["hit", "miss", "stale"]) -> Found[Any]:
    LOOKUPS.labels(kind.name, how).inc()
    record_id = getattr(entry.value, "record_id", "")
    return Found(entry.value, entry.source, record_id, entry.fetched_at, _age(entry), how)
