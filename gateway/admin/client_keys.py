"""A client's keys as its page lists them: what works, until when, who uses it, what to press."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from gateway.admin.keys import key_state, key_words, may_rotate
from gateway.models import Client, Key, KeyUse

_MOST_KEYS = 20
_MOST_ADDRESSES = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A key, the newest `(address, last call)` it is used from, and how many more there are."""

    key: Key
    state: SafeString
    words: str
    addresses: Sequence[tuple[str, datetime]]
    more: int
    rotate: str
    revoke: dict[str, Any] | None


def key_rows(request: HttpRequest, client: Client) -> list[Row]:
    """Return a client's keys, those that work first, then the newest; three statements."""
    keys = sorted(client.keys.order_by("-created_at")[: 5 * _MOST_KEYS], key=lambda key: not key.is_working)
    shown = keys[:_MOST_KEYS]
    addresses, counts = _uses([key.pk for key in shown])
    may_press = request.user.has_perm("gateway.change_key")
    return [
        Row(
            key,
            key_state(key),
            key_words(key) if key.is_working else "",
            addresses.get(key.pk, []),
            counts.get(key.pk, 0) - len(addresses.get(key.pk, [])),
            reverse("admin:gateway_key_rotate", args=(key.pk,)) if may_rotate(request, key) else "",
            _revoke(key) if may_press and key.is_working else None,
        )
        for key in shown
    ]


def _uses(ids: Sequence[UUID]) -> tuple[dict[UUID, list[tuple[str, datetime]]], dict[UUID, int]]:
    counts = dict(KeyUse.objects.filter(key__in=ids).order_by().values_list("key").annotate(Count("pk")))
    found: dict[UUID, list[tuple[str, datetime]]] = {}
    newest = KeyUse.objects.filter(key__in=ids).order_by("-last_at").values_list("key", "address", "last_at")
    for key_id, address, last_at in newest[: 50 * _MOST_KEYS]:
        if len(found.setdefault(key_id, [])) < _MOST_ADDRESSES:
            found[key_id].append((address, last_at))
    return found, counts


def _revoke(key: Key) -> dict[str, Any]:
    return {
        "label": "Revoke",
        "confirm": f"Whatever uses {key} is refused within seconds, for good. Revoke it?",
        "address": reverse("admin:gateway_key_press", args=(key.pk, "revoke")),
    }
