"""Connectors, credentials and deliveries: what is typed is checked, what is secret is never read back."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.test import Client

from integrations.models import Connector, Credential, Delivery
from leads.models import Reference
from runtime import secrets
from tests.config.admin_rows import lead_captured
from tests.config.test_admin import MODELS, address
from tests.factories import ClientFactory, ConnectorFactory, CredentialFactory, DeliveryFactory, LeadFactory, rule

pytestmark = pytest.mark.django_db

SECRET = "pat-na1-tops3cret-0123456789"
NEW_CREDENTIAL = "/admin/integrations/credential/add/?provider=hubspot"
NEW_CONNECTOR = "/admin/integrations/connector/add/?provider=hubspot"


@pytest.fixture(autouse=True)
def allowed(settings):
    settings.EGRESS_ALLOW = ["127.0.0.1:9"]


def every_page(browser: Client) -> str:
    pages = [browser.get("/admin/").content.decode()]
    for model in MODELS:
        pages.append(browser.get(address(model, "changelist")).content.decode())
        for row in model._default_manager.all()[:3]:
            pages += [browser.get(address(model, page, row.pk)).content.decode() for page in ("change", "history")]
    sessions = [str(session.get_decoded()) for session in Session.objects.all()]
    return "\n".join([*pages, *sessions, *(entry.change_message for entry in LogEntry.objects.all())])


class TestCredential:
    posted = {"name": "HubSpot key", "host": "api.hubapi.com", "api_key": SECRET}

    def test_the_vendor_is_asked_first(self, admin_browser: Client):
        page = admin_browser.get("/admin/integrations/credential/add/").content.decode()
        assert "?provider=hubspot" in page
        assert 'name="api_key"' not in page

    def test_it_is_sealed(self, admin_browser: Client):
        assert admin_browser.post(NEW_CREDENTIAL, self.posted).status_code == 302
        row = Credential.objects.get()
        assert (row.provider, row.host) == ("hubspot", "api.hubapi.com")
        assert SECRET not in row.sealed
        assert secrets.unseal(row.sealed)["api_key"] == SECRET

    def test_it_is_never_read_back(self, admin_browser: Client):
        admin_browser.post(NEW_CREDENTIAL, self.posted)
        ConnectorFactory(credential=Credential.objects.get())
        found = every_page(admin_browser)
        assert SECRET not in found
        assert Credential.objects.get().sealed not in found
        assert "stored, leave empty to keep" in found

    def test_a_refused_form_does_not_repeat_it(self, admin_browser: Client):
        answer = admin_browser.post(NEW_CREDENTIAL, self.posted | {"name": ""})
        assert "name" in answer.context["adminform"].form.errors
        assert SECRET not in answer.content.decode()

    def test_searching_for_it_finds_nothing(self, admin_browser: Client):
        admin_browser.post(NEW_CREDENTIAL, self.posted)
        sealed = Credential.objects.get().sealed
        for text in (SECRET, sealed[:40]):
            found = admin_browser.get("/admin/integrations/credential/", {"q": text})
            assert not found.context["cl"].result_list
        assert admin_browser.get("/admin/integrations/credential/", {"sealed__startswith": "g"}).status_code in {
            200,
            302,
        }

    def test_left_empty_it_is_kept(self, admin_browser: Client):
        admin_browser.post(NEW_CREDENTIAL, self.posted)
        before = Credential.objects.get()
        where = address(Credential, "change", before.pk)
        assert admin_browser.post(where, self.posted | {"name": "Renamed", "api_key": ""}).status_code == 302
        after = Credential.objects.get()
        assert (after.name, after.sealed) == ("Renamed", before.sealed)

    def test_another_host_needs_the_key_again(self, admin_browser: Client):
        admin_browser.post(NEW_CREDENTIAL, self.posted)
        row = Credential.objects.get()
        where = address(Credential, "change", row.pk)
        answer = admin_browser.post(where, self.posted | {"host": "evil.example", "api_key": ""})
        assert "api_key" in answer.context["adminform"].form.errors
        assert Credential.objects.get().host == "api.hubapi.com"

    @pytest.mark.parametrize("host", ["user@evil.example", "http://", "0x7f.1", "a b"])
    def test_a_host_that_is_none_is_refused_at_its_field(self, admin_browser: Client, host: str):
        answer = admin_browser.post(NEW_CREDENTIAL, self.posted | {"host": host})
        assert "host" in answer.context["adminform"].form.errors
        assert not Credential.objects.exists()

    def test_a_new_one_needs_a_key(self, admin_browser: Client):
        answer = admin_browser.post(NEW_CREDENTIAL, self.posted | {"api_key": ""})
        assert "api_key" in answer.context["adminform"].form.errors

    def test_one_that_cannot_be_opened_says_so(self, admin_browser: Client):
        CredentialFactory(sealed_with="unknown")
        assert "enter it again" in admin_browser.get("/admin/integrations/credential/").content.decode()


class TestConnector:
    def posted(self, **values: str) -> dict[str, object]:
        credential = CredentialFactory(host="127.0.0.1")
        usual = {
            "name": "HubSpot",
            "base_url": "http://127.0.0.1:9/hubspot",
            "credential": str(credential.pk),
            "operations": ["upsert"],
            "rules-0-about": "channel",
            "rules-0-test": "any_of",
            "rules-0-values": "web\nwhatsapp",
            "is_active": "on",
        }
        return usual | values

    def test_the_vendor_is_asked_first(self, admin_browser: Client):
        page = admin_browser.get("/admin/integrations/connector/add/").content.decode()
        assert "?provider=odoo" in page
        assert 'name="base_url"' not in page

    @pytest.mark.parametrize(("vendor", "ticked"), [("odoo", []), ("brevo", ["upsert", "subscribe"])])
    def test_who_can_be_asked_for_stock_writes_nothing_that_nobody_ticked(
        self, admin_browser: Client, vendor: str, ticked: list[str]
    ):
        answer = admin_browser.get(f"/admin/integrations/connector/add/?provider={vendor}")
        assert (answer.context["adminform"].form["operations"].initial or []) == ticked

    def test_a_vendor_that_does_not_exist_is_asked_again(self, admin_browser: Client):
        page = admin_browser.get("/admin/integrations/connector/add/?provider=nobody").content.decode()
        assert "?provider=odoo" in page

    def test_it_is_stored_as_typed(self, admin_browser: Client):
        assert admin_browser.post(NEW_CONNECTOR, self.posted()).status_code == 302
        row = Connector.objects.get()
        assert (row.provider, row.operations) == ("hubspot", ["upsert"])
        assert row.lead_filter == [{"about": "channel", "test": "any_of", "values": ["web", "whatsapp"]}]

    def test_what_was_typed_comes_back_to_be_changed(self, admin_browser: Client):
        admin_browser.post(NEW_CONNECTOR, self.posted())
        page = admin_browser.get(address(Connector, "change", Connector.objects.get().pk)).content.decode()
        assert "web\nwhatsapp" in page

    def test_rules_that_are_taken_away_are_gone(self, admin_browser: Client):
        row = ConnectorFactory(lead_filter=[rule("utm_source", "news"), rule("channel", "old")])
        page = admin_browser.get(address(Connector, "change", row.pk)).content.decode()
        assert "news" in page
        admin_browser.post(address(Connector, "change", row.pk), self.posted(**{"rules-0-about": ""}))
        assert Connector.objects.get(pk=row.pk).lead_filter == []

    def test_who_may_only_look_reads_the_filter_in_words(self, viewer_browser: Client):
        row = ConnectorFactory(lead_filter=[rule("channel", "web", "app"), rule("consent.news")])
        page = viewer_browser.get(address(Connector, "change", row.pk)).content.decode()
        assert "Channel is one of “web” or “app”." in page
        assert "Consent to news is given." in page

    @pytest.mark.parametrize(
        ("rules", "words"),
        [
            ({"about": "channel", "test": "any_of", "values": ""}, "Channel: type at least one value"),
            ({"about": "attribute.", "test": "given"}, "Attribute: say which"),
            ({"about": "secret", "test": "given"}, "Nothing like this is known"),
            ({"about": "consent.", "name": "news", "test": "any_of", "values": "x"}, "no values to compare"),
            (
                {"about": "client", "test": "any_of", "values": "Nobody"},
                "Chatbot: there is no “Nobody”. There are: Kim",
            ),
            ({"about": "channel", "test": "drop table", "values": "x"}, "choose how it is asked"),
        ],
    )
    def test_a_rule_that_makes_no_sense_is_refused_in_words(
        self, admin_browser: Client, rules: dict[str, str], words: str
    ):
        ClientFactory(name="Kim")
        posted = self.posted(**{f"rules-0-{name}": text for name, text in rules.items()})
        answer = admin_browser.post(NEW_CONNECTOR, posted)
        assert words in answer.context["adminform"].form.errors["rules"][0]

    def test_a_filter_is_tried_on_past_leads_and_nothing_is_saved(self, admin_browser: Client):
        bot, other = ClientFactory(name="Kim"), ClientFactory(name="Ali")
        for number in range(12):
            LeadFactory(client=bot if number < 9 else other, attributes={"size": "XL"} if number < 5 else {})
        asked = {"rules-0-about": "client", "rules-0-test": "any_of", "rules-0-values": "kim"}
        asked |= {"rules-1-about": "attribute.", "rules-1-name": "size", "rules-1-test": "contains"}
        asked |= {"rules-1-values": "xl"}
        answer = admin_browser.post("/admin/integrations/connector/try-filter/", asked).json()["sentences"]
        assert answer[0] == "Would have sent 5 of the last 12 leads."
        assert answer[1:] == [
            "4 left out by the rule: attribute size contains “xl”.",
            "3 left out by the rule: chatbot is “Kim”.",
        ]
        assert not Connector.objects.exists()

    def test_who_may_only_look_tries_nothing(self, viewer_browser: Client):
        assert viewer_browser.post("/admin/integrations/connector/try-filter/", {}).status_code == 403

    @pytest.mark.parametrize(
        ("field", "text"),
        [
            ("base_url", "http://10.0.0.1/"),
            ("base_url", "http://169.254.169.254/latest/"),
            ("base_url", "ftp://example.com"),
            ("base_url", "https://user:pass@example.com"),
            ("base_url", ""),
            ("operations", "erase_everything"),
            ("name", ""),
            ("credential", ""),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(self, admin_browser: Client, field: str, text: str):
        answer = admin_browser.post(NEW_CONNECTOR, self.posted(**{field: text}))
        assert field in answer.context["adminform"].form.errors
        assert not Connector.objects.exists()

    def test_a_key_is_not_offered_to_another_host(self, admin_browser: Client):
        other = CredentialFactory(host="api.hubapi.com")
        answer = admin_browser.post(NEW_CONNECTOR, self.posted(credential=str(other.pk)))
        assert "is sent to api.hubapi.com alone" in str(answer.context["adminform"].form.errors["credential"])

    def test_a_key_of_another_vendor_is_not_offered(self, admin_browser: Client):
        other = CredentialFactory(provider="odoo", host="127.0.0.1")
        answer = admin_browser.post(NEW_CONNECTOR, self.posted(credential=str(other.pk)))
        assert "credential" in answer.context["adminform"].form.errors

    def test_fields_of_the_vendor_are_kept_in_its_config(self, admin_browser: Client):
        credential = CredentialFactory(provider="odoo", host="127.0.0.1")
        page = admin_browser.get("/admin/integrations/connector/add/?provider=odoo")
        names = [name for name in page.context["adminform"].form.fields if name.startswith("config_")]
        assert names
        posted = {
            "name": "Odoo",
            "base_url": "http://127.0.0.1:9/odoo",
            "credential": str(credential.pk),
            "lookup_order": "5",
            "is_active": "on",
            "config_database": "demo",
        }
        assert admin_browser.post("/admin/integrations/connector/add/?provider=odoo", posted).status_code == 302
        row = Connector.objects.get()
        assert (row.config["database"], row.lookup_order, row.operations) == ("demo", 5, [])

    def test_one_that_was_used_cannot_be_deleted(self, admin_browser: Client):
        used, unused = DeliveryFactory().connector, ConnectorFactory()
        assert admin_browser.post(address(Connector, "delete", used.pk), {"post": "yes"}).status_code == 403
        assert admin_browser.post(address(Connector, "delete", unused.pk), {"post": "yes"}).status_code == 302

    def test_a_test_says_in_words_what_came_of_it(self, admin_browser: Client):
        row = ConnectorFactory(name="HubSpot", credential=CredentialFactory(host="127.0.0.1"))
        answer = admin_browser.post(f"/admin/integrations/connector/{row.pk}/press/test/", follow=True)
        assert "HubSpot could not be reached" in answer.content.decode()

    def test_one_whose_vendor_is_gone_is_not_found(self, admin_browser: Client):
        row = ConnectorFactory(provider="gone")
        assert admin_browser.get("/admin/integrations/connector/").status_code == 200
        assert admin_browser.get(address(Connector, "change", row.pk)).status_code == 404


class TestDelivery:
    def test_selected_ones_are_sent_again(self, admin_browser: Client):
        rows = [DeliveryFactory(state=state) for state in ("needs_you", "skipped", "cancelled")]
        posted = {"action": "send_selected_again", "_selected_action": [str(row.pk) for row in rows]}
        answer = admin_browser.post("/admin/integrations/delivery/", posted, follow=True)
        assert "3 deliveries will be sent now." in answer.content.decode()
        assert Delivery.objects.filter(state="waiting").count() == 3

    def test_selected_ones_are_cancelled(self, admin_browser: Client):
        rows = [DeliveryFactory(state=state) for state in ("needs_you", "waiting")]
        posted = {"action": "cancel_selected", "_selected_action": [str(row.pk) for row in rows]}
        admin_browser.post("/admin/integrations/delivery/", posted)
        assert Delivery.objects.filter(state="cancelled").count() == 2

    def test_viewer_changes_nothing(self, viewer_browser: Client):
        row = DeliveryFactory(state="needs_you")
        for action in ("send_selected_again", "cancel_selected"):
            viewer_browser.post("/admin/integrations/delivery/", {"action": action, "_selected_action": [str(row.pk)]})
        assert Delivery.objects.get().state == "needs_you"

    def test_it_says_what_happened_why_and_what_to_do(self, admin_browser: Client):
        connector = ConnectorFactory(name="HubSpot")
        row = DeliveryFactory(connector=connector, state="needs_you", reason="unknown_field", field="utm_src")
        page = admin_browser.get(address(Delivery, "change", row.pk)).content.decode()
        assert "HubSpot does not know the field “utm_src”. Create it there or leave it out of the mapping" in page

    def test_a_leads_id_finds_its_deliveries(self, admin_browser: Client):
        row, _ = DeliveryFactory(), DeliveryFactory()
        found = admin_browser.get("/admin/integrations/delivery/", {"q": str(row.subject_id)}).context["cl"]
        assert list(found.result_list) == [row]


class TestLead:
    def page(self, browser: Client, lead) -> str:
        return browser.get(f"/admin/leads/lead/{lead.pk}/change/").content.decode()

    def test_one_sentence_says_where_it_is_and_where_not(self, admin_browser: Client):
        lead = lead_captured("Anna")
        hubspot, odoo = ConnectorFactory(name="HubSpot"), ConnectorFactory(name="Odoo")
        DeliveryFactory(connector=hubspot, subject_id=lead.pk, state="delivered")
        DeliveryFactory(connector=odoo, subject_id=lead.pk, state="needs_you", reason="refused")
        assert "In HubSpot; not in Odoo (needs you)." in self.page(admin_browser, lead)

    def test_a_lead_nobody_wants_is_here_only(self, admin_browser: Client):
        assert "No connector asked for this lead" in self.page(admin_browser, lead_captured("Anna"))

    def test_its_story_is_told_in_order(self, admin_browser: Client):
        lead = lead_captured("Anna", minutes_ago=5)
        connector = ConnectorFactory(name="HubSpot")
        DeliveryFactory(
            connector=connector,
            subject_id=lead.pk,
            state="delivered",
            created_at=lead.created_at,
            settled_at=lead.created_at,
            external_id="8812",
        )
        page = self.page(admin_browser, lead)
        story = page[page.index("What happened") :]
        assert story.index("Captured by") < story.index("HubSpot") < story.index("8812")
        assert "delivered in 0 ms" in story

    def test_a_clients_id_for_it_finds_it(self, admin_browser: Client):
        lead, _ = lead_captured("Anna"), lead_captured("Ben")
        Reference.objects.create(lead=lead, client=lead.client, value="customer-77")
        found = admin_browser.get("/admin/leads/lead/", {"q": "customer-77"}).context["cl"]
        assert list(found.result_list) == [lead]

    @pytest.mark.parametrize(("state", "name"), [("needs_you", "Anna"), ("none", "Ben")])
    def test_leads_are_found_by_what_became_of_them(self, admin_browser: Client, state: str, name: str):
        lead, _ = lead_captured("Anna"), lead_captured("Ben")
        DeliveryFactory(subject_id=lead.pk, state="needs_you")
        found = admin_browser.get("/admin/leads/lead/", {"delivery": state}).context["cl"]
        assert [row.first_name for row in found.result_list] == [name]

    def test_it_is_sent_again_from_its_page(self, admin_browser: Client):
        lead = lead_captured("Anna")
        DeliveryFactory(subject_id=lead.pk, state="needs_you")
        admin_browser.post(f"/admin/leads/lead/{lead.pk}/press/send_again/")
        assert Delivery.objects.get().state == "waiting"

    def test_selected_leads_are_sent_again(self, admin_browser: Client):
        leads = [lead_captured(name) for name in ("Anna", "Ben")]
        for lead in leads:
            DeliveryFactory(subject_id=lead.pk, state="needs_you")
        posted = {"action": "send_selected_again", "_selected_action": [str(lead.pk) for lead in leads]}
        admin_browser.post("/admin/leads/lead/", posted)
        assert Delivery.objects.filter(state="waiting").count() == 2

    def test_it_is_never_edited_by_hand(self, admin_browser: Client):
        lead = lead_captured("Anna")
        answer = admin_browser.post(f"/admin/leads/lead/{lead.pk}/change/", {"first_name": "Eve"})
        assert answer.status_code == 403
        lead.refresh_from_db()
        assert lead.first_name == "Anna"


def test_nothing_is_asked_that_the_key_tells(admin_browser: Client):
    posted = {"name": "Newsletter key", "host": "", "api_key": "0123456789abcdef-us21"}
    add = "/admin/integrations/{}/add/?provider=mailchimp"
    assert admin_browser.post(add.format("credential"), posted).status_code == 302
    credential = Credential.objects.get()
    assert credential.host == "us21.api.mailchimp.com"
    posted = {"name": "Newsletter", "base_url": "", "credential": str(credential.pk), "config_list_id": "3f2a91bc07"}
    assert admin_browser.post(add.format("connector"), posted | {"is_active": "on"}).status_code == 302
    assert Connector.objects.get().base_url == "https://us21.api.mailchimp.com"


def test_a_key_that_does_not_tell_is_asked_about(admin_browser: Client):
    posted = {"name": "Newsletter key", "host": "", "api_key": "0123456789abcdef"}
    answer = admin_browser.post("/admin/integrations/credential/add/?provider=mailchimp", posted)
    assert "host" in answer.context["adminform"].form.errors
