#!/usr/bin/env python
"""Django's command line for ShopBotly; `--demo` anywhere in it uses the demo's own settings and data."""

import os
import sys


def main() -> None:
    """Run a command; a mistake in the environment ends in one line that says what to do."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from config.demo_environment import CannotPrepare, prepare
    from config.env import SettingError

    try:
        if "--demo" in sys.argv:
            sys.argv.remove("--demo")
            prepare()
        execute_from_command_line(sys.argv)
    except (SettingError, CannotPrepare, ImproperlyConfigured) as err:
        sys.exit(f"error: {err}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
