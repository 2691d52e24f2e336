"""The gateway app."""

from datetime import timedelta

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate


class GatewayConfig(AppConfig):
    """Registers what gateway offers to the rooms above it."""

    name = "gateway"
    verbose_name = "Chatbots"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have old rows removed and people reminded of keys that end; have what people change written down."""
        from gateway import metrics, personal, reminders, services, sessions
        from gateway.admin_sessions import prune_admin_sessions
        from runtime import metrics as figures
        from runtime import periodic, rotation

        figures.register(metrics.gauges)

        hour = timedelta(hours=1)
        results = services.prune_idempotent_results
        periodic.register("prune idempotent results", hour, lambda: f"{results()} rows removed")
        periodic.register("prune OAuth tokens", hour, services.clear_tokens)
        periodic.register("remind of keys that end", hour, reminders.remind_of_ends)
        ended = services.keys_end
        periodic.register("revoke keys whose time is over", timedelta(minutes=1), lambda: f"{ended()} revoked")
        periodic.register("prune sessions", timedelta(minutes=10), lambda: f"{sessions.prune_sessions()} removed")
        personal.register()
        self._keep()
        periodic.register("prune people's sessions", hour, prune_admin_sessions)
        rotation.register("gateway.Authenticator", ("sealed",), key_column="sealed_with")
        self._track()

    def _keep(self) -> None:
        """Say how long what is noted about calls is kept."""
        from gateway import services, uses
        from runtime import retention

        said = "Every call of the API, with its answer’s status; bodies only where somebody asked for them."
        kept = settings.REQUEST_LOG_DAYS
        retention.register("API requests", said, kept, lambda days: services.prune_request_log(days=days))
        said = "From which addresses each key was used."
        retention.register("addresses of keys", said, uses.KEPT_DAYS, lambda days: uses.prune_uses(days=days))

    def _track(self) -> None:
        """Have what people change written into the audit trail, and their roles kept whole."""
        from gateway import roles
        from gateway.models import AdminNetwork, Client, Key, User
        from runtime import audit

        audit.track(Client, hidden=("client_secret",))
        audit.track(Key, hidden=("digest",), ignored=("last_used_at",))
        audit.track(AdminNetwork)
        audit.track(User, hidden=("password", "session_mark"), ignored=("last_login",))
        # After the last app's migrations every permission is there; until then some are missing.
        post_migrate.connect(roles.sync, sender=list(apps.get_app_configs())[-1], dispatch_uid="roles")
