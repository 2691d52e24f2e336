"""The audit trail: what people change and do is in it; secrets, leads' data and what machines do are not."""

import re
from typing import Any

import pytest
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib import admin
from django.db import connection
from django.db.models import CharField, TextField
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from gateway import services
from gateway.models import AuditEntry, Key, User
from integrations.models import Connector, Credential
from integrations.services import connector_note, connector_pace_set
from leads.models import ExportPlan, Lead
from runtime import audit
from runtime.admin import RecordAdmin
from tests.config.admin_rows import hostile_rows
from tests.factories import ClientFactory, ConnectorFactory, FaqFactory, KeyFactory, LeadFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

SECRET = re.compile(r"password|secret|sealed$|digest|session_mark|(^|_)token")


def entry() -> LogEntry:
    return LogEntry.objects.get()


def trail(browser: Client) -> str:
    """Return the whole trail as a person reads it."""
    pages = [browser.get("/admin/gateway/auditentry/")]
    pages += [browser.get(f"/admin/gateway/auditentry/{row.pk}/change/") for row in AuditEntry.objects.all()]
    return " ".join(page.content.decode() for page in pages)


class TestChanges:
    def test_who_from_where_before_and_after(self, admin_browser: Client):
        faq = FaqFactory(question="Do you ship?", answer="No.")
        posted = {"question": "Do you ship?", "answer": "Yes.", "is_active": "on"}
        with override_settings(TRUSTED_PROXIES=["10.0.0.1"]):
            admin_browser.post(
                f"/admin/engine/faq/{faq.pk}/change/",
                posted,
                REMOTE_ADDR="10.0.0.1",
                HTTP_X_FORWARDED_FOR="192.0.2.1, 203.0.113.7",
            )
        made = entry()
        assert made.changes["answer"] == ["No.", "Yes."]
        assert (made.actor, made.remote_addr) == (User.objects.get(), "203.0.113.7")
        assert made.cid
        page = trail(admin_browser)
        assert all(words in page for words in ("No.", "Yes.", "203.0.113.7", "answer", "Changed"))

    def test_what_is_added_and_deleted(self, admin_browser: Client):
        admin_browser.post("/admin/engine/faq/add/", {"question": "Why?", "answer": "So.", "is_active": "on"})
        assert (entry().action, entry().object_repr) == (LogEntry.Action.CREATE, "Why?")
        admin_browser.post(f"/admin/engine/faq/{entry().object_pk}/delete/", {"post": "yes"})
        assert LogEntry.objects.filter(action=LogEntry.Action.DELETE, object_repr="Why?").exists()

    def test_a_credentials_key_is_masked(self, admin_browser: Client):
        first, second = "pat-na1-first-secret", "pat-na1-second-secret"
        address = "/admin/integrations/credential/add/?provider=hubspot"
        posted = {"name": "HubSpot key", "host": "api.hubapi.com", "api_key": first}
        assert admin_browser.post(address, posted).status_code == 302
        row = Credential.objects.get()
        admin_browser.post(f"/admin/integrations/credential/{row.pk}/change/", posted | {"api_key": second})
        changed = LogEntry.objects.filter(action=LogEntry.Action.UPDATE).get()
        assert changed.changes["sealed"] == [audit.HIDDEN, audit.HIDDEN]
        kept = " ".join(str(row.changes) for row in LogEntry.objects.all()) + trail(admin_browser)
        row.refresh_from_db()
        assert not [secret for secret in (first, second, row.sealed[:40], row.sealed[-40:]) if secret in kept]
        assert "(not kept here)" in kept

    def test_passwords_and_client_secrets_are_masked(self, admin_browser: Client):
        password = "a longer sentence 7"
        new = {"username": "anna", "password1": password, "password2": password}
        admin_browser.post("/admin/gateway/user/add/", new | {"role": "Analyst"})
        admin_browser.post("/admin/gateway/client/add/", {"name": "Bot", "scopes": ["query"], "rate_per_minute": 60})
        assert LogEntry.objects.filter(additional_data__did="Role changed from none to Analyst.").exists()
        kept = " ".join(str(row.changes) for row in LogEntry.objects.all())
        anna = User.objects.get(username="anna")
        assert password not in kept
        assert not [part for part in (anna.password, anna.session_mark, "pbkdf2", "md5$") if part in kept]

    def test_the_pace_of_a_connector(self, admin_browser: Client):
        connector = ConnectorFactory()
        from django.test import RequestFactory

        request = RequestFactory().get("/")
        request.user = User.objects.get()
        with audit.acting(request):
            connector_pace_set(connector=connector, retry_policy={"trouble": [9]}, quota={}, max_in_flight=3)
        assert entry().changes["max_in_flight"] == ["None", "3"]

    def test_no_page_changes_anything_unseen(self):
        """Field by field, or in words where a page is about records that nobody edits."""
        unseen = [
            model._meta.label
            for model, page in admin.site._registry.items()
            if not (audit.is_tracked(model) or isinstance(page, RecordAdmin))
        ]
        inlines = [inline.model for page in admin.site._registry.values() for inline in page.inlines]
        unseen += [model._meta.label for model in inlines if not audit.is_tracked(model)]
        assert unseen == []

    def test_who_gets_a_plans_mails(self, admin_browser: Client):
        plan = ExportPlan.objects.create(name="Monday", filters={"q": "anna@example.com"}, columns=["email"])
        somebody = UserFactory(username="somebody", email="somebody@example.com")
        page = admin_browser.get(f"/admin/leads/exportplan/{plan.pk}/change/")
        form = page.context["adminform"].form
        posted = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
        posted |= {"schedule": "weekly", "recipients": [str(somebody.pk)]}
        answer = admin_browser.post(f"/admin/leads/exportplan/{plan.pk}/change/", posted)
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        changes = {name: change for row in LogEntry.objects.all() for name, change in (row.changes or {}).items()}
        assert changes["schedule"] == ["", "weekly"]
        assert changes["recipients"]["objects"] == ["somebody"]
        assert "anna@example.com" not in trail(admin_browser)

    def test_no_tracked_field_that_holds_a_secret_is_readable(self):
        tracked = [model for model in auditlog.get_models() if model._meta.app_label != "auditlog"]
        assert {User, Key, Credential, Connector} <= set(tracked)
        for model in tracked:
            fields = auditlog.get_model_fields(model)
            unreadable = {*fields["mask_fields"], *fields["exclude_fields"]}
            texts = {field.name for field in model._meta.fields if isinstance(field, (CharField, TextField))}
            bare = {name for name in texts if SECRET.search(name)} - unreadable
            assert not bare, model


class TestDeeds:
    def test_a_key_that_is_made_and_revoked(self, admin_browser: Client):
        client = ClientFactory(name="Website bot")
        answer = admin_browser.post(f"/admin/gateway/client/{client.pk}/new-key/", {"kind": "secret", "days": 30})
        text = str(answer.context["text"])
        key = Key.objects.get()
        admin_browser.post(f"/admin/gateway/key/{key.pk}/press/revoke/")
        dids = [row.additional_data["did"] for row in LogEntry.objects.exclude(additional_data=None)]
        assert any("Created key" in did for did in dids)
        assert "Pressed “Revoke”." in dids
        assert text not in trail(admin_browser)
        assert key.digest not in trail(admin_browser)

    @pytest.mark.parametrize(
        ("address", "action", "words"),
        [
            ("/admin/leads/lead/", "export_csv", "Export as CSV: 2 selected."),
            ("/admin/leads/lead/", "send_selected_again", "Send again: 2 selected."),
        ],
    )
    def test_actions_say_on_how_many_and_name_no_lead(self, admin_browser: Client, address, action, words):
        leads = [LeadFactory(email=f"anna{number}@example.com", first_name="Zebedee") for number in range(2)]
        answer = admin_browser.post(address, {"action": action, "_selected_action": [str(lead.pk) for lead in leads]})
        assert answer.status_code in {200, 302}
        made = LogEntry.objects.get(additional_data__did=words)
        assert made.content_type.model == "lead"
        assert "anna0" not in trail(admin_browser)

    def test_all_that_match_are_counted(self, admin_browser: Client):
        for _ in range(3):
            LeadFactory()
        posted = {"action": "export_csv", "select_across": "1", "_selected_action": [str(Lead.objects.first().pk)]}
        admin_browser.post("/admin/leads/lead/", posted)
        assert LogEntry.objects.filter(additional_data__did="Export as CSV: all that matched, 3 selected.").exists()

    def test_sending_a_lead_again_names_its_id_alone(self, admin_browser: Client):
        lead = LeadFactory(email="anna@example.com", first_name="Zebedee")
        admin_browser.post(f"/admin/leads/lead/{lead.pk}/press/send_again/")
        assert entry().object_repr == f"lead {lead.pk}"
        page = trail(admin_browser)
        assert "Zebedee" not in page
        assert "anna@example.com" not in page

    def test_signing_in_and_wrong_codes(self, client: Client):
        person = UserFactory(username="anna")
        person.set_password("correct horse battery")
        person.save()
        client.post("/admin/login/", {"username": "anna", "password": "correct horse battery"})
        made = entry()
        assert (made.additional_data["did"], made.actor) == ("Signed in with the password alone.", person)


class TestMachines:
    def test_leave_no_entry(self):
        connector = ConnectorFactory()
        connector_note(connector=connector)
        connector.name = "renamed by a program"
        connector.save()
        KeyFactory()
        services.client_create(name="Bot")
        hostile_rows()
        assert set(LogEntry.objects.values_list("content_type__model", flat=True)) <= {"source"}

    def test_capture_pays_nothing(self, client: Client):
        bot, _ = services.client_create(name="Website bot")
        _, text = services.key_create(client=bot)
        sent: dict[str, Any] = {"content_type": "application/json", "HTTP_AUTHORIZATION": f"Bearer {text}"}
        client.post("/v1/leads", {"email": "a@example.com"}, **sent)
        with CaptureQueriesContext(connection) as captured:
            assert client.post("/v1/leads", {"email": "b@example.com"}, **sent).status_code == 201
        assert not [query["sql"] for query in captured if "audit" in query["sql"] or "gateway_user" in query["sql"]]
        assert not LogEntry.objects.exists()


class TestPage:
    def test_it_is_searched_and_filtered(self, admin_browser: Client):
        faq = FaqFactory(question="Do you ship?")
        admin_browser.post(f"/admin/engine/faq/{faq.pk}/change/", {"question": "Do you ship?", "answer": "Yes."})
        me = User.objects.get()
        for narrowed in ({"q": "ship"}, {"q": me.username}, {"person": str(me.pk)}, {"action__exact": "1"}):
            found = admin_browser.get("/admin/gateway/auditentry/", narrowed).context["cl"].result_list
            assert len(found) == 1, narrowed
        for narrowed in ({"q": "nothing like it"}, {"person": "none"}, {"action__exact": "2"}):
            assert not admin_browser.get("/admin/gateway/auditentry/", narrowed).context["cl"].result_list

    def test_nobody_changes_it(self, admin_browser: Client):
        audit.note("Did something.", User.objects.get())
        row = AuditEntry.objects.get()
        assert (
            admin_browser.post(f"/admin/gateway/auditentry/{row.pk}/change/", {"object_repr": "x"}).status_code == 403
        )
        assert admin_browser.post(f"/admin/gateway/auditentry/{row.pk}/delete/", {"post": "yes"}).status_code == 403
        assert admin_browser.get("/admin/gateway/auditentry/add/").status_code == 403

    def test_old_entries_go(self, later):
        audit.note("Did something.", User)
        later(days=399)
        assert audit.prune_audit_trail() == 0
        later(days=402)
        assert audit.prune_audit_trail() == 1
