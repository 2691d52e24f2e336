"""The integrations app."""

from datetime import timedelta
from types import ModuleType
from typing import Any

from django.apps import AppConfig
from django.core import checks


class IntegrationsConfig(AppConfig):
    """Registers what integrations offers to the rooms above it."""

    name = "integrations"
    verbose_name = "Connections"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have every provider checked at start-up, and our work known to the workers."""
        from integrations import metrics, personal
        from integrations.models import Connector, Credential, MappingVersion
        from runtime import audit, jobs, periodic, retention, rotation
        from runtime import metrics as figures

        checks.register(_check_providers)
        figures.register(metrics.gauges)
        audit.track(Connector)
        audit.track(MappingVersion, ignored=("changed_at", "changed_by"))
        secrets, noise = ("sealed", "spare", "tokens"), ("sealed_with", "changed_at", "renewing_until", "renewals")
        audit.track(Credential, hidden=secrets, ignored=noise)
        jobs.register_later("integrations.drain:WORK")
        jobs.register_later("integrations.sweeps:WORK")
        columns = ("sealed", "spare", "tokens")
        rotation.register("integrations.Credential", columns, key_column="sealed_with", unless_held_by="renewing_until")
        rotation.register("integrations.Delivery", ("sealed",))
        renew = timedelta(minutes=1)
        periodic.register("renew tokens", renew, _renew)
        said = "Requests to connected systems and their answers, without personal data."
        retention.register("calls", said, 30, lambda days: _services().prune_calls(days=days))
        said = "What was delivered, cancelled or overtaken; what each system was told last of a lead stays."
        retention.register("settled deliveries", said, 90, lambda days: _services().prune_deliveries(days=days))
        said = "Notes of what was done to many deliveries at once."
        retention.register("sweeps", said, 30, lambda days: _services().prune_sweeps(days=days))
        personal.register()


# What calls vendors is loaded by those who do: a program that writes a file calls nobody.


def _check_providers(**kwargs: Any) -> list[checks.CheckMessage]:
    from integrations.checks import check_providers

    return check_providers(**kwargs)


def _renew() -> str:
    from integrations import signing_in

    return f"{signing_in.renew_ahead()} tokens renewed"


def _services() -> ModuleType:
    from integrations import services

    return services
