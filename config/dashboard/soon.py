"""What ends within two weeks."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.urls import reverse

from gateway.admin.keys import SOON
from gateway.models import Key
from runtime.clock import db_now


@dataclass(frozen=True, slots=True)
class End:
    """Something that stops working at `at`, and where to replace it."""

    words: str
    at: datetime
    address: str
    label: str


def ends(request: HttpRequest) -> list[End]:
    """Return what ends within 14 days, the next first; one statement."""
    if not request.user.has_perm("gateway.view_key"):
        return []
    now = db_now()
    keys = Key.objects.filter(revoked_at=None, expires_at__gt=now, expires_at__lt=now + SOON).select_related("client")
    return [_key(key) for key in keys.order_by("expires_at")[:20]]


def _key(key: Key) -> End:
    name = f" “{key.name}”" if key.name else ""
    words = f"The {key.kind} key{name} ({key}) of {key.client} ends"
    return End(words, key.expires_at, reverse("admin:gateway_client_change", args=(key.client_id,)), "Open the client")
