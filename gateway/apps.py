"""The gateway app."""

from datetime import timedelta

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """Registers what gateway offers to the rooms above it."""

    name = "gateway"
    verbose_name = "Chatbots"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have old rows removed every hour."""
        from gateway import services
        from runtime import periodic

        hour = timedelta(hours=1)
        periodic.register("prune API requests", hour, lambda: f"{services.prune_request_log()} rows removed")
        results = services.prune_idempotent_results
        periodic.register("prune idempotent results", hour, lambda: f"{results()} rows removed")
