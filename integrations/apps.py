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
        from integrations import drain, metrics, personal, services, signing_in, sweeps
        from integrations.checks import check_providers
        from integrations.models import Connector, Credential
        from runtime import audit, jobs, periodic, rotation
        from runtime import metrics as figures

        checks.register(check_providers)
        figures.register(metrics.gauges)
        audit.track(Connector)
        secrets, noise = ("sealed", "spare", "tokens"), ("sealed_with", "changed_at", "renewing_until", "renewals")
        audit.track(Credential, hidden=secrets, ignored=noise)
        jobs.register(drain.WORK)
        jobs.register(sweeps.WORK)
        columns = ("sealed", "spare", "tokens")
        rotation.register("integrations.Credential", columns, key_column="sealed_with", unless_held_by="renewing_until")
        rotation.register("integrations.Delivery", ("sealed",))
        hour = timedelta(hours=1)
        renew = timedelta(minutes=1)
        periodic.register("renew tokens", renew, lambda: f"{signing_in.renew_ahead()} tokens renewed")
        periodic.register("prune calls", hour, lambda: f"{services.prune_calls()} rows removed")
        periodic.register("prune deliveries", hour, lambda: f"{services.prune_deliveries()} rows removed")
        periodic.register("prune sweeps", hour, lambda: f"{services.prune_sweeps()} rows removed")
        personal.register()
