"""The WSGI application that granian serves."""

import gc
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

    # What is loaded stays: the collector need not go through it again and again.
    gc.collect()
    gc.freeze()
except (SettingError, ImproperlyConfigured) as err:
    sys.exit(f"error: {err}")
