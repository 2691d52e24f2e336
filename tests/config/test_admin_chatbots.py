"""Clients, keys and sources: what is secret is shown once and never again."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from gateway import keys
from gateway.models import AdminNetwork, Key, KeyUse, RequestLog, User
from gateway.models import Client as ApiClient
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


class TestRotation:
    def where(self, key: Key) -> str:
        return reverse("admin:gateway_key_rotate", args=(key.pk,))

    def test_the_new_key_is_shown_once_and_the_old_one_works_on(self, admin_browser: Client):
        old, _ = key_create(client=ClientFactory(), name="production")
        page = admin_browser.post(self.where(old), {"hours": "168"}).content.decode()
        text = re.search(r'id="key-text"[^>]*>([^<]+)<', page).group(1)
        old.refresh_from_db()
        assert keys.digest(text) == old.replaced_by.digest
        assert f"It takes the place of {old}" in page
        assert timedelta(days=6) < old.expires_at - db_now() <= timedelta(days=7)
        assert text not in everywhere(admin_browser)

    def test_its_page_says_who_still_uses_the_old_one(self, admin_browser: Client):
        old, _ = key_create(client=ClientFactory())
        KeyUse.objects.create(key=old, address="203.0.113.9", first_at=db_now(), last_at=db_now())
        for page in (self.where(old), reverse("admin:gateway_key_change", args=(old.pk,))):
            assert "203.0.113.9" in admin_browser.get(page).content.decode()
        client = admin_browser.get(reverse("admin:gateway_client_change", args=(old.client_id,))).content.decode()
        assert "203.0.113.9" in client

    def test_a_key_that_has_a_successor_is_not_rotated_again(self, admin_browser: Client):
        old, _ = key_create(client=ClientFactory())
        admin_browser.post(self.where(old), {"hours": "1"})
        answer = admin_browser.post(self.where(old), {"hours": "1"}, follow=True)
        assert "rotated before" in answer.content.decode()
        assert Key.objects.count() == 2

    def test_only_who_may_make_and_change_keys_rotates(self, viewer_browser: Client):
        old, _ = key_create(client=ClientFactory())
        assert viewer_browser.get(self.where(old)).status_code == 403
        assert viewer_browser.post(self.where(old), {"hours": "1"}).status_code == 403
        page = viewer_browser.get(f"/admin/gateway/client/{old.client_id}/change/").content.decode()
        assert str(old) in page
        assert self.where(old) not in page

    def test_an_exposed_key_is_shown_loudly_with_what_to_press(self, admin_browser: Client):
        old, _ = key_create(client=ClientFactory())
        Key.objects.update(exposed_at=db_now())
        page = admin_browser.get(f"/admin/gateway/client/{old.client_id}/change/").content.decode()
        assert "where others can read it" in page
        assert self.where(old) in page
        assert "where others can read it" in admin_browser.get("/admin/").content.decode()
        form = admin_browser.get(self.where(old)).context["form"]
        assert form["hours"].value() == 0, "for an exposed key, ending at once is what is offered first"

    def test_a_key_that_ends_soon_says_so(self, admin_browser: Client):
        old, _ = key_create(client=ClientFactory(), days=6)
        page = admin_browser.get(f"/admin/gateway/client/{old.client_id}/change/").content.decode()
        assert "This key ends in 5 days. Rotate it" in page

    def test_everything_is_logged_for_an_hour_and_no_longer(self, admin_browser: Client, viewer_browser: Client, later):
        client = ClientFactory()
        page = f"/admin/gateway/client/{client.pk}/change/"
        begin, end = (
            reverse("admin:gateway_client_press", args=(client.pk, name)) for name in ("log_whole", "log_less")
        )
        assert viewer_browser.post(begin).status_code == 403
        assert "is logged whole" not in admin_browser.get(page).content.decode()
        admin_browser.post(begin)
        assert "Every call is logged whole" in admin_browser.get(page).content.decode()
        admin_browser.post(end)
        assert "Every call is logged whole" not in admin_browser.get(page).content.decode()
        admin_browser.post(begin)
        later(hours=1, seconds=1)
        shown = admin_browser.get(page).content.decode()
        assert "Every call is logged whole" not in shown
        assert "Log everything for 1 hour" in shown

    def test_a_new_oauth_secret_is_shown_once(self, admin_browser: Client):
        client = ClientFactory()
        where = reverse("admin:gateway_client_press", args=(client.pk, "renew_secret"))
        page = admin_browser.post(where).content.decode()
        secret = re.search(r'id="client-secret"[^>]*>([^<]+)<', page).group(1)
        before = client.client_secret
        client.refresh_from_db()
        assert client.client_secret != before
        assert secret not in everywhere(admin_browser)


class TestRedirectAddresses:
    def save(self, browser: Client, text: str):
        return browser.post("/admin/gateway/client/add/", NEW_CLIENT | {"redirect_uris": text})

    def test_they_are_typed_one_per_line(self, admin_browser: Client):
        self.save(admin_browser, "https://app.example/callback\nhttp://127.0.0.1:8400/done")
        client = ApiClient.objects.get()
        assert client.redirect_uris == "https://app.example/callback http://127.0.0.1:8400/done"
        page = admin_browser.get(reverse("admin:gateway_client_change", args=(client.pk,)))
        shown = page.context["adminform"].form["redirect_uris"].value()
        assert shown == "https://app.example/callback\nhttp://127.0.0.1:8400/done"

    @pytest.mark.parametrize(
        "text",
        [
            "http://app.example/",
            "app.example",
            "javascript:alert(1)",
            "https://*.example/",
            "https://a.example/#x",
            "x",
        ],
    )
    def test_others_are_refused(self, admin_browser: Client, text: str):
        answer = self.save(admin_browser, text)
        assert "redirect_uris" in answer.context["adminform"].form.errors


class TestAdminNetworks:
    add = "/admin/gateway/adminnetwork/add/"

    def test_only_those_listed_open_the_admin(self, admin_browser: Client):
        admin_browser.post(self.add, {"network": "127.0.0.0/8", "note": "this machine"})
        assert admin_browser.get("/admin/").status_code == 200
        for where in ("/admin/", "/admin/login/", "/oauth/authorize"):
            refused = admin_browser.get(where, REMOTE_ADDR="203.0.113.5")
            assert refused.status_code == 403
            assert "203.0.113.5" in refused.content.decode()
        assert admin_browser.get("/docs/problems", REMOTE_ADDR="203.0.113.5").status_code == 200

    def test_a_forged_header_opens_nothing(self, admin_browser: Client):
        admin_browser.post(self.add, {"network": "127.0.0.0/8"})
        forged = {"HTTP_X_FORWARDED_FOR": "127.0.0.1", "HTTP_FORWARDED": "for=127.0.0.1", "HTTP_X_REAL_IP": "127.0.0.1"}
        assert admin_browser.get("/admin/", REMOTE_ADDR="203.0.113.5", **forged).status_code == 403

    def test_who_would_lock_themselves_out_is_stopped(self, admin_browser: Client):
        answer = admin_browser.post(self.add, {"network": "203.0.113.0/24"})
        assert "lock you out" in answer.content.decode()
        assert not AdminNetwork.objects.exists()

    def test_changing_or_deleting_the_network_one_is_in_is_stopped(self, admin_browser: Client):
        mine = AdminNetwork.objects.create(network="127.0.0.1")
        AdminNetwork.objects.create(network="203.0.113.0/24")
        changed = admin_browser.post(f"/admin/gateway/adminnetwork/{mine.pk}/change/", {"network": "198.51.100.1"})
        assert "lock you out" in changed.content.decode()
        where = f"/admin/gateway/adminnetwork/{mine.pk}/delete/"
        assert "lock you out" in admin_browser.post(where, {"post": "yes"}, follow=True).content.decode()
        assert AdminNetwork.objects.filter(network="127.0.0.1").exists()

    def test_the_last_one_may_go_and_the_admin_opens_to_all(self, admin_browser: Client):
        mine = AdminNetwork.objects.create(network="127.0.0.1")
        admin_browser.post(f"/admin/gateway/adminnetwork/{mine.pk}/delete/", {"post": "yes"})
        assert not AdminNetwork.objects.exists()
        assert admin_browser.get("/admin/", REMOTE_ADDR="203.0.113.5").status_code == 200

    def test_many_cannot_be_deleted_at_once_unchecked(self, admin_browser: Client):
        mine = AdminNetwork.objects.create(network="127.0.0.1")
        posted = {"action": "delete_selected", "_selected_action": [str(mine.pk)], "post": "yes"}
        admin_browser.post("/admin/gateway/adminnetwork/", posted)
        assert AdminNetwork.objects.exists()

    @pytest.mark.parametrize("text", ["", "everywhere", "127.0.0.1/8", "127.0.0.0/33"])
    def test_what_is_no_network_is_refused(self, admin_browser: Client, text: str):
        assert admin_browser.post(self.add, {"network": text}).context["adminform"].form.errors

    def test_a_command_opens_it_again(self, db):
        AdminNetwork.objects.create(network="203.0.113.0/24")
        call_command("open_admin")
        assert not AdminNetwork.objects.exists()


class TestWhomANetworkKeepsOut:
    def client_with_calls(self, **fields: object) -> ApiClient:
        client = ClientFactory(networks=["198.51.100.0/24"], **fields)
        for address, calls in (("198.51.100.7", 3), ("203.0.113.5", 2), ("", 1)):
            for _ in range(calls):
                RequestLog.objects.create(client=client, method="GET", status=200, duration_ms=1, address=address)
        return client

    @pytest.mark.parametrize("is_trial", [True, False])
    def test_its_page_counts_calls_from_outside(self, admin_browser: Client, is_trial: bool):
        client = self.client_with_calls(networks_report_only=is_trial)
        page = admin_browser.get(reverse("admin:gateway_client_change", args=(client.pk,))).content.decode()
        assert "3 of the 6 calls of the last 7 days came from 2 addresses outside." in page
        assert "203.0.113.5" in page
        assert ("They were answered" in page) is is_trial

    def test_old_calls_and_those_of_others_do_not_count(self, admin_browser: Client):
        client = self.client_with_calls()
        RequestLog.objects.update(at=db_now() - timedelta(days=8))
        self.client_with_calls()
        page = admin_browser.get(reverse("admin:gateway_client_change", args=(client.pk,))).content.decode()
        assert "Nobody: all of the 0 calls" in page


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
            ({"expires_at": timedelta(days=-1)}, "ended on its day"),
            ({"expires_at": timedelta(days=-1), "revoked_at": timedelta(days=-1)}, "ended on its day"),
            ({"expires_at": timedelta(days=-1), "revoked_at": timedelta(days=-2)}, "revoked"),
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
        posted = {"username": "anna", "email": "anna@example.com", "role": "Viewer"}
        for weak in ("", "12345"):
            posted |= {"password1": weak, "password2": weak}
            assert admin_browser.post("/admin/gateway/user/add/", posted).context["errors"]
        posted |= {"password1": "a longer sentence 7", "password2": "a longer sentence 7"}
        assert admin_browser.post("/admin/gateway/user/add/", posted).status_code == 302
        assert User.objects.get(username="anna").email == "anna@example.com"
        posted = {"username": "anna", "password": "a longer sentence 7"}
        assert Client().post("/admin/login/", posted).status_code == 302
