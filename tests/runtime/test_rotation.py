"""Sealing secrets anew while everything goes on."""

from datetime import timedelta
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from integrations.models import Credential
from runtime import rotation, secrets
from runtime.clock import db_now
from tests.factories import CredentialFactory, DeliveryFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]


@pytest.fixture
def rotated_keys(settings):
    """The old key stays behind a new one."""

    def put_new_first():
        settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ENCRYPTION_KEYS]

    return put_new_first


def test_every_sealed_column_is_sealed_anew(rotated_keys, settings):
    row = CredentialFactory(spare=secrets.seal({"api_key": "b"}), tokens=secrets.seal({"access_token": "t"}))
    rotated_keys()
    told = StringIO()
    call_command("rotate_secrets", stdout=told)
    assert "1 rows are sealed anew" in told.getvalue()
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    after = Credential.objects.get(pk=row.pk)
    opened = [secrets.unseal(getattr(after, name)) for name in ("sealed", "spare", "tokens")]
    assert opened == [{"api_key": "pat-sandbox-hubspot"}, {"api_key": "b"}, {"access_token": "t"}]
    assert after.sealed_with == secrets.current_key_id()


def test_stopped_halfway_it_goes_on_where_it_was(rotated_keys):
    CredentialFactory.create_batch(4)
    rotated_keys()
    under_way = rotation.rotate()
    assert [next(under_way), next(under_way)] == [True, True]
    under_way.close()
    assert rotation.left() == 2
    assert list(rotation.rotate()) == [True, True]
    assert list(rotation.rotate()) == []


def test_a_token_that_is_renewed_in_between_is_not_lost(rotated_keys, monkeypatch):
    row = CredentialFactory(tokens=secrets.seal({"access_token": "old"}))
    rotated_keys()
    newer, unseal = secrets.seal({"access_token": "new"}), secrets.unseal

    def renew_meanwhile(sealed):
        Credential.objects.filter(pk=row.pk).update(tokens=newer)
        return unseal(sealed)

    with monkeypatch.context() as patched:
        patched.setattr(secrets, "unseal", renew_meanwhile)
        assert list(rotation.rotate()) == [False]
    assert list(rotation.rotate()) == [True]
    assert secrets.unseal(Credential.objects.get(pk=row.pk).tokens) == {"access_token": "new"}


def test_a_row_whose_token_is_being_renewed_is_left_for_the_next_round(rotated_keys, later):
    CredentialFactory(renewing_until=db_now() + timedelta(seconds=30))
    rotated_keys()
    assert list(rotation.rotate()) == [False]
    later(seconds=31)
    assert list(rotation.rotate()) == [True]


def test_a_key_that_is_gone_is_said(settings):
    CredentialFactory()
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="Put the key that sealed it back"):
        call_command("rotate_secrets")


def test_what_is_sealed_without_a_note_of_its_key_is_found_too(rotated_keys, settings):
    row = DeliveryFactory(operation="erase", sealed=secrets.seal({"email": "anna@example.com"}))
    DeliveryFactory()
    rotated_keys()
    call_command("rotate_secrets", stdout=StringIO())
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    row.refresh_from_db()
    assert secrets.unseal(row.sealed) == {"email": "anna@example.com"}
    assert rotation.left() == 0
