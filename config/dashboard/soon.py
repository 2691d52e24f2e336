"""What ends within two weeks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from gateway.admin.keys import SOON
from gateway.models import Key
from runtime.clock import db_now
from runtime.display import relative

_MOST = 20


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
    return End(words, key.expires_at, _address(key), "Open the key")


def _address(key: Key) -> str:
    return reverse("admin:gateway_key_change", args=(key.pk,))


@dataclass(frozen=True, slots=True)
class Notice:
    """What every page of the admin says of keys that need somebody, and where to go."""

    words: str
    address: str
    label: str
    is_urgent: bool


def notice(request: HttpRequest) -> Notice | None:
    """Return what is to be said of keys that were exposed or end within 14 days, to who may see to it; one statement.

    The home page says it in its own place.
    """
    match = request.resolver_match
    if not request.user.has_perm("gateway.change_key") or (match and match.view_name == "admin:index"):
        return None
    now = db_now()
    alive = Key.objects.filter(revoked_at=None, expires_at__gt=now, replaced_by=None)
    wanted = alive.filter(Q(expires_at__lt=now + SOON) | Q(exposed_at__isnull=False)).select_related("client")
    keys = list(wanted.order_by("expires_at")[:_MOST])
    return _notice(keys, now) if keys else None


def _notice(keys: Sequence[Key], now: datetime) -> Notice:
    exposed = [key for key in keys if key.exposed_at]
    urgent = exposed or keys
    if exposed:
        words = f"{_counted(exposed)} seen where others can read it. Rotate it now."
    else:
        first = relative(keys[0].expires_at - now)
        words = (
            f"{_counted(keys)} about to end, {'the first ' if len(keys) > 1 else ''}{first}. Rotate it: the old one "
        )
        words += "works on while the new one is put in place."
    if len(urgent) == 1:
        return Notice(words, _address(urgent[0]), "Open the key", bool(exposed))
    state = "exposed" if exposed else "soon"
    return Notice(words, f"{reverse('admin:gateway_key_changelist')}?state={state}", "See the keys", bool(exposed))


def _counted(keys: Sequence[Key]) -> str:
    if len(keys) > 1:
        return f"{len(keys)} API keys are" if not keys[0].exposed_at else f"{len(keys)} API keys were"
    return f"A key of {keys[0].client} ({keys[0]}) {'was' if keys[0].exposed_at else 'is'}"
