"""A sign-in revoked while leads wait: they go on waiting, one pause tells it, and all leave once it is mended."""

import pytest
from django.core import mail

from config.alerts import alert
from integrations import oauth, outbox, signing_in
from integrations.drain import drain
from integrations.models import Connector, ConnectorState, Credential, Delivery
from integrations.providers import errors
from integrations.renewal import renewed
from runtime import secrets
from tests.factories import ConnectorFactory, CredentialFactory, LeadFactory, UserFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

LEADS = 500


def connected(sandbox) -> Connector:
    row = CredentialFactory(
        sign_in="authorization_code",
        host="127.0.0.1",
        sealed=secrets.seal({"client_secret": "sandbox-secret"}),
        settings={"client_id": "sandbox-client", "token_url": f"{sandbox.hubspot_url}/oauth/v1/token"},
        tokens=secrets.seal({"access_token": "revoked-token", "refresh_token": "revoked-refresh"}),
    )
    return ConnectorFactory(credential=row, base_url=sandbox.hubspot_url)


def test_leads_wait_for_a_person_and_all_leave_when_one_has_signed_in_again(sandbox, monkeypatch, settings):
    connector = connected(sandbox)
    client = LeadFactory().client
    leads = LeadFactory.create_batch(LEADS, client=client)
    outbox.put([outbox.Wanted(connector.pk, lead.pk, "upsert") for lead in leads])
    for _ in range(3):
        drain(connector.pk)
    waiting = Delivery.objects.filter(state="waiting")
    assert set(waiting.values_list("tries", flat=True)) == {0}
    assert waiting.count() == LEADS
    status = ConnectorState.objects.get(pk=connector.pk)
    assert status.pause_reason == "needs_reauth"
    assert "Press Connect" in status.last_failure
    UserFactory(email="admin@example.com")
    settings.EMAIL_URL = "smtp://mail.example"
    for _ in range(3):
        alert()
    assert [message.subject for message in mail.outbox] == [f"ShopBotly: {connector.name} needs you"]
    assert f"{LEADS} deliveries wait until then" in mail.outbox[0].body
    # Nobody goes on asking for what only a person can mend.
    assert len([line for line in sandbox.requests() if line["path"].endswith("/oauth/v1/token")]) == 1

    good = {"grant_type": "refresh_token", "refresh_token": "refresh-sandbox-hubspot"}
    given = oauth.ask_for_tokens(
        connector.credential, {**good, "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    )
    monkeypatch.setattr(oauth, "ask_for_tokens", lambda *_, **__: given)
    check = signing_in.credential_connect(
        credential=Credential.objects.get(), code="x", verifier="y", redirect_uri="https://here.example/"
    )
    assert check.ok, check.words
    drain(connector.pk)
    assert Delivery.objects.filter(state="delivered").count() == LEADS
    assert len(sandbox.contacts()) == LEADS


def test_a_credential_nobody_has_signed_in_with_says_so(sandbox):
    connector = connected(sandbox)
    Credential.objects.update(tokens="")
    with pytest.raises(errors.NotAuthorised, match="Press Connect"):
        renewed(connector.credential, stale="")
