"""How long conversations are kept."""

from datetime import timedelta

from engine.models import Conversation
from runtime.clock import db_now
from runtime.periodic import prune


def prune_conversations(*, days: int) -> int:
    """Delete conversations that nobody went on with for so many days; return how many went."""
    return prune(Conversation.objects.filter(updated_at__lt=db_now() - timedelta(days=days)))
