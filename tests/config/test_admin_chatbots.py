"""Clients, keys and sources: what is secret is shown once and never again."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from gateway import keys
from gateway.models import Client as ApiClient
from gateway.models import Key
from gateway.scopes import DEFAULT_SCOPES, SCOPES
from gateway.services import key_create
from runtime.clock import db_now
from tests.factories import ClientFactory, KeyFactory, UserFactory
from webhooks.models import Source
from webhooks.services import source_of

pytestmark = pytest.mark.django_db

NEW_CLIENT = {"name": "Website bot", "is_active": "on", "scopes": ["query", "leads:write"], "rate_per_minute": "600"}


def everywhere(browser: Client) -> str:
    """Return every place where something that was shown once must not be found afterwards."""
    pages = [browser.get("/admin/").content.decode()]
    for name in ("gateway_client", "gateway_key", "webhooks_source", "gateway_requestlog"):
        pages.append(browser.get(reverse(f"admin:{name}_changelist")).content.decode())
    for client in ApiClient.objects.all():
        pages.append(browser.get(reverse("admin:gateway_client_change", args=(client.pk,))).content.decode())
        pages.append(browser.get(reverse("admin:gateway_client_history", args=(client.pk,))).content.decode())
    for key in Key.objects.all():
        pages.append(browser.get(reverse("admin:gateway_key_change", args=(key.pk,))).content.decode())
    sessions = [str(session.get_decoded()) for session in Session.objects.all()]
    cookies = [cookie.value for cookie in browser.cookies.values()]
    notes = [entry.change_message for entry in LogEntry.objects.all()]
    rows = [str(list(model.objects.values())) for model in (ApiClient, Key, Source)]
    return "\n".join([*pages, *sessions, *cookies, *notes, *rows])


class TestNewClient:
    where = "/admin/gateway/client/add/"

    def test_its_oauth_secret_is_shown_once(self, admin_browser: Client):
        answer = admin_browser.post(self.where, NEW_CLIENT)
        page = answer.content.decode()
        secret = re.search(r'id="client-secret"[^>]*>([^<]+)<', page).group(1)
        client = ApiClient.objects.get()
        assert len(secret) > 40
        assert f"{client.client_id}:{secret}" in page.replace("&#x27;", "'")
        assert "no-store" in answer["Cache-Control"]
        assert secret not in everywhere(admin_browser)

    def test_usual_scopes_are_ticked(self, admin_browser: Client):
        form = admin_browser.get(self.where).context["adminform"].form
        assert list(form["scopes"].value()) == list(DEFAULT_SCOPES)

    def test_lists_are_typed_one_per_line(self, admin_browser: Client):
        lists = {"networks": "203.0.113.7\n\n2001:db8::/32", "origins": "https://Shop.example/\nhttp://localhost:3000"}
        admin_browser.post(self.where, NEW_CLIENT | lists)
        client = ApiClient.objects.get()
        assert client.networks == ["203.0.113.7", "2001:db8::/32"]
        assert client.origins == ["https://shop.example", "http://localhost:3000"]
        assert client.scopes == ["query", "leads:write"]

    @pytest.mark.parametrize(
        ("field", "text"),
        [
            ("networks", "no network"),
            ("networks", "203.0.113.0/33"),
            ("origins", "shop.example"),
            ("origins", "https://shop.example/path"),
            ("origins", "javascript:alert(1)"),
            ("scopes", "root"),
            ("name", ""),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(self, admin_browser: Client, field: str, text: str):
        answer = admin_browser.post(self.where, NEW_CLIENT | {field: text})
        assert field in answer.context["adminform"].form.errors
        assert not ApiClient.objects.exists()

    def test_it_may_be_made_switched_off(self, admin_browser: Client):
        posted = {name: value for name, value in NEW_CLIENT.items() if name != "is_active"}
        admin_browser.post(self.where, posted)
        assert not ApiClient.objects.get().is_active

    def test_changing_it_keeps_its_secret(self, admin_browser: Client):
        admin_browser.post(self.where, NEW_CLIENT)
        before = ApiClient.objects.get()
        where = reverse("admin:gateway_client_change", args=(before.pk,))
        assert admin_browser.post(where, NEW_CLIENT | {"name": "Renamed", "scopes": list(SCOPES)}).status_code == 302
        after = ApiClient.objects.get()
        assert (after.name, after.scopes) == ("Renamed", list(SCOPES))
        assert after.client_secret == before.client_secret
        assert after.authorization_grant_type == ApiClient.GRANT_CLIENT_CREDENTIALS

    def test_it_cannot_be_deleted(self, admin_browser: Client):
        client = ClientFactory()
        assert admin_browser.post(reverse("admin:gateway_client_delete", args=(client.pk,))).status_code == 403
        posted = {"action": "delete_selected", "_selected_action": [str(client.pk)], "post": "yes"}
        admin_browser.post("/admin/gateway/client/", posted)
        assert ApiClient.objects.filter(pk=client.pk).exists()


class TestNewKey:
    posted = {"kind": "secret", "name": "production", "days": "90"}

    def where(self, client: ApiClient) -> str:
        return reverse("admin:gateway_client_new_key", args=(client.pk,))

    def create(self, browser: Client, client: ApiClient, **values: str) -> tuple[str, str]:
        page = browser.post(self.where(client), self.posted | values).content.decode()
        return re.search(r'id="key-text"[^>]*>([^<]+)<', page).group(1), page

    def test_it_is_shown_once_and_works(self, admin_browser: Client):
        client = ClientFactory()
        text, _ = self.create(admin_browser, client)
        key = Key.objects.get()
        assert key.digest == keys.digest(text)
        assert key.client == client
        assert text not in everywhere(admin_browser)

    def test_examples_carry_the_key(self, admin_browser: Client):
        text, page = self.create(admin_browser, ClientFactory())
        for name in ("curl", "python", "node"):
            example = re.search(rf'id="example-{name}"[^>]*>(.*?)</pre>', page, re.S).group(1)
            assert text in example
            assert "http://testserver/v1/" in example

    def test_the_python_example_is_python(self, admin_browser: Client):
        import ast
        import html

        _, page = self.create(admin_browser, ClientFactory())
        ast.parse(html.unescape(re.search(r'id="example-python"[^>]*>(.*?)</pre>', page, re.S).group(1)))

    def test_a_publishable_key_comes_with_a_page_example(self, admin_browser: Client):
        text, page = self.create(admin_browser, ClientFactory(origins=["https://shop.example"]), kind="publishable")
        assert text.startswith("sb_pk_")
        assert "In a web page on https://shop.example" in page
        assert "example-curl" not in page

    def test_looking_at_the_page_creates_nothing(self, admin_browser: Client):
        assert admin_browser.get(self.where(ClientFactory())).status_code == 200
        assert not Key.objects.exists()

    @pytest.mark.parametrize("days", ["0", "91", "-1", "x", ""])
    def test_it_lives_at_most_90_days(self, admin_browser: Client, days: str):
        answer = admin_browser.post(self.where(ClientFactory()), self.posted | {"days": days})
        assert "days" in answer.context["form"].errors
        assert not Key.objects.exists()

    def test_only_who_may_add_keys_creates_one(self, viewer_browser: Client):
        client = ClientFactory()
        assert viewer_browser.post(self.where(client), self.posted).status_code == 403
        assert (
            "Create key"
            not in viewer_browser.get(f"/admin/gateway/client/{client.pk}/change/")
            .content.decode()
            .split("Keys</h2>")[0]
        )

    def test_another_site_cannot_create_one(self):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(UserFactory())
        assert browser.post(self.where(ClientFactory()), self.posted).status_code == 403
        assert not Key.objects.exists()

    def test_its_page_learns_of_the_first_call(self, admin_browser: Client):
        key, _ = key_create(client=ClientFactory())
        where = reverse("admin:gateway_key_used", args=(key.pk,))
        waiting = admin_browser.get(where)
        assert (waiting.status_code, b"Waiting for the first call" in waiting.content) == (200, True)
        Key.objects.update(last_used_at=db_now())
        arrived = admin_browser.get(where)
        assert (arrived.status_code, b"it works" in arrived.content) == (286, True)


class TestKeys:
    def test_selected_keys_are_revoked(self, admin_browser: Client):
        keep, *gone = (KeyFactory() for _ in range(3))
        posted = {"action": "revoke_selected", "_selected_action": [str(key.pk) for key in gone]}
        admin_browser.post("/admin/gateway/key/", posted)
        assert list(Key.objects.filter(revoked_at=None)) == [keep]

    def test_a_revoked_key_cannot_be_revoked_twice(self, admin_browser: Client):
        key = KeyFactory(revoked_at=db_now())
        assert admin_browser.post(f"/admin/gateway/key/{key.pk}/press/revoke/").status_code == 403

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({}, "works"),
            ({"expires_at": timedelta(days=-1)}, "expired"),
            ({"revoked_at": timedelta(0)}, "revoked"),
            ({"exposed_at": timedelta(0)}, "exposed"),
        ],
    )
    def test_state_is_said_in_words(self, admin_browser: Client, values: dict[str, timedelta], words: str):
        KeyFactory(**{name: db_now() + span for name, span in values.items()})
        page = admin_browser.get("/admin/gateway/key/").content.decode()
        assert f"</span> {words}</span>" in page

    def test_a_key_page_changes_its_name_alone(self, admin_browser: Client):
        key = KeyFactory(name="before")
        posted = {"name": "after", "kind": "publishable", "digest": "0" * 64, "expires_at": "2099-01-01"}
        admin_browser.post(f"/admin/gateway/key/{key.pk}/change/", posted)
        after = Key.objects.get()
        assert (after.name, after.kind, after.digest, after.expires_at) == (
            "after",
            key.kind,
            key.digest,
            key.expires_at,
        )


class TestNewSource:
    def test_its_address_is_shown_once_and_works(self, admin_browser: Client):
        answer = admin_browser.post("/admin/webhooks/source/add/", {"name": "Warehouse", "is_active": "on"})
        page = answer.content.decode()
        found = re.search(r'id="source-address"[^>]*>http://testserver/v1/webhooks/in/([^<]+)<', page).group(1)
        assert source_of(found) == Source.objects.get(name="Warehouse")
        assert found not in everywhere(admin_browser)

    def test_changing_it_keeps_its_address(self, admin_browser: Client):
        admin_browser.post("/admin/webhooks/source/add/", {"name": "Warehouse", "is_active": "on"})
        before = Source.objects.get()
        admin_browser.post(f"/admin/webhooks/source/{before.pk}/change/", {"name": "Depot"})
        after = Source.objects.get()
        assert (after.name, after.is_active, after.token_digest) == ("Depot", False, before.token_digest)

    def test_two_sources_cannot_share_a_name(self, admin_browser: Client):
        for _ in range(2):
            answer = admin_browser.post("/admin/webhooks/source/add/", {"name": "Warehouse", "is_active": "on"})
        assert "name" in answer.context["adminform"].form.errors
        assert Source.objects.count() == 1


class TestPeople:
    def test_a_person_is_added_with_a_password_that_holds(self, admin_browser: Client):
        posted = {"username": "anna", "usable_password": "true", "password1": "12345", "password2": "12345"}
        assert admin_browser.post("/admin/gateway/user/add/", posted).context["errors"]
        posted |= {"password1": "a longer sentence 7", "password2": "a longer sentence 7"}
        assert admin_browser.post("/admin/gateway/user/add/", posted).status_code == 302
        assert Client().login(username="anna", password="a longer sentence 7")
