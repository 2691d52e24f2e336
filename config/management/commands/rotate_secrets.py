"""`manage.py rotate_secrets`: seals every stored secret anew with the first of ENCRYPTION_KEYS."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from runtime import rotation, secrets

_PAUSE_SECONDS = 1.0
_MOST_ROUNDS = 120


class Command(BaseCommand):
    """Rotates until nothing is left; stopped halfway, it goes on where it was."""

    help = "Seal every stored secret anew with the first of ENCRYPTION_KEYS, while everything goes on."

    def handle(self, *args: Any, **options: Any) -> None:
        count = 0
        for _ in range(_MOST_ROUNDS):
            try:
                count += sum(rotation.rotate())
            except secrets.WrongEncryptionKey as err:
                raise CommandError(
                    f"{err} Put the key that sealed it back into ENCRYPTION_KEYS, after the new one."
                ) from err
            if not rotation.left():
                self.stdout.write(f"{count} rows are sealed anew; the old keys are not needed any more.")
                return
            # Somebody was at what is left: a token that is being renewed.
            time.sleep(_PAUSE_SECONDS)
        raise CommandError(f"{rotation.left()} rows are in use without a pause. Run this again.")
