"""The WSGI application that granian serves."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from config.env import SettingError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
try:
    application = get_wsgi_application()

    from config.startup import refuse_or_continue  # needs the apps

    refuse_or_continue()
    # Loads all pages now, for the first caller not to wait for them.
    import config.urls  # noqa: F401
    from runtime.heap import keep_loaded

    keep_loaded()
except (SettingError, ImproperlyConfigured) as err:
    sys.exit(f"error: {err}")
