"""The integrations app."""

from datetime import timedelta

from django.apps import AppConfig
from django.core import checks


class IntegrationsConfig(AppConfig):
    """Registers what integrations offers to the rooms above it."""

    name = "integrations"
    verbose_name = "Connections"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have every provider checked at start-up, and our work known to the workers."""
        from integrations import drain, services
        from integrations.checks import check_providers
        from runtime import jobs, periodic

        checks.register(check_providers)
        jobs.register(drain.WORK)
        hour = timedelta(hours=1)
        periodic.register("prune calls", hour, lambda: f"{services.prune_calls()} rows removed")
        periodic.register("prune deliveries", hour, lambda: f"{services.prune_deliveries()} rows removed")
