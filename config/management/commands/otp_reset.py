"""`manage.py otp_reset NAME`: forget a person's second factor, from the server."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway import people
from gateway.authenticators import is_required
from gateway.models import User
from runtime import audit


class Command(BaseCommand):
    """For an Administrator whose phone and recovery codes are gone, with nobody else to reset them in the admin."""

    help = "Forget a person's authenticator app and recovery codes, and end their sessions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the name the person signs in with")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        person = User.objects.filter(username=name).first()
        if person is None:
            raise CommandError(f"Nobody signs in as {name}.")
        if not people.second_factor_reset(person=person):
            self.stdout.write(f"{name} had no second factor; their sessions have ended.")
            return
        audit.note("Reset the second factor.", person, by="manage.py on the server")
        after = "they set up another" if is_required(person) else "their password alone lets them in"
        self.stdout.write(f"The second factor of {name} is reset: at the next sign-in {after}.")
