"""How long conversations are kept."""

from datetime import timedelta

from django.db.models import Exists, OuterRef

from engine.models import Confirmation, Conversation
from integrations.models import Delivery
from runtime.clock import db_now
from runtime.periodic import prune

State = Delivery.State
_OPEN = [State.WAITING, State.SENDING, State.CONFIRMING, State.NEEDS_YOU]


def prune_conversations(*, days: int) -> int:
    """Delete conversations that nobody went on with for so many days; return how many went.

    Where something was confirmed that isn't done yet, the conversation stays until it is, or is given up.
    """
    under_way = Delivery.objects.filter(subject_kind=Confirmation.KIND, subject_id=OuterRef("pk"), state__in=_OPEN)
    undone = Confirmation.objects.filter(Exists(under_way), conversation=OuterRef("pk"), done_at=None)
    old = Conversation.objects.filter(updated_at__lt=db_now() - timedelta(days=days))
    return prune(old.exclude(Exists(undone)))
