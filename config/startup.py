"""What must be true before anything starts: sound settings, the right keys, and no demo data outside the demo."""

from django.conf import settings
from django.db import DatabaseError

from config.checks import check_settings
from config.env import SettingError
from gateway.models import Client
from integrations.models import Connector, Credential
from runtime import secrets, wakeups
from webhooks.models import Source


def refuse_or_continue() -> None:
    """Check the settings (a web server runs no system checks), then what the database holds.

    Raises: SettingError with what to do.
    """
    for message in check_settings():
        if message.is_serious():
            raise SettingError(f"{message.msg} {message.hint or ''}".strip())
    # Says what is wrong with a broker's address now, and not to the first caller.
    wakeups.current()
    try:
        _check_encryption_key()
        if not settings.DEMO_MODE:
            _check_no_demo_data()
    except DatabaseError as err:
        words = str(err).strip().partition("\n")[0]
        raise SettingError(f"The database can't be used: {words}. Check DATABASE_URL; run manage.py migrate.") from err


def _check_encryption_key() -> None:
    """Open one secret per key that sealed some."""
    for sealed_with in Credential.objects.order_by().values_list("sealed_with", flat=True).distinct():
        if sealed_with not in secrets.known_key_ids():
            raise SettingError(
                f"The stored credentials were sealed with the key {sealed_with}, which is not among ENCRYPTION_KEYS. "
                "Add the key they were sealed with; without it they can't be used."
            )
        sealed = Credential.objects.filter(sealed_with=sealed_with).values_list("sealed", flat=True)[0]
        try:
            secrets.unseal(sealed)
        except secrets.WrongEncryptionKey as err:
            raise SettingError(
                "The stored credentials can't be opened with ENCRYPTION_KEYS. Set the right key."
            ) from err


def _check_no_demo_data() -> None:
    for model in (Client, Connector, Source):
        if model.objects.filter(is_demo=True).exists():
            raise SettingError(
                "This database holds the demo's keys and connectors, which others may know. Start with a new database "
                "(DATABASE_URL or DATA_DIR), or use make run for the demo."
            )
