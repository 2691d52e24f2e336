"""`manage.py open_admin`: for somebody locked out by the networks of the admin."""

from typing import Any

from django.core.management.base import BaseCommand

from gateway import admin_access
from runtime.display import counted


class Command(BaseCommand):
    """Lifts the list of networks the admin may be opened from."""

    help = "Let the admin be opened from every address again."

    def handle(self, *args: Any, **options: Any) -> None:
        gone = admin_access.networks_clear()
        self.stdout.write(f"{counted(gone, 'network')} removed: the admin opens from every address.")
