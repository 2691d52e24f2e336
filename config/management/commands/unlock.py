"""`manage.py unlock NAME` or `--address ADDRESS`: let somebody try to sign in again at once, from the server."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway import lockout, people
from gateway.addresses import parse_address
from gateway.models import User
from runtime import audit


class Command(BaseCommand):
    """For when waiting is no choice: people wait 15 minutes after 5 wrong passwords, networks an hour after 50."""

    help = "Let a person, or everybody at an address, try to sign in again at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", default="", help="the name the person signs in with")
        parser.add_argument("--address", default="", help="the address that has to wait, such as 203.0.113.7")

    def handle(self, *args: Any, name: str, address: str, **options: Any) -> None:
        if not name and not address:
            raise CommandError("Say whom: a name, or --address.")
        if address and parse_address(address) is None:
            raise CommandError(f"{address} is no address.")
        if name:
            person = User.objects.filter(username=name).first()
            if person is None:
                raise CommandError(f"Nobody signs in as {name}.")
            people.sign_in_unlock(person=person)
            audit.note("Unlocked the sign-in.", person, by="manage.py on the server")
        if address:
            lockout.unlock(address=address)
        self.stdout.write(f"{' and '.join(filter(None, (name, address)))} may try again at once.")
