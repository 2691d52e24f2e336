"""The engine app."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    """Registers what engine offers to the rooms above it."""

    name = "engine"
    verbose_name = "Answers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to what changes looked-up facts."""
        from engine import confirmations, freshness, personal
        from engine.models import Example, Faq, Intent, Slot
        from engine.retention import prune_conversations
        from integrations import subjects
        from runtime import audit, events, retention

        for model in (Intent, Example, Slot, Faq):
            audit.track(model)
        events.subscribe("*", freshness.forget)
        personal.register()
        subjects.register(confirmations.KIND, confirmations.load, done=confirmations.done, noun="change")
        said = "What visitors asked and were answered; the funnel loses these questions, too."
        retention.register("conversations", said, 365, lambda days: prune_conversations(days=days))
