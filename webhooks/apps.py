"""The webhooks app."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Registers what webhooks offers to the rooms above it."""

    name = "webhooks"
    verbose_name = "Events"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the work on inbound events known to the workers."""
        from runtime import audit, jobs, retention, rotation
        from webhooks import personal
        from webhooks.models import Source

        noise = ("heard_at", "refused", "refused_at", "refused_because")
        audit.track(Source, hidden=("token_digest", "token_before", "sealed"), ignored=noise)
        rotation.register("webhooks.Source", ("sealed",))
        jobs.register_later("webhooks.jobs:WORK")
        jobs.register_later("webhooks.changes:WORK")
        personal.register()
        said = "Events that other systems sent and that were dealt with; one that comes again later is a new one."
        retention.register("webhook events", said, 90, _prune)


def _prune(days: int) -> int:
    from webhooks import services

    return services.prune_inbound(days=days)
