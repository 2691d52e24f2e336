"""Connectors and credentials."""

import pytest
from django.core.exceptions import ValidationError

from integrations import services
from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.credentials import unseal
from integrations.models import Call, ConnectorState
from integrations.providers import errors
from runtime.scrubbing import scrub_text
from tests.factories import ConnectorFactory, CredentialFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]


def save(**values):
    given = {"name": "key", "provider": "hubspot", "host": "api.hubapi.com", "secrets": {"api_key": "pat-123456789"}}
    return services.credential_save(**{**given, **values})


def test_a_credential_is_sealed_and_never_shown():
    row = save(secrets={"api_key": " pat-123456789\n", "empty": ""})
    assert "pat-123456789" not in row.sealed
    assert unseal(row) == {"api_key": "pat-123456789"}
    assert repr(unseal(row)) == "{'api_key': ***}"
    assert scrub_text("it was pat-123456789 there") == "it was *** there"


def test_a_host_may_be_given_as_an_address_or_left_to_the_vendor():
    assert save(name="a", host="https://CRM.Example.com/base").host == "crm.example.com"
    assert save(name="b", host="127.0.0.1:8791").host == "127.0.0.1"
    assert save(name="c", host="").host == "api.hubapi.com"
    row = save(name="d", host="[::1]:8069")
    assert save(host=row.host, secrets={}, credential=row).host == "::1"


def test_a_changed_host_needs_the_key_again():
    row = save()
    assert save(name="renamed", secrets={}, credential=row).name == "renamed"
    with pytest.raises(ValidationError) as caught:
        save(host="evil.example", secrets={"api_key": ""}, credential=row)
    assert "secrets" in caught.value.message_dict
    row.refresh_from_db()
    assert row.host == "api.hubapi.com"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("provider", {"provider": "nosuch"}),
        ("host", {"provider": "odoo", "host": ""}),
        ("host", {"host": "https://u:p@example.com"}),
        ("host", {"host": "0x7f.1"}),
        ("secrets", {"secrets": {}}),
        ("secrets", {"secrets": {"api_key": "a\r\nX-Evil: 1"}}),
    ],
)
def test_what_is_wrong_with_a_credential_names_the_field(field, values):
    with pytest.raises(ValidationError) as caught:
        save(**values)
    assert list(caught.value.message_dict) == [field]


def test_a_connection_test_says_that_it_works(sandbox):
    connector = ConnectorFactory(base_url=sandbox.hubspot_url)
    check = services.connector_test(connector=connector)
    assert check.ok
    assert "HubSpot account" in check.words
    assert ConnectorState.objects.get(connector=connector).last_success_at
    assert Call.objects.get(connector=connector).purpose == "check"


def test_a_connection_test_with_a_wrong_key_says_what_to_do(sandbox):
    credential = CredentialFactory()
    services.credential_save(
        name="x", provider="hubspot", host="127.0.0.1", secrets={"api_key": "wrong-wrong"}, credential=credential
    )
    connector = ConnectorFactory(name="CRM", base_url=sandbox.hubspot_url, credential=credential)
    check = services.connector_test(connector=connector)
    assert not check.ok
    assert check.words.startswith("CRM does not accept the stored key. Enter a new one under Credentials.")
    assert ConnectorState.objects.get(connector=connector).last_failure


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"base_url": "http://127.0.0.1:9/x"}, "EGRESS_ALLOW"),
        ({"base_url": "nonsense"}, "must start with"),
        ({"provider": "nosuch"}, "no provider"),
        ({"credential": None}, "No key is stored"),
    ],
)
def test_a_connection_test_that_can_not_even_start_says_why(values, words):
    check = services.connector_test(connector=ConnectorFactory(**values))
    assert not check.ok
    assert words in check.words


def test_a_key_sealed_with_another_encryption_key_is_a_setting_to_mend():
    connector = ConnectorFactory(credential=CredentialFactory(sealed="gAAAAAB-nonsense"))
    with pytest.raises(errors.Misconfigured, match="ENCRYPTION_KEYS"):
        open_provider(connector, CallLog(connector))


def test_a_pause_keeps_its_first_reason_until_it_is_lifted():
    connector = ConnectorFactory()
    services.connector_pause(connector=connector, reason="needs_reauth")
    services.connector_pause(connector=connector)
    state = ConnectorState.objects.get(connector=connector)
    assert (state.pause_reason, bool(state.paused_at)) == ("needs_reauth", True)
    services.connector_resume(connector=connector)
    state.refresh_from_db()
    assert (state.pause_reason, state.paused_at) == ("", None)


def test_a_good_test_lifts_a_pause_for_the_key_and_no_other(sandbox):
    connector = ConnectorFactory(base_url=sandbox.hubspot_url)
    services.connector_pause(connector=connector)
    services.connector_test(connector=connector)
    assert ConnectorState.objects.get(connector=connector).paused_at
    services.connector_resume(connector=connector)
    services.connector_pause(connector=connector, reason="needs_reauth")
    services.connector_test(connector=connector)
    assert ConnectorState.objects.get(connector=connector).paused_at is None
