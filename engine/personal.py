"""How this room's tables forget a person."""

from django.db.models import Q

from engine.models import Confirmation, Conversation, Turn
from runtime import personal
from runtime.personal import Person


def _conversations_forget(who: Person) -> int:
    """Delete the conversations that led to the lead, that are theirs by name, or in which they are mentioned."""
    mine = Q(pk__in=list(who.conversation_ids)) | Q(customer_reference__in=list(who.identifiers))
    said = who.mentioned_in("prompt", "answer", "facts")
    ids = set(Conversation.objects.filter(mine).values_list("pk", flat=True))
    if said is not None:
        ids |= set(Turn.objects.filter(said).values_list("conversation", flat=True))
    if (told := who.mentioned_in("slots")) is not None:
        ids |= set(Conversation.objects.filter(told).values_list("pk", flat=True))
    if (confirmed := who.mentioned_in("arguments", "told")) is not None:
        ids |= set(Confirmation.objects.filter(confirmed).values_list("conversation", flat=True))
    return personal.remove(Conversation.objects.all(), ids)


def register() -> None:
    """Register every table of this room."""
    personal.register("engine.Conversation", "conversations", _conversations_forget)
    personal.harmless("goes with its conversation", "engine.Turn", "engine.Confirmation")
    written = "what people here wrote as answers"
    personal.harmless(written, "engine.Intent", "engine.Example", "engine.Slot", "engine.Faq")
