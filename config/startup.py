"""What must be true before anything starts: the right keys, and no demo data outside the demo."""

from django.conf import settings

from config.env import BadSetting
from gateway.models import Client
from integrations.models import Connector, Credential
from runtime import secrets
from webhooks.models import Source


def refuse_or_continue() -> None:
    """Check what system checks can't see without the database. Raises: BadSetting with what to do."""
    _check_encryption_key()
    if not settings.DEMO_MODE:
        _check_no_demo_data()


def _check_encryption_key() -> None:
    """Open one secret per key that sealed some."""
    for sealed_with in Credential.objects.order_by().values_list("sealed_with", flat=True).distinct():
        if sealed_with not in secrets.known_key_ids():
            raise BadSetting(
                f"The stored credentials were sealed with the key {sealed_with}, which is not among ENCRYPTION_KEYS. "
                "Add the key they were sealed with; without it they can't be used."
            )
        sealed = Credential.objects.filter(sealed_with=sealed_with).values_list("sealed", flat=True)[0]
        try:
            secrets.unseal(sealed)
        except secrets.WrongEncryptionKey as err:
            raise BadSetting("The stored credentials can't be opened with ENCRYPTION_KEYS. Set the right key.") from err


def _check_no_demo_data() -> None:
    for model in (Client, Connector, Source):
        if model.objects.filter(is_demo=True).exists():
            raise BadSetting(
                "This database holds the demo's keys and connectors, which others may know. Start with a new database "
                "(DATABASE_URL or DATA_DIR), or use make run for the demo."
            )
