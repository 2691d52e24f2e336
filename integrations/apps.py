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
        from integrations.models import Connector, Credential, MappingVersion
        from runtime import audit, jobs, periodic, retention, rotation
        from runtime import metrics as figures

        checks.register(check_providers)
        figures.register(metrics.gauges)
        audit.track(Connector)
        audit.track(MappingVersion, ignored=("changed_at", "changed_by"))
        secrets, noise = ("sealed", "spare", "tokens"), ("sealed_with", "changed_at", "renewing_until", "renewals")
        audit.track(Credential, hidden=secrets, ignored=noise)
        jobs.register(drain.WORK)
        jobs.register(sweeps.WORK)
        columns = ("sealed", "spare", "tokens")
        rotation.register("integrations.Credential", columns, key_column="sealed_with", unless_held_by="renewing_until")
        rotation.register("integrations.Delivery", ("sealed",))
        renew = timedelta(minutes=1)
        periodic.register("renew tokens", renew, lambda: f"{signing_in.renew_ahead()} tokens renewed")
        said = "Requests to connected systems and their answers, without personal data."
        retention.register("calls", said, 30, lambda days: services.prune_calls(days=days))
        said = "What was delivered, cancelled or overtaken; what each system was told last of a lead stays."
        retention.register("settled deliveries", said, 90, lambda days: services.prune_deliveries(days=days))
        said = "Notes of what was done to many deliveries at once."
        retention.register("sweeps", said, 30, lambda days: services.prune_sweeps(days=days))
        personal.register()
