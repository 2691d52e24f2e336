"""`manage.py provider_matrix`: prints the table of docs/providers.md."""

from typing import Any

from django.core.management.base import BaseCommand

from integrations.matrix import capability_matrix


class Command(BaseCommand):
    """Prints what each provider can do."""

    # It reads and writes files of the checkout alone: no installation has to be set up for that.
    requires_system_checks = ()
    help = "Print the table of what each provider can do, as it stands in docs/providers.md."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(capability_matrix(), ending="")
