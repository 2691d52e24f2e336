"""Access tokens: renewed once per expiry, saved before first use, and words where only a person can help."""

import multiprocessing
import os
import threading
import traceback
from datetime import timedelta
from urllib.parse import parse_qs

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connections

from integrations import oauth, renewal, services, signing_in
from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.credentials import opened
from integrations.models import Connector, ConnectorState, Credential
from integrations.providers import errors
from integrations.renewal import SignedIn, renewed
from runtime import secrets
from runtime.clock import db_now
from tests.factories import ConnectorFactory, CredentialFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

TOKEN_URL = "https://api.hubapi.com/oauth/v1/token"
OLD = {"access_token": "access-token-0", "refresh_token": "refresh-token-0"}


def signed_in(*, tokens=OLD, seconds=-1, **values):
    values = {
        "sign_in": "authorization_code",
        "host": "api.hubapi.com",
        "sealed": secrets.seal({"client_secret": "sandbox-secret"}),
        "settings": {"client_id": "sandbox-client", "token_url": TOKEN_URL},
        "tokens": secrets.seal(tokens) if tokens else "",
        "tokens_until": db_now() + timedelta(seconds=seconds) if tokens else None,
        **values,
    }
    return CredentialFactory(**values)


class TokenServer:
    """Gives out tokens, each refresh token good once, as the strictest vendors do."""

    def __init__(self, refresh="refresh-token-0"):
        self.refresh = refresh
        self.asked = []
        self.status = 200
        self.transport = httpx2.MockTransport(self.respond)

    def respond(self, request):
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        self.asked.append(form)
        if self.status != 200:
            return httpx2.Response(self.status, json={"error": "temporarily_unavailable"})
        if form.get("grant_type") == "refresh_token" and form["refresh_token"] != self.refresh:
            return httpx2.Response(400, json={"error": "invalid_grant", "error_description": "unknown refresh token"})
        number = len(self.asked)
        self.refresh = f"refresh-token-{number}"
        given = {"access_token": f"access-token-{number}", "refresh_token": self.refresh, "expires_in": 1800}
        return httpx2.Response(200, json=given)


def renew(credential, server, stale="access-token-0"):
    return renewed(credential, stale=stale, transport=server.transport)


def access(row):
    return opened(Credential.objects.get(pk=row.pk).tokens)["access_token"]


def test_an_ended_token_is_replaced_and_stored_with_its_end():
    row, server = signed_in(), TokenServer()
    assert opened(renew(row, server).tokens) == {
        "access_token": "access-token-1",
        "refresh_token": "refresh-token-1",
    }
    stored = Credential.objects.get(pk=row.pk)
    assert stored.tokens_until > db_now() + timedelta(minutes=29)
    assert (stored.renewing_until, stored.trouble) == (None, "")
    assert "access-token-1" not in stored.tokens


def test_who_comes_with_the_old_token_takes_the_one_that_is_there():
    row, server = signed_in(), TokenServer()
    renew(row, server)
    renew(row, server)
    assert len(server.asked) == 1


def test_a_vendor_that_sends_no_refresh_token_leaves_the_old_one_in_force():
    row = signed_in()
    answer = httpx2.Response(200, json={"access_token": "access-token-9"})
    renewed(row, stale="access-token-0", transport=httpx2.MockTransport(lambda _: answer))
    stored = Credential.objects.get(pk=row.pk)
    assert opened(stored.tokens)["refresh_token"] == "refresh-token-0"
    assert stored.tokens_until is None


def test_a_refused_renewal_ends_in_words_and_asks_the_vendor_no_more():
    row, server = signed_in(), TokenServer(refresh="another")
    for _ in range(3):
        with pytest.raises(errors.NotAuthorised, match="Press Connect"):
            renew(row, server)
    assert len(server.asked) == 1
    assert "unknown refresh token" in Credential.objects.get(pk=row.pk).trouble


def test_a_refusal_is_forgotten_where_another_has_renewed_in_the_meantime():
    row = signed_in()
    newer = {"access_token": "access-token-7", "refresh_token": "refresh-token-7"}

    def vendor(request):
        Credential.objects.filter(pk=row.pk).update(tokens=secrets.seal(newer), tokens_until=None)
        return httpx2.Response(400, json={"error": "invalid_grant"})

    found = renewed(row, stale="access-token-0", transport=httpx2.MockTransport(vendor))
    assert opened(found.tokens) == newer
    assert Credential.objects.get(pk=row.pk).trouble == ""


def test_a_vendor_in_trouble_is_asked_again_later():
    row, server = signed_in(), TokenServer()
    server.status = 503
    with pytest.raises(errors.RetryLater):
        renew(row, server)
    server.status = 200
    assert opened(renew(row, server).tokens)["access_token"] == "access-token-2"


class Crash(BaseException):
    """The process ends here."""


def test_a_crash_between_the_vendors_answer_and_our_save_ends_in_words(monkeypatch, later):
    row, server = signed_in(), TokenServer()
    connector = ConnectorFactory(credential=row, base_url="https://api.hubapi.com")

    def crash(*_):
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(renewal, "tokens_save", crash)
        with pytest.raises(Crash):
            renew(row, server)
    later(seconds=60)
    with pytest.raises(errors.NotAuthorised, match="cut off before its new token could be stored"):
        renew(row, server)
    with pytest.raises(errors.NotAuthorised):
        renew(row, server)
    assert len(server.asked) == 2

    calls = CallLog(connector)
    fresh = Connector.objects.select_related("credential").get(pk=connector.pk)
    provider = open_provider(fresh, calls, transport=httpx2.MockTransport(lambda _: httpx2.Response(200)))
    with pytest.raises(errors.NotAuthorised, match="Press Connect to sign in again"):
        provider.check()


def test_an_answer_that_never_came_is_told_as_one_that_may_be_lost():
    row = signed_in()

    def vendor(request):
        raise httpx2.ReadTimeout("slow", request=request)

    with pytest.raises(errors.OutcomeUnknown):
        renewed(row, stale="access-token-0", transport=httpx2.MockTransport(vendor))
    with pytest.raises(errors.NotAuthorised, match="cut off"):
        renew(row, TokenServer(refresh="replaced"))


def test_the_new_token_is_stored_before_it_is_used(monkeypatch):
    row, seen = signed_in(seconds=3600), []
    connector = ConnectorFactory(credential=row, base_url="https://api.hubapi.com")
    monkeypatch.setattr(oauth, "ask_for_tokens", lambda *_, **__: oauth.Tokens("access-token-1", "refresh-1", 60))

    def vendor(request):
        seen.append((request.headers["Authorization"], access(row)))
        return httpx2.Response(401 if len(seen) == 1 else 200, json={"portalId": 5})

    fresh = Connector.objects.select_related("credential").get(pk=connector.pk)
    assert open_provider(fresh, CallLog(fresh), transport=httpx2.MockTransport(vendor)).check().ok
    assert seen == [("Bearer access-token-0", "access-token-0"), ("Bearer access-token-1", "access-token-1")]


def test_client_credentials_need_no_person():
    row = signed_in(sign_in="client_credentials", tokens=None)
    server = TokenServer()
    renew(row, server, stale="")
    assert server.asked == [
        {"client_id": "sandbox-client", "client_secret": "sandbox-secret", "grant_type": "client_credentials"}
    ]


def test_an_assertion_is_signed_with_the_private_key_and_good_for_minutes():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    row = signed_in(
        sign_in="jwt_bearer",
        tokens=None,
        sealed=secrets.seal({"private_key": pem}),
        settings={
            "client_id": "app",
            "subject": "bot@example.com",
            "audience": "https://login",
            "token_url": TOKEN_URL,
        },
    )
    server = TokenServer()
    renew(row, server, stale="")
    [form] = server.asked
    claims = jwt.decode(form["assertion"], key.public_key(), algorithms=["RS256"], audience="https://login")
    assert (claims["iss"], claims["sub"]) == ("app", "bot@example.com")
    assert form["grant_type"] == oauth.JWT_BEARER
    broken = signed_in(sign_in="jwt_bearer", tokens=None, sealed=secrets.seal({"private_key": "none"}))
    with pytest.raises(errors.NotAuthorised, match="can't sign"):
        renew(broken, server, stale="")


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"access_token": 5}', b'{"access_token": ""}', b"{}"])
def test_an_answer_without_a_token_is_tried_again(answer):
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=answer))
    with pytest.raises(errors.RetryLater):
        renewed(signed_in(), stale="access-token-0", transport=transport)


def test_tokens_are_asked_for_at_their_own_host_alone():
    row = signed_in(settings={"client_id": "x", "token_url": "https://evil.example/token"})
    with pytest.raises(errors.EgressDenied):
        renew(row, TokenServer())


def test_what_ends_soon_is_renewed_ahead_of_time(monkeypatch):
    asked = []
    monkeypatch.setattr(oauth, "ask_for_tokens", lambda row, *_, **__: asked.append(row.pk) or oauth.Tokens("new-1"))
    soon, much_later, unused = signed_in(seconds=120), signed_in(seconds=3600), signed_in(seconds=120)
    for row in (soon, much_later):
        ConnectorFactory(credential=row)
    assert signing_in.renew_ahead() == 1
    assert asked == [soon.pk]
    assert unused.pk not in asked
    assert signing_in.renew_ahead() == 0


def test_a_renewal_that_needs_a_person_pauses_its_connectors(monkeypatch):
    def refuse(*_, **__):
        raise errors.NotAuthorised("revoked", status=400)

    monkeypatch.setattr(oauth, "ask_for_tokens", refuse)
    connector = ConnectorFactory(credential=signed_in(seconds=120))
    assert signing_in.renew_ahead() == 0
    status = ConnectorState.objects.get(pk=connector.pk)
    assert status.pause_reason == services.NEEDS_REAUTH
    assert "Press Connect" in status.last_failure


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("expiries", [3, pytest.param(50, marks=pytest.mark.conformance)])
def test_forty_threads_in_four_processes_renew_once_per_expiry(sandbox, expiries):
    row = signed_in(
        host="127.0.0.1",
        settings={"client_id": "sandbox-client", "token_url": f"{sandbox.hubspot_url}/oauth/v1/token"},
        tokens={"access_token": "ended", "refresh_token": "refresh-sandbox-hubspot"},
    )
    for expiry in range(1, expiries + 1):
        Credential.objects.filter(pk=row.pk).update(tokens_until=db_now() - timedelta(seconds=1))
        _in_processes(4, lambda: _use_in_threads(10, row.pk))
        renewals = [line for line in sandbox.requests() if line["path"] == "/hubspot/oauth/v1/token"]
        assert len(renewals) == expiry


def _in_processes(number, work):
    connections.close_all()
    forked = [multiprocessing.get_context("fork").Process(target=_exit_after, args=(work,)) for _ in range(number)]
    for process in forked:
        process.start()
    for process in forked:
        process.join(60)
    assert [process.exitcode for process in forked] == [0] * number


def _exit_after(work):
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 (the edge of a process)
        traceback.print_exc()
    finally:
        os._exit(code)


def _use_in_threads(number, credential_id):
    row = Credential.objects.get(pk=credential_id)
    together, proofs = threading.Barrier(number), []

    def use():
        together.wait(30)
        proofs.append(SignedIn(row, CallLog(Connector(name="CRM"))).proof().headers["Authorization"])

    threads = [threading.Thread(target=use) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(proofs) == number
    assert len(set(proofs)) == 1
    assert proofs[0] != "Bearer ended"
