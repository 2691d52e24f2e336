"""The runtime app."""

from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    """Registers what runtime offers to the rooms above it."""

    name = "runtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Set logging up before anything else speaks, and make our own work known to the workers."""
        from runtime import audit, events, jobs, logs, periodic, personal

        logs.configure()
        audit.start()
        jobs.register(events.WORK)
        jobs.register(periodic.WORK)
        personal.register("runtime.Event", "domain events", events.forget)
        personal.harmless("says which chores ran", "runtime.PeriodicJob")
