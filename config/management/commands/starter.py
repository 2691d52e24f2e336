"""`manage.py starter`: a few questions and answers to begin with."""

from typing import Any

from django.core.management.base import BaseCommand

from engine.starter import starter_install


class Command(BaseCommand):
    """Adds the starter's intents and FAQs; what is there already stays as it is."""

    help = "Add questions about orders and stock, and a few FAQs, to edit in the admin."

    def handle(self, *args: Any, **options: Any) -> None:
        starter_install()
        self.stdout.write("The starter's questions are in the admin, under Answers.")
