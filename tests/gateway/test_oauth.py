from datetime import timedelta

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from django.test import override_settings
from django.utils import timezone
from oauth2_provider.models import AccessToken

from gateway import services, throttling
from gateway.models import Client
from tests.gateway.test_problems import assert_problem

pytestmark = pytest.mark.db


@pytest.fixture
def credentials(db):
    return services.client_create(name="OAuth bot", scopes=["leads:read", "leads:write"])


def fetch(client, credentials, **more):
    who, secret = credentials
    form = {"grant_type": "client_credentials", "client_id": who.client_id, "client_secret": secret} | more
    return client.post("/oauth/token", form)


def test_a_token_opens_the_door(call, client, credentials):
    answer = fetch(client, credentials).json()
    assert answer["expires_in"] == 3600
    seen = call("/v1/notes", secret=answer["access_token"]).json()
    assert seen == {"client": str(credentials[0].pk), "kind": "oauth", "address": "127.0.0.1"}


def test_a_client_gets_its_own_scopes_only(call, client, credentials):
    assert set(fetch(client, credentials).json()["scope"].split()) == {"leads:read", "leads:write"}
    assert fetch(client, credentials, scope="leads:read:all").status_code == 400
    fewer = fetch(client, credentials, scope="leads:write").json()["access_token"]
    assert_problem(call("/v1/notes", secret=fewer), 403, "scope_missing")


def test_a_scope_taken_from_the_client_is_gone_from_its_tokens(call, client, credentials):
    token = fetch(client, credentials).json()["access_token"]
    Client.objects.filter(pk=credentials[0].pk).update(scopes=["leads:write"])
    assert_problem(call("/v1/notes", secret=token), 403, "scope_missing")


def test_tokens_and_secrets_are_stored_as_digests(client, credentials):
    token = fetch(client, credentials).json()["access_token"]
    credentials[0].refresh_from_db()
    assert not AccessToken.objects.filter(token=token).exists()
    assert credentials[1] not in credentials[0].client_secret


@pytest.mark.parametrize(
    "wrong", [{"client_secret": "x"}, {"client_id": "x"}, {"client_id": "\x00"}, {"client_secret": ""}]
)
def test_wrong_credentials_get_no_token(client, credentials, wrong):
    answer = fetch(client, credentials, **wrong)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


def test_other_grants_are_not_given(client, credentials):
    answer = fetch(client, credentials, grant_type="password", username="a", password="b")
    assert answer.status_code == 400


def test_a_switched_off_client_gets_no_token_and_its_tokens_end(call, client, credentials):
    token = fetch(client, credentials).json()["access_token"]
    Client.objects.filter(pk=credentials[0].pk).update(is_active=False)
    assert fetch(client, credentials).status_code == 401
    assert_problem(call("/v1/notes", secret=token), 403, "client_inactive")


def test_an_expired_token_is_refused(call, client, credentials):
    token = fetch(client, credentials).json()["access_token"]
    AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert_problem(call("/v1/notes", secret=token), 401, "token_invalid")


def test_a_revoked_token_is_refused(call, client, credentials):
    who, secret = credentials
    token = fetch(client, credentials).json()["access_token"]
    with override_settings(KEY_CACHE_SECONDS=60.0):
        assert call("/v1/notes", secret=token).status_code == 200
        form = {"token": token, "client_id": who.client_id, "client_secret": secret}
        assert client.post("/oauth/revoke_token", form).status_code == 200
        assert_problem(call("/v1/notes", secret=token), 401, "token_invalid")


def test_introspection_tells_a_client_about_a_token(client, credentials):
    who, secret = credentials
    form = {
        "token": fetch(client, credentials).json()["access_token"],
        "client_id": who.client_id,
        "client_secret": secret,
    }
    answer = client.post("/oauth/introspect", form).json()
    assert answer["active"] is True
    assert answer["client_id"] == who.client_id
    assert client.post("/oauth/introspect", form | {"token": "x"}).json() == {"active": False}
    assert client.post("/oauth/introspect", form | {"client_secret": "x"}).status_code == 403
    assert client.get("/oauth/introspect", form).status_code == 405


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke_token", "/oauth/introspect"])
def test_plain_http_is_refused(client, credentials, path):
    assert_problem(client.post(path, REMOTE_ADDR="203.0.113.5"), 403, "https_required")


def test_attempts_are_limited_by_address(client, credentials):
    for _ in range(throttling.TOKENS_PER_MINUTE):
        fetch(client, credentials, client_id="x")
    assert_problem(fetch(client, credentials), 429, "rate_limited")


def test_a_token_in_the_address_is_not_looked_at(call, client, credentials):
    token = fetch(client, credentials).json()["access_token"]
    assert_problem(call(f"/v1/notes?access_token={token}", secret=None), 401, "not_authenticated")


@pytest.mark.django_db(transaction=True)
def test_a_client_that_nobody_here_wrote(live_server, monkeypatch, credentials):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    who, secret = credentials
    for method in ("client_secret_basic", "client_secret_post"):
        session = OAuth2Session(who.client_id, secret, token_endpoint_auth_method=method, scope="leads:read")
        token = session.fetch_token(f"{live_server.url}/oauth/token", grant_type="client_credentials")
        assert token["token_type"] == "Bearer"
        assert session.get(f"{live_server.url}/v1/notes").json()["kind"] == "oauth"
    with pytest.raises(OAuthError):
        OAuth2Session(who.client_id, "wrong").fetch_token(
            f"{live_server.url}/oauth/token", grant_type="client_credentials"
        )
