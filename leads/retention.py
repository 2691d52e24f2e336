"""Leads that nobody has heard of for a long time; only where somebody set a period."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from integrations.models import Delivery
from leads.models import Lead
from runtime import jobs
from runtime.clock import db_now

_AT_ONCE = 500
_OPEN = ("waiting", "sending", "confirming", "needs_you")


def leads_prune(*, days: int) -> int:
    """Delete leads without activity, with their deliveries; one that still has to get somewhere stays.

    Vendors are not told: what they keep is theirs to delete, or that of an erasure. Returns how many leads went.
    """
    gone = 0
    while not jobs.stopping.is_set() and (some := _delete_some(days)):
        gone += some
    return gone


@transaction.atomic
def _delete_some(days: int) -> int:
    under_way = Delivery.objects.filter(subject_kind="lead", subject_id=OuterRef("pk"), state__in=_OPEN)
    old = Lead.objects.filter(~Exists(under_way), updated_at__lt=db_now() - timedelta(days=days))
    # Locked: what is captured meanwhile waits, or was captured before and isn't old.
    locked = old.order_by("updated_at").select_for_update(skip_locked=True, of=("self",))
    ids = list(locked.values_list("pk", flat=True)[:_AT_ONCE])
    Delivery.objects.filter(subject_kind="lead", subject_id__in=ids).delete()
    Lead.objects.filter(pk__in=ids).delete()
    return len(ids)
