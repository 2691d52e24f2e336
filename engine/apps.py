"""The engine app."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    """Registers what engine offers to the rooms above it."""

    name = "engine"
    verbose_name = "Answers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to what changes looked-up facts."""
        from engine import freshness, personal
        from engine.models import Example, Faq, Intent, Slot
        from runtime import audit, events

        for model in (Intent, Example, Slot, Faq):
            audit.track(model)
        events.subscribe("*", freshness.forget)
        personal.register()
