"""The runtime app."""

from datetime import timedelta

from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    """Registers what runtime offers to the rooms above it."""

    name = "runtime"
    verbose_name = "Installation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Set logging up before anything else speaks, and make our own work known to the workers."""
        from runtime import audit, events, jobs, logs, periodic, personal, retention
        from runtime.models import Retention

        logs.configure()
        audit.start()
        jobs.register(events.WORK)
        jobs.register(periodic.WORK)
        personal.register("runtime.Event", "domain events", events.forget)
        personal.harmless("says which chores ran", "runtime.PeriodicJob")
        personal.harmless("says how long things are kept", "runtime.Retention")
        audit.track(Retention, ignored=("last_ran_at", "last_removed", "removed", "trouble"))
        periodic.register("retention", timedelta(minutes=10), retention.run)
        said = "What happened, as told to whoever acts on it; those that wait stay."
        retention.register("domain events", said, 30, lambda days: events.prune_events(days=days))
        said = "Who changed what in the admin."
        retention.register("audit trail", said, audit.KEPT_DAYS, lambda days: audit.prune_audit_trail(days=days))
