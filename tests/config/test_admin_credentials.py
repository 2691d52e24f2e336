"""Signing in at vendors from the admin: consent with PKCE, client ids, second keys, reminders."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest
from django.test import Client

from integrations.credentials import opened
from integrations.models import ConnectorState, Credential
from runtime import secrets
from runtime.clock import db_now
from tests.factories import ConnectorFactory, CredentialFactory

pytestmark = pytest.mark.django_db

ADD = "/admin/integrations/credential/add/?provider=hubspot&sign_in=authorization_code"
CALLBACK = "/admin/integrations/credential/connected/"


def press(browser: Client, row: Credential, name: str):
    return browser.post(f"/admin/integrations/credential/{row.pk}/press/{name}/", follow=True)


def change(row: Credential) -> str:
    return f"/admin/integrations/credential/{row.pk}/change/"


@pytest.fixture
def posted(sandbox):
    return {
        "name": "HubSpot app",
        "host": "127.0.0.1",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "scopes": "oauth",
        "authorize_url": f"{sandbox.hubspot_url}/oauth/authorize",
        "token_url": f"{sandbox.hubspot_url}/oauth/v1/token",
    }


@pytest.fixture
def app(admin_browser, posted) -> Credential:
    assert admin_browser.post(ADD, posted).status_code == 302
    return Credential.objects.get()


def agree(address: str) -> str:
    """Agree on the vendor's page, and return where it sends the person."""
    with build_opener(ProxyHandler({})).open(address, timeout=60) as reply:
        page = reply.read().decode()
    return unescape(re.search(r'href="([^"]+)"', page)[1])


class TestConsent:
    def begin(self, browser: Client, app: Credential) -> str:
        return press(browser, app, "connect").context["address"]

    def test_each_way_to_sign_in_is_offered(self, admin_browser: Client):
        page = admin_browser.get("/admin/integrations/credential/add/").content.decode()
        assert "?provider=hubspot&amp;sign_in=authorization_code" in page
        assert "by signing in there" in page

    def test_the_page_says_which_address_the_vendor_must_know(self, admin_browser: Client, app):
        assert f"http://testserver{CALLBACK}" in admin_browser.get(change(app)).content.decode()

    def test_a_person_agrees_and_what_waited_goes_on(self, admin_browser: Client, app, sandbox):
        connector = ConnectorFactory(credential=app, base_url=sandbox.hubspot_url, name="CRM")
        ConnectorState.objects.create(connector=connector, paused_at=db_now(), pause_reason="needs_reauth")
        address = self.begin(admin_browser, app)
        asked = parse_qs(urlsplit(address).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert "sandbox-secret" not in address
        answer = admin_browser.get(agree(address), follow=True).content.decode()
        assert "Signed in at HubSpot. CRM works with it." in answer
        app.refresh_from_db()
        assert set(opened(app.tokens)) == {"access_token", "refresh_token"}
        assert app.tokens_until > db_now()
        connector.status.refresh_from_db()
        assert connector.status.paused_at is None
        assert "signed in" in admin_browser.get("/admin/integrations/credential/").content.decode()

    @pytest.mark.parametrize("query", ["?code=x&state=wrong", "?code=x", "", "?state=%00"])
    def test_an_answer_that_this_session_did_not_ask_for_is_refused(self, admin_browser: Client, app, query: str):
        self.begin(admin_browser, app)
        answer = admin_browser.get(f"{CALLBACK}{query}", follow=True).content.decode()
        assert "was not begun here" in answer
        app.refresh_from_db()
        assert app.tokens == ""

    def test_another_persons_session_can_not_take_the_answer(self, admin_browser: Client, app):
        from tests.factories import UserFactory

        address = agree(self.begin(admin_browser, app))
        stranger = Client()
        stranger.force_login(UserFactory())
        assert "was not begun here" in stranger.get(address, follow=True).content.decode()
        assert "Signed in" in admin_browser.get(address, follow=True).content.decode()
        assert "was not begun here" in admin_browser.get(address, follow=True).content.decode()

    def test_a_no_changes_nothing(self, admin_browser: Client, app):
        state = parse_qs(urlsplit(self.begin(admin_browser, app)).query)["state"][0]
        answer = admin_browser.get(f"{CALLBACK}?error=access_denied&state={state}", follow=True).content.decode()
        assert "was not agreed to" in answer

    def test_a_code_the_vendor_does_not_know_is_told(self, admin_browser: Client, app):
        state = parse_qs(urlsplit(self.begin(admin_browser, app)).query)["state"][0]
        answer = admin_browser.get(f"{CALLBACK}?code=made-up&state={state}", follow=True).content.decode()
        assert "did not complete the sign-in" in answer

    def test_viewer_can_not_connect(self, viewer_browser: Client, app):
        assert press(viewer_browser, app, "connect").status_code == 403
        assert viewer_browser.get(CALLBACK).status_code == 302

    @pytest.mark.parametrize(
        ("field", "text"),
        [
            ("token_url", "https://evil.example/token"),
            ("token_url", "http://169.254.169.254/latest"),
            ("authorize_url", "http://10.0.0.1/"),
            ("authorize_url", "javascript:alert(1)"),
            ("client_secret", ""),
            ("client_id", ""),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(self, admin_browser: Client, posted, field: str, text: str):
        answer = admin_browser.post(ADD, posted | {field: text})
        assert field in answer.context["adminform"].form.errors
        assert not Credential.objects.exists()

    def test_the_client_secret_is_never_read_back(self, admin_browser: Client, app, posted):
        assert "sandbox-secret" not in admin_browser.get(change(app)).content.decode()
        kept = app.sealed
        admin_browser.post(change(app), posted | {"client_secret": "", "name": "Renamed"})
        app.refresh_from_db()
        assert (app.name, app.sealed, app.sign_in) == ("Renamed", kept, "authorization_code")


class TestSecondKey:
    @pytest.fixture
    def row(self, sandbox) -> Credential:
        return ConnectorFactory(
            name="CRM", credential=CredentialFactory(host="127.0.0.1"), base_url=sandbox.hubspot_url
        ).credential

    def enter(self, browser: Client, row: Credential, key: str) -> None:
        posted = {"name": row.name, "host": row.host, "api_key": "", "spare_api_key": key}
        assert browser.post(change(row), posted).status_code == 302

    def test_a_key_that_works_is_swapped_in_and_the_old_one_kept(self, admin_browser: Client, row):
        Credential.objects.filter(pk=row.pk).update(sealed=secrets.seal({"api_key": "pat-worn-out"}))
        self.enter(admin_browser, row, "pat-sandbox-hubspot")
        assert "The second key works." in press(admin_browser, row, "spare_test").content.decode()
        assert "in use now" in press(admin_browser, row, "spare_swap").content.decode()
        row.refresh_from_db()
        assert secrets.unseal(row.sealed)["api_key"] == "pat-sandbox-hubspot"
        assert secrets.unseal(row.spare)["api_key"] == "pat-worn-out"

    def test_a_key_that_does_not_work_is_not_swapped_in(self, admin_browser: Client, row):
        self.enter(admin_browser, row, "pat-wrong-one")
        answer = press(admin_browser, row, "spare_swap").content.decode()
        assert "The second key does not work at CRM" in answer
        row.refresh_from_db()
        assert secrets.unseal(row.sealed)["api_key"] == "pat-sandbox-hubspot"

    def test_an_old_key_is_reminded_of(self, admin_browser: Client, row):
        assert "days old" not in admin_browser.get("/admin/").content.decode()
        Credential.objects.filter(pk=row.pk).update(entered_at=db_now() - timedelta(days=91))
        assert "older than 90 days" in admin_browser.get("/admin/integrations/credential/").content.decode()
        assert "more than 90 days old" in admin_browser.get(change(row)).content.decode()
        assert f"The key “{row.name}” is 91 days old" in admin_browser.get("/admin/").content.decode()
