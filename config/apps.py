"""The config app, and the admin with our own site."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import autodiscover
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class ConfigConfig(AppConfig):
    """Registers what config offers to the rooms above it."""

    name = "config"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the settings checked and people told of what needs them, and choose the broker, once per process."""
        from config import broker
        from config.checks import check_settings
        from runtime import periodic, wakeups
        from runtime.doorbell import Doorbell

        checks.register(check_settings)
        bell = None if settings.BROKER_URL else Doorbell(settings.DATA_DIR / "worker.bell")
        periodic.register("tell what needs somebody", timedelta(minutes=1), _alert, lease_seconds=120)
        wakeups.use(lambda: wakeups.Wakeups(broker.build(), bell))


def _alert() -> str:
    # The pages it links to are known only when every app has started.
    from config.alerts import alert

    return alert()


class AdminConfig(SimpleAdminConfig):
    """Django's admin, served by our own site; its pages are loaded with the addresses (config.urls)."""

    default_site = "config.admin_site.AdminSite"

    def ready(self) -> None:
        """Have the pages checked; they are loaded for it."""
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    autodiscover()
    return check_admin_app(app_configs, **kwargs)
