"""A sign-in revoked while leads wait: they go on waiting, one pause tells it, and all leave once it is mended."""

import uuid

import pytest

from integrations import oauth, signing_in
from integrations.drain import drain
from integrations.models import Connector, ConnectorState, Credential, Delivery
from integrations.providers import errors
from integrations.renewal import renewed
from runtime import secrets
from tests.factories import ConnectorFactory, CredentialFactory, LeadFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

LEADS = 120


def connected(sandbox) -> Connector:
    row = CredentialFactory(
        sign_in="authorization_code",
        host="127.0.0.1",
        sealed=secrets.seal({"client_secret": "sandbox-secret"}),
        settings={"client_id": "sandbox-client", "token_url": f"{sandbox.hubspot_url}/oauth/v1/token"},
        tokens=secrets.seal({"access_token": "revoked-token", "refresh_token": "revoked-refresh"}),
    )
    return ConnectorFactory(credential=row, base_url=sandbox.hubspot_url)


def test_leads_wait_for_a_person_and_all_leave_when_one_has_signed_in_again(sandbox, monkeypatch):
    connector = connected(sandbox)
    client = LeadFactory().client
    for _ in range(LEADS):
        lead = LeadFactory(client=client)
        Delivery.objects.create(id=uuid.uuid4(), connector=connector, subject_id=lead.pk, operation="upsert")
    for _ in range(3):
        drain(connector.pk)
    waiting = Delivery.objects.filter(state="waiting")
    assert set(waiting.values_list("tries", flat=True)) == {0}
    assert waiting.count() == LEADS
    status = ConnectorState.objects.get(pk=connector.pk)
    assert status.pause_reason == "needs_reauth"
    assert "Press Connect" in status.last_failure
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
