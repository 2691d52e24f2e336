"""The gateway app."""

from datetime import timedelta

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """Registers what gateway offers to the rooms above it."""

    name = "gateway"
    verbose_name = "Chatbots"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have old rows removed and people reminded of keys that end, every hour."""
        from gateway import metrics, personal, reminders, services, sessions, uses
        from runtime import metrics as figures
        from runtime import periodic

        figures.register(metrics.gauges)

        hour = timedelta(hours=1)
        periodic.register("prune API requests", hour, lambda: f"{services.prune_request_log()} rows removed")
        results = services.prune_idempotent_results
        periodic.register("prune idempotent results", hour, lambda: f"{results()} rows removed")
        periodic.register("prune key uses", hour, lambda: f"{uses.prune_uses()} addresses removed")
        periodic.register("prune OAuth tokens", hour, services.clear_tokens)
        periodic.register("remind of keys that end", hour, reminders.remind_of_ends)
        periodic.register("prune sessions", timedelta(minutes=10), lambda: f"{sessions.prune_sessions()} removed")
        personal.register()
