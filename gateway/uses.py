"""Which keys are used, and from where: noted in bulk behind the requests' backs, once a minute at most."""

import time
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from gateway.models import Key, KeyUse
from runtime import turns
from runtime.clock import db_now
from runtime.periodic import prune

EVERY = timedelta(minutes=1)
KEPT_DAYS = 30
_MOST = 10_000

_noted: dict[tuple[UUID, str], float] = {}


def note(uses: Iterable[tuple[UUID, str, str]]) -> None:
    """Note that keys were used: `(key's id, its prefix, address)`; two statements, and only for what is a minute old.

    A publishable key is used by visitors, whose addresses are nobody's business: of it only the time is kept.
    """
    ticks = time.monotonic()
    fresh = {use for use in uses if ticks - _noted.get((use[0], use[2]), float("-inf")) >= EVERY.total_seconds()}
    if not fresh:
        return
    if len(_noted) > _MOST:
        _noted.clear()
    now = db_now()
    with turns.writing(), transaction.atomic():
        unused = Q(last_used_at=None) | Q(last_used_at__lte=now - EVERY)
        Key.objects.filter(unused, pk__in={key_id for key_id, _, _ in fresh}).update(last_used_at=now)
        secret = sorted({(key_id, address) for key_id, prefix, address in fresh if prefix.startswith("sb_sk_")})
        there = set(Key.objects.filter(pk__in={key_id for key_id, _ in secret}).values_list("pk", flat=True))
        KeyUse.objects.bulk_create(
            [
                KeyUse(key_id=key_id, address=address or "unknown", first_at=now, last_at=now)
                for key_id, address in secret
                if key_id in there
            ],
            update_conflicts=True,
            unique_fields=["key", "address"],
            update_fields=["last_at"],
        )
    _noted.update({(key_id, address): ticks for key_id, _, address in fresh})


def prune_uses(*, days: int = KEPT_DAYS) -> int:
    """Forget the addresses that a key was last used from longer than so many days ago; return how many went."""
    return prune(KeyUse.objects.filter(last_at__lt=db_now() - timedelta(days=days)))
