"""A vendor's word on consents: a withdrawal reaches every other vendor, a consent counts only where it was ours."""

from datetime import timedelta

import pytest
from django.db import connection

from integrations.models import Delivery
from leads import consents
from leads.capture import lead_capture
from leads.consents import ConsentGiven
from leads.models import Consent
from leads.services import LeadData
from leads.standing import deliveries_of
from runtime import events
from runtime.models import Event
from tests.factories import ClientFactory, ConnectorFactory, DeliveryFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

PURPOSE = "email_marketing"
YES = ConsentGiven(PURPOSE, granted=True, wording="Yes, send me news.", version="3")
UNSURE = ConsentGiven(PURPOSE, granted=True, wording="Yes, send me news.", is_confirmed=False)


@pytest.fixture
def mails():
    return ConnectorFactory(name="Mails", provider="mailchimp", operations=["subscribe"])


@pytest.fixture
def letters():
    return ConnectorFactory(name="Letters", provider="brevo", operations=["subscribe"])


def captured(*given):
    return lead_capture(client=ClientFactory(), data=LeadData(email="anna@example.com", consent=given)).lead


def told(type, vendor, **data):
    values = {"source": vendor.name, "connector": str(vendor.pk), "purpose": PURPOSE, **data}
    event = events.publish(type, "contact:1", values)
    events.WORK.run(str(event.pk))
    event = Event.objects.get(pk=event.pk)
    assert event.state == "done"
    return event


def states(lead):
    return [(row.connector.name, row.state) for row in deliveries_of(lead.pk)]


def in_force(lead):
    return consents.in_force([lead.pk])[lead.pk].get(PURPOSE)


def test_a_withdrawal_at_one_vendor_reaches_the_others(mails, letters):
    lead = captured(YES)
    Delivery.objects.update(state="delivered")

    event = told("contact.unsubscribed", mails, email="Anna@example.com")

    assert not in_force(lead).granted
    row = Consent.objects.latest("recorded_at")
    assert (row.source, row.wording) == ("vendor", "Yes, send me news.")
    assert ("Letters", "waiting") in states(lead)
    assert "anna" not in str(event.data).lower()


def test_whom_it_is_about_is_found_by_the_vendor_s_id(mails, letters):
    lead = captured(YES)
    Delivery.objects.filter(connector=mails).update(state="delivered", external_id="4711")
    told("contact.unsubscribed", mails, record_id="4711")
    assert not in_force(lead).granted
    assert ("Letters", "waiting") in states(lead)


def test_an_id_of_another_connector_is_somebody_else(mails, letters):
    lead = captured(YES)
    Delivery.objects.filter(connector=letters).update(state="delivered", external_id="4711")
    told("contact.unsubscribed", mails, record_id="4711")
    assert in_force(lead).granted


@pytest.mark.parametrize("data", [{"connector": "nonsense"}, {"connector": ""}, {"email": "x"}, {"record_id": ""}])
def test_what_names_nobody_changes_nothing(mails, data):
    lead = captured(YES)
    DeliveryFactory(connector=mails, subject_id=lead.pk, external_id="")
    told("contact.unsubscribed", mails, **data)
    assert in_force(lead).granted


def test_what_somebody_agreed_to_since_stays(mails):
    lead = captured(YES)
    before = (in_force(lead).at - timedelta(minutes=5)).isoformat()
    told("contact.unsubscribed", mails, email="anna@example.com", occurred_at=before)
    assert in_force(lead).granted
    assert Consent.objects.count() == 1


def test_events_out_of_order_end_with_the_newest_word(mails):
    lead = captured(YES)
    left_at = in_force(lead).at + timedelta(seconds=0)
    told("contact.unsubscribed", mails, email="anna@example.com", occurred_at=left_at.isoformat())
    told("contact.unsubscribed", mails, email="anna@example.com", occurred_at=left_at.isoformat())
    assert not in_force(lead).granted
    assert Consent.objects.count() == 2, "told again, it changes nothing"


def test_another_purpose_stays(mails):
    lead = captured(YES, ConsentGiven("phone", granted=True))
    told("contact.unsubscribed", mails, email="anna@example.com")
    assert not in_force(lead).granted
    assert consents.in_force([lead.pk])[lead.pk]["phone"].granted


class TestSubscribed:
    def asked(self, mails):
        lead = captured(UNSURE)
        Delivery.objects.filter(connector=mails).update(state="delivered")
        return lead

    def test_a_confirmation_by_mail_confirms_what_was_agreed_to_here(self, mails, letters):
        lead = self.asked(mails)
        assert not in_force(lead).is_confirmed
        told("contact.subscribed", mails, email="anna@example.com", confirmed="yes")
        assert in_force(lead).is_confirmed
        assert Consent.objects.latest("recorded_at").wording == "Yes, send me news."
        assert ("Letters", "waiting") in states(lead)

    def test_without_the_mail_it_confirms_nothing(self, mails):
        lead = self.asked(mails)
        told("contact.subscribed", mails, email="anna@example.com")
        assert not in_force(lead).is_confirmed

    def test_who_was_not_asked_there_has_confirmed_something_else(self, mails, letters):
        lead = captured(UNSURE)
        told("contact.subscribed", mails, email="anna@example.com", confirmed="yes")
        assert not in_force(lead).is_confirmed

    def test_nobody_is_subscribed_who_did_not_agree_here(self, mails):
        lead = captured()
        DeliveryFactory(connector=mails, subject_id=lead.pk, operation="subscribe", state="delivered")
        told("contact.subscribed", mails, email="anna@example.com", confirmed="yes")
        assert in_force(lead) is None

    def test_who_withdrew_stays_withdrawn(self, mails):
        lead = self.asked(mails)
        consents.consent_withdraw(lead=lead, purpose=PURPOSE, source="admin")
        told("contact.subscribed", mails, email="anna@example.com", confirmed="yes")
        assert not in_force(lead).granted

    def test_a_confirmation_from_before_the_question_is_none(self, mails):
        lead = self.asked(mails)
        before = (in_force(lead).at - timedelta(minutes=1)).isoformat()
        told("contact.subscribed", mails, email="anna@example.com", confirmed="yes", occurred_at=before)
        assert not in_force(lead).is_confirmed


def test_a_vendor_s_id_is_found_by_an_index(mails):
    found = Delivery.objects.known_as(mails.pk, "4711")
    if connection.vendor == "sqlite":
        assert "delivery_known_as" in found.explain()
    else:
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            cursor.execute("SET enable_bitmapscan = off")
        assert "delivery_known_as" in found.explain()
