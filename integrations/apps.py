"""The integrations app."""

from django.apps import AppConfig
from django.core import checks


class IntegrationsConfig(AppConfig):
    """Registers what integrations offers to the rooms above it."""

    name = "integrations"
    verbose_name = "Connections"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have every provider checked at start-up, and deliveries known to the workers."""
        from integrations import drain
        from integrations.checks import check_providers
        from runtime import jobs

        checks.register(check_providers)
        jobs.register(drain.WORK)
