"""How this room's tables forget a person."""

from runtime import personal
from runtime.personal import Person
from webhooks.models import InboundEvent


def _events_forget(who: Person) -> int:
    """An event that names somebody keeps its place, so that it isn't taken again, and loses its content."""
    return personal.blank(InboundEvent.objects.all(), who.mentioned_in("body"), body="{}", reason="")


def register() -> None:
    """Register every table of this room."""
    personal.register("webhooks.InboundEvent", "events from other systems", _events_forget)
    personal.harmless("what people configured, not about leads", "webhooks.Source")
