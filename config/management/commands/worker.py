"""`manage.py worker`: sends what waits, reads what came in, does what is periodic."""

import os
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.startup import refuse_or_continue
from runtime.worker import work

# Somebody waits for the answer to a capture or a question, nobody for a delivery: where the processor doesn't do for
# both, the worker steps back.
_NICE = 5


class Command(BaseCommand):
    """Runs one worker process until SIGTERM or SIGINT."""

    # They load every page and every provider, to stay for as long as the worker runs. What may be wrong with an
    # installation is asked below; with the program, by `manage.py check` and `up`.
    requires_system_checks = ()
    help = "Do the durable work: deliveries, webhook events, periodic jobs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--threads", type=int, default=8)

    def handle(self, *args: Any, threads: int, **options: Any) -> None:
        refuse_or_continue()
        os.nice(_NICE)
        stopped = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stopped.set())
        work(threads, stopped)
        # A call that hangs at a vendor must not hold the process up: its lease brings the work back.
        os._exit(0)
