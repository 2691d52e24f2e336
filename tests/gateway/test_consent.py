"""People let an app in: authorization code with PKCE, shown by a client library that nobody here wrote."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.utils import timezone
from oauth2_provider.models import AccessToken, Grant

from gateway import services
from gateway.models import Client
from tests.factories import UserFactory
from tests.gateway.test_problems import assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.db]

BACK = "https://app.example/callback"
VERIFIER = "v" * 64


@pytest.fixture
def app():
    return services.client_create(name="Report app", scopes=["query", "leads:read"], redirect_uris=BACK)


@pytest.fixture
def person():
    return UserFactory(username="anna")


@pytest.fixture
def signed_in(person):
    signed_in = Browser()
    signed_in.force_login(person)
    return signed_in


def library(app, **options):
    who, secret = app
    options = {"scope": "leads:read", "redirect_uri": BACK, "code_challenge_method": "S256"} | options
    return OAuth2Session(who.client_id, secret, **options)


def asked(app, **options):
    """Return where the library sends the person, and the state it expects back."""
    return library(app, **options).create_authorization_url("/oauth/authorize", code_verifier=VERIFIER)


def hidden(page):
    fields = re.findall(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?', page.content.decode())
    return {name: value for name, value in fields if name != "csrfmiddlewaretoken"}


def agree(signed_in, where, *, allow=True):
    posted = hidden(signed_in.get(where)) | ({"allow": "true"} if allow else {})
    return signed_in.post(where, posted)


def test_the_page_says_who_wants_what_in_words(signed_in, app):
    page = signed_in.get(asked(app)[0])
    text = page.content.decode()
    assert page.status_code == 200
    assert "Report app" in text
    assert "anna" in text
    assert "Read the leads it captured" in text
    assert "no-store" in page["Cache-Control"]


def test_somebody_who_agrees_is_sent_back_with_a_code(signed_in, app):
    where, state = asked(app)
    answer = agree(signed_in, where)
    assert answer.status_code == 302
    assert answer["Location"].startswith(BACK + "?")
    told = parse_qs(urlsplit(answer["Location"]).query)
    assert (told["state"], told["iss"]) == ([state], ["http://testserver"])
    assert told["code"][0] not in str(list(Grant.objects.values("scope", "redirect_uri")))


def test_somebody_who_refuses_is_sent_back_without(signed_in, app):
    answer = agree(signed_in, asked(app)[0], allow=False)
    assert "error=access_denied" in answer["Location"]
    assert not Grant.objects.exists()


def test_a_stranger_signs_in_first(client, app):
    answer = client.get(asked(app)[0])
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/?next=/oauth/authorize")


def test_somebody_who_does_not_work_here_lets_nobody_in(app):
    signed_in = Browser()
    signed_in.force_login(UserFactory(is_staff=False, is_superuser=False))
    assert signed_in.get(asked(app)[0]).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("callback", "elsewhere"),
        lambda url: url.replace("app.example", "evil.example"),
        lambda url: re.sub(r"client_id=[^&]+", "client_id=nobody", url),
        lambda url: re.sub(r"&redirect_uri=[^&]+", "", url) + "&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback%2F..",
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_listed(signed_in, app, change):
    answer = signed_in.get(change(asked(app)[0]))
    assert answer.status_code == 400
    assert "Location" not in answer
    assert "This does not work" in answer.content.decode()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda url: re.sub(r"&code_challenge(_method)?=[^&]+", "", url), "invalid_request"),
        (lambda url: url.replace("S256", "plain"), "invalid_request"),
        (lambda url: url.replace("response_type=code", "response_type=token"), "un"),
        (lambda url: url.replace("scope=leads%3Aread", "scope=leads%3Aread%3Aall"), "invalid_scope"),
    ],
)
def test_other_ways_of_asking_are_refused(signed_in, app, change, error):
    where = change(asked(app)[0])
    answer = signed_in.get(where)
    if answer.status_code == 200:  # the toolkit looks at PKCE's method only when the person has agreed
        answer = signed_in.post(where, hidden(answer) | {"allow": "true"})
    assert answer.status_code in {302, 400}
    assert not Grant.objects.exists()
    assert answer.status_code == 400 or f"error={error}" in answer["Location"]


def test_a_client_without_redirect_addresses_asks_nobody(signed_in):
    plain = services.client_create(name="Server bot")
    assert signed_in.get(asked(plain)[0]).status_code == 400


class TestRights:
    @pytest.fixture
    def person(self):
        return UserFactory(username="ben", is_superuser=False)

    def test_what_a_person_may_not_do_no_app_does_for_them(self, signed_in, app):
        where = asked(app)[0]
        page = signed_in.get(where)
        assert "You may not do this yourself" in page.content.decode()
        assert 'name="allow"' not in page.content.decode()
        assert signed_in.post(where, hidden(page) | {"allow": "true"}).status_code == 403
        assert not Grant.objects.exists()

    def test_a_right_that_is_taken_away_ends_in_the_tokens(self, signed_in, app, person, call):
        person.user_permissions.add(Permission.objects.get(codename="view_lead"))
        token = tokens(signed_in, app)["access_token"]
        assert call("/v1/notes", secret=token).status_code == 200
        person.user_permissions.clear()
        assert_problem(call("/v1/notes", secret=token), 403, "scope_missing")


def tokens(signed_in, app, *, secret=None, verifier=VERIFIER, code=None):
    """Trade a code as a library does."""
    code = code or parse_qs(urlsplit(agree(signed_in, asked(app)[0])["Location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": verifier}
    form |= {"client_id": app[0].client_id, "client_secret": app[1] if secret is None else secret}
    return Browser().post("/oauth/token", form).json()


def test_a_code_alone_is_worth_nothing(signed_in, app):
    assert tokens(signed_in, app, verifier="w" * 64)["error"] == "invalid_grant"
    assert tokens(signed_in, app, secret="wrong")["error"] == "invalid_client"
    code = parse_qs(urlsplit(agree(signed_in, asked(app)[0])["Location"]).query)["code"][0]
    assert "access_token" in tokens(signed_in, app, code=code)
    assert tokens(signed_in, app, code=code)["error"] == "invalid_grant", "a code is taken once"


def test_a_token_ends_with_the_person(signed_in, app, person, call):
    token = tokens(signed_in, app)["access_token"]
    assert call("/v1/notes", secret=token).json()["client"] == str(app[0].pk)
    person.is_active = False
    person.save()
    assert_problem(call("/v1/notes", secret=token), 401, "token_invalid")


def test_a_refresh_token_is_taken_once_and_its_theft_ends_the_family(signed_in, app, call):
    def refresh(token):
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return Browser().post("/oauth/token", form | {"client_id": app[0].client_id, "client_secret": app[1]}).json()

    first = tokens(signed_in, app)
    second = refresh(first["refresh_token"])
    assert call("/v1/notes", secret=second["access_token"]).status_code == 200
    assert "error" in refresh(first["refresh_token"])
    assert_problem(call("/v1/notes", secret=second["access_token"]), 401, "token_invalid")


def test_ended_tokens_are_cleared_away(signed_in, app):
    tokens(signed_in, app)
    AccessToken.objects.update(expires=timezone.now() - timedelta(days=60))
    Grant.objects.update(expires=timezone.now() - timedelta(days=60))
    services.clear_tokens()
    assert not Grant.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["confidential", "public"])
def test_a_library_finds_everything_and_gets_in(live_server, monkeypatch, kind):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    who, secret = services.client_create(
        name="Desktop app", scopes=["leads:read"], redirect_uris="http://127.0.0.1/done", client_type=kind
    )
    back = "http://127.0.0.1:49152/done"
    options = {"redirect_uri": back, "scope": "leads:read", "code_challenge_method": "S256"}
    if kind == "public":
        session = OAuth2Session(who.client_id, token_endpoint_auth_method="none", **options)
    else:
        session = OAuth2Session(who.client_id, secret, **options)
    found = session.request(
        "GET", f"{live_server.url}/.well-known/oauth-authorization-server", withhold_token=True
    ).json()
    assert found["issuer"] == live_server.url
    where, state = session.create_authorization_url(found["authorization_endpoint"], code_verifier=VERIFIER)
    signed_in = Browser(SERVER_NAME=urlsplit(live_server.url).hostname, SERVER_PORT=urlsplit(live_server.url).port)
    signed_in.force_login(UserFactory())
    path = where.removeprefix(live_server.url)
    answer = agree(signed_in, path)
    assert answer["Location"].startswith(back)
    token = session.fetch_token(
        found["token_endpoint"], authorization_response=answer["Location"], state=state, code_verifier=VERIFIER
    )
    assert session.get(f"{live_server.url}/v1/notes").json()["client"] == str(who.pk)
    renewed = session.refresh_token(found["token_endpoint"], token["refresh_token"])
    assert renewed["access_token"] != token["access_token"]
    session.revoke_token(found["revocation_endpoint"], token=renewed["access_token"])
    assert session.get(f"{live_server.url}/v1/notes").status_code == 401
    if kind == "public":
        with pytest.raises(OAuthError):
            session.fetch_token(found["token_endpoint"], grant_type="client_credentials")


def test_the_client_keeps_its_own_tokens(client, app):
    """Signing people in takes nothing away from what the client does for itself."""
    form = {"grant_type": "client_credentials", "client_id": app[0].client_id, "client_secret": app[1]}
    assert client.post("/oauth/token", form).status_code == 200
    assert Client.objects.get().redirect_uris == BACK
