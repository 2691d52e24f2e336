"""The engine app."""

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig

if TYPE_CHECKING:
    from integrations.subjects import Loaded
    from runtime.models import Event


class EngineConfig(AppConfig):
    """Registers what engine offers to the rooms above it."""

    name = "engine"
    verbose_name = "Answers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to what changes looked-up facts."""
        from engine import personal
        from engine.models import Confirmation, Example, Faq, Intent, Slot
        from engine.retention import prune_conversations
        from integrations import subjects
        from runtime import audit, events, retention

        for model in (Intent, Example, Slot, Faq):
            audit.track(model)
        events.subscribe("*", _forget)
        personal.register()
        subjects.register(Confirmation.KIND, _load, done=_done, noun="change")
        said = "What visitors asked and were answered; the funnel loses these questions, too."
        retention.register("conversations", said, 365, lambda days: prune_conversations(days=days))


# What reads questions is loaded where there are some: a program that writes a file of leads never meets one.


def _forget(event: "Event") -> None:
    from engine import freshness

    freshness.forget(event)


def _load(told: Mapping[uuid.UUID, int]) -> "dict[uuid.UUID, Loaded]":
    from engine import confirmations

    return confirmations.load(told)


def _done(id: uuid.UUID, told: Mapping[str, Any]) -> None:
    from engine import confirmations

    confirmations.done(id, told)
