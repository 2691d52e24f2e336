"""The consent ledger: what is in force, what it makes legal, and that a withdrawal stops what waits."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse
from rest_framework.test import APIClient

from gateway.services import key_create
from integrations.drain import drain
from integrations.models import ConnectorState, Delivery
from leads import consents
from leads.capture import lead_capture
from leads.consents import ConsentGiven, InForce, legal_call
from leads.models import Activity, Consent
from leads.services import LeadData
from leads.standing import deliveries_of
from leads.vendor_consents import UNSUBSCRIBED
from runtime import events
from runtime.clock import db_now
from runtime.hashes import person_hash
from runtime.models import Event
from tests.factories import ClientFactory, ConnectorFactory, LeadFactory, UserFactory, rule
from webhooks.reading import read

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

NEWS = [rule("consent.news")]
YES = ConsentGiven("news", granted=True, wording="Yes, send me news.", version="3", locale="de")
NO = ConsentGiven("news", granted=False)


@pytest.fixture
def client_row():
    return ClientFactory()


@pytest.fixture
def crm(sandbox):
    row = ConnectorFactory(base_url=f"{sandbox.url}/hubspot", name="CRM", lead_filter=NEWS)
    ConnectorState.objects.get_or_create(connector=row)
    return row


def captured(client_row, *given, **values):
    return lead_capture(client=client_row, data=LeadData(email="anna@example.com", consent=given, **values)).lead


def states(lead):
    return [(row.connector.name, row.operation, row.state) for row in deliveries_of(lead.pk)]


def said(granted, is_confirmed=True):
    return InForce("news", granted, is_confirmed, datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("statement", "call"),
    [
        (None, "none"),
        (said(True), "subscribe"),
        (said(True, is_confirmed=False), "double_opt_in"),
        (said(False), "unsubscribe"),
        (said(False, is_confirmed=False), "unsubscribe"),
    ],
)
def test_a_statement_decides_which_call_is_legal(statement, call):
    assert legal_call(statement) == call


def test_a_statement_is_written_with_its_proof(client_row):
    lead = captured(client_row, YES, source={"channel": "website"})
    row = Consent.objects.get()
    assert (row.wording, row.version, row.locale, row.channel) == ("Yes, send me news.", "3", "de", "website")
    assert (row.source, row.client, row.is_confirmed) == ("api", client_row, True)
    assert row.address_hash == person_hash("email", "anna@example.com")
    assert "anna" not in row.address_hash
    assert consents.in_force([lead.pk])[lead.pk]["news"].granted


def test_the_newest_statement_is_in_force_whenever_it_arrives(client_row):
    now = db_now()
    late = ConsentGiven("news", granted=True, at=now - timedelta(days=2))
    lead = captured(client_row, ConsentGiven("news", granted=False, at=now - timedelta(days=1)))
    captured(client_row, late)
    assert not consents.in_force([lead.pk])[lead.pk]["news"].granted
    captured(client_row, ConsentGiven("news", granted=True, at=now + timedelta(days=400)))
    captured(client_row, NO)
    assert not consents.in_force([lead.pk])[lead.pk]["news"].granted, "nothing is said in the future"


def test_an_earlier_consent_counts_for_a_later_capture(crm, client_row):
    lead = captured(client_row, YES)
    drain(crm.pk)
    captured(client_row, message="Another question")
    assert states(lead) == [("CRM", "upsert", "waiting")]


def test_nothing_is_sent_when_consent_is_withdrawn_while_the_delivery_waits(sandbox, crm, client_row):
    lead = captured(client_row, YES)
    consents.consent_withdraw(lead=lead, purpose="news", source="admin")
    assert states(lead) == [("CRM", "upsert", "skipped")]
    drain(crm.pk)
    assert sandbox.contacts() == []


def test_a_withdrawal_counts_up_to_the_last_moment_before_the_call(sandbox, crm, client_row):
    lead = captured(client_row, YES)
    # Written by another way than the service, so that the delivery still waits: the drainer has to look itself.
    Consent.objects.create(lead=lead, purpose="news", granted=False)
    drain(crm.pk)
    assert sandbox.contacts() == []
    assert states(lead) == [("CRM", "upsert", "skipped")]


def test_a_consent_that_was_missing_takes_the_lead_up(sandbox, crm, client_row):
    lead = captured(client_row)
    assert states(lead) == [("CRM", "upsert", "skipped")]
    consents.consents_record(lead=lead, given=[YES])
    drain(crm.pk)
    assert len(sandbox.contacts()) == 1
    assert states(lead) == [("CRM", "upsert", "delivered")]


def test_a_withdrawal_reaches_every_connector_that_takes_the_lead(client_row):
    for name in ("One", "Two"):
        ConnectorFactory(name=name)
    lead = captured(client_row, YES)
    Delivery.objects.update(state="delivered")
    consents.consent_withdraw(lead=lead, purpose="news", source="admin")
    assert states(lead) == [("One", "upsert", "waiting"), ("Two", "upsert", "waiting")]
    from leads.subjects import load

    contact = load({lead.pk: 0})[lead.pk].contact
    assert contact.values["consents"] == {"news": "withdrawn"}
    assert contact.consents == {"news": False}


def test_a_withdrawal_is_told_where_the_lead_was_subscribed(client_row):
    ConnectorFactory(name="News", operations=["subscribe"], lead_filter=NEWS)
    lead = captured(client_row, YES)
    Delivery.objects.update(state="delivered")
    consents.consent_withdraw(lead=lead, purpose="news", source="admin")
    assert states(lead) == [("News", "subscribe", "waiting")]


def test_a_withdrawal_in_a_capture_is_told_where_the_lead_was_subscribed(client_row):
    ConnectorFactory(name="CRM", lead_filter=NEWS)
    ConnectorFactory(name="News", operations=["subscribe"], lead_filter=NEWS)
    lead = captured(client_row, YES)
    Delivery.objects.update(state="delivered")
    captured(client_row, NO)
    assert states(lead) == [("CRM", "upsert", "delivered"), ("News", "subscribe", "waiting")]


def test_a_withdrawal_in_a_capture_keeps_back_what_waits(client_row, sandbox, crm):
    lead = captured(client_row, YES)
    captured(client_row, NO)
    assert states(lead) == [("CRM", "upsert", "skipped")]
    assert not Delivery.objects.filter(state="waiting").exists()
    captured(client_row, YES)
    drain(crm.pk)
    assert states(lead) == [("CRM", "upsert", "delivered")]


def test_a_withdrawal_stands_in_the_story(client_row):
    lead = captured(client_row, YES)
    consents.consent_withdraw(lead=lead, purpose="news", source="admin", who="ana")
    activity = Activity.objects.get(kind="consent")
    assert activity.changes == {"consent news": ["granted", "withdrawn"]}
    assert activity.said_by == "ana"


class TestApi:
    @pytest.fixture
    def bot(self, client_row):
        _, key = key_create(client=client_row)
        return APIClient(HTTP_AUTHORIZATION=f"Bearer {key}", REMOTE_ADDR="127.0.0.1")

    def test_a_consent_is_withdrawn_and_read(self, bot, client_row):
        lead = captured(client_row, YES)
        where = f"/v1/leads/{lead.pk}/consents"
        body = {"consent": [{"purpose": "news", "granted": False, "wording": "Stop.", "version": "3"}]}
        assert bot.post(where, body, format="json").json()["consents"][0]["granted"] is False
        assert bot.get(where).json()["consents"][0]["purpose"] == "news"

    def test_somebody_elses_lead_is_not_found(self, bot):
        lead = LeadFactory()
        body = {"consent": [{"purpose": "news", "granted": False, "wording": "Stop.", "version": "3"}]}
        assert bot.post(f"/v1/leads/{lead.pk}/consents", body, format="json").status_code == 404

    @pytest.mark.parametrize("body", [{}, {"consent": []}, {"consent": [{"purpose": "News!"}]}, {"consents": []}])
    def test_what_is_not_a_statement_is_refused(self, bot, client_row, body):
        lead = captured(client_row)
        assert bot.post(f"/v1/leads/{lead.pk}/consents", body, format="json").status_code == 400

    def test_a_publishable_key_records_nothing_about_known_leads(self, client_row):
        client_row.origins = ["https://shop.example"]
        client_row.save()
        _, key = key_create(client=client_row, kind="publishable")
        page = APIClient(HTTP_AUTHORIZATION=f"Bearer {key}", HTTP_ORIGIN="https://shop.example")
        assert page.post(f"/v1/leads/{captured(client_row).pk}/consents", {}, format="json").status_code == 403


class TestVendorsWord:
    def told(self, **data):
        event = events.publish(UNSUBSCRIBED, "", {"source": "Mail system", **data})
        events.WORK.run(str(event.pk))
        return Event.objects.get(pk=event.pk)

    def test_who_unsubscribed_elsewhere_has_withdrawn_here(self, client_row):
        lead = captured(client_row, YES)
        event = self.told(email=" Anna@Example.com ")
        assert event.state == "done"
        assert not consents.in_force([lead.pk])[lead.pk]["news"].granted
        assert Consent.objects.latest("recorded_at").source == "vendor"
        assert "anna" not in str(event.data).lower(), "the event forgets whom it was about"

    @pytest.mark.parametrize("data", [{}, {"email": "nobody@example.com"}, {"email": "nonsense"}])
    def test_what_is_about_nobody_changes_nothing(self, client_row, data):
        captured(client_row, YES)
        assert self.told(**data).state == "done"
        assert Consent.objects.count() == 1

    def test_a_webhook_of_that_name_is_understood(self):
        reading = read("Mail system", {"event": "contact_unsubscribed", "email_address": "anna@example.com"})
        assert (reading.type, reading.data["email"]) == (UNSUBSCRIBED, "anna@example.com")

    def test_no_other_event_keeps_an_address(self):
        assert "email" not in read("Shop", {"event": "order_shipped", "email": "anna@example.com"}).data


class TestPages:
    def browser(self, *rights):
        person = UserFactory(is_superuser=not rights)
        person.user_permissions.set(Permission.objects.filter(codename__in=rights))
        found = Browser()
        found.force_login(person)
        return found

    def test_every_statement_stands_on_one_page_with_its_proof(self, client_row):
        lead = captured(client_row, YES)
        captured(client_row, NO)
        page = self.browser().get(reverse("admin:leads_lead_consents", args=(lead.pk,))).content.decode()
        for text in ("Yes, send me news.", "withdrawn", "granted", person_hash("email", "anna@example.com")):
            assert text in page

    def test_a_person_withdraws_a_consent(self, client_row):
        lead = captured(client_row, YES)
        where = reverse("admin:leads_lead_withdraw", args=(lead.pk,))
        admin = self.browser()
        assert where in admin.get(reverse("admin:leads_lead_change", args=(lead.pk,))).content.decode()
        assert admin.post(where, {"purpose": "news"}).status_code == 302
        row = Consent.objects.latest("recorded_at")
        assert (row.granted, row.source, row.wording) == (False, "admin", "Yes, send me news.")
        assert LogEntry.objects.filter(change_message__contains="Withdrew").exists()
        assert admin.post(where, {"purpose": "other"}).status_code == 404
        assert admin.get(where).status_code == 405

    def test_it_needs_the_right(self, client_row):
        lead = captured(client_row, YES)
        viewer = self.browser("view_lead")
        assert (
            viewer.post(reverse("admin:leads_lead_withdraw", args=(lead.pk,)), {"purpose": "news"}).status_code == 403
        )
        assert viewer.get(reverse("admin:leads_lead_consents", args=(lead.pk,))).status_code == 200
        nobody = self.browser("view_connector")
        assert nobody.get(reverse("admin:leads_lead_consents", args=(lead.pk,))).status_code == 403
