"""`manage.py long_work KIND ID`: one piece of work that takes minutes; the worker starts it."""

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from runtime import jobs, long_work


class Command(BaseCommand):
    """Does one export or import that waits; told to stop, it notes how far it is."""

    # As in the worker, which has asked what may be wrong with the installation.
    requires_system_checks = ()
    help = "Do one piece of long work, such as an export. Workers start this by themselves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind")
        parser.add_argument("id")

    def handle(self, *args: Any, kind: str, id: str, **options: Any) -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: jobs.stopping.set())
        long_work.carry_out(kind, id)
