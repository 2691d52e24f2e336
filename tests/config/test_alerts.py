"""Who may mend it is told by mail when something needs them: once, and again after a day."""

import pytest
from django.core import mail
from django.test import override_settings

from config.alerts import alert
from integrations.models import ConnectorState
from integrations.services import NEEDS_REAUTH, connector_pause, connector_resume
from tests.factories import ConnectorFactory, DeliveryFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]


@pytest.fixture(autouse=True)
def _mail_is_set_up():
    with override_settings(EMAIL_URL="smtp://mail.example", ALLOWED_HOSTS=["bots.example.com"], DEMO_MODE=False):
        yield


@pytest.fixture
def crm(db):
    UserFactory(email="admin@example.com")
    connector = ConnectorFactory(name="CRM")
    ConnectorState.objects.create(connector=connector)
    return connector


def refused(connector):
    return DeliveryFactory(connector=connector, state="needs_you", reason="unknown_field", field="utm_src")


def test_a_connector_that_stopped_is_told_of_once(crm):
    DeliveryFactory.create_batch(3, connector=crm)
    connector_pause(connector=crm, reason=NEEDS_REAUTH)

    assert [alert(), alert()] == ["1 person told of 1 connector", "Nothing new needs anybody."]

    [message] = mail.outbox
    assert message.subject == "ShopBotly: CRM needs you"
    assert message.bcc == ["admin@example.com"]
    assert "Enter a new key and resume it. 3 deliveries wait until then." in message.body
    assert f"https://bots.example.com/admin/integrations/connector/{crm.pk}/change/" in message.body


def test_leads_that_need_somebody_are_told_of_by_cause_and_again_after_a_day(crm, later):
    refused(crm)
    refused(crm)
    alert()
    later(hours=23)
    alert()
    assert len(mail.outbox) == 1
    later(hours=25)
    alert()

    assert len(mail.outbox) == 2
    assert "- 2 leads: " in mail.outbox[0].body
    assert "utm_src" in mail.outbox[0].body


def test_a_connector_that_stops_is_not_waited_with_because_its_leads_were_told_of(crm, later):
    refused(crm)
    alert()
    later(minutes=5)
    connector_pause(connector=crm, reason=NEEDS_REAUTH)
    alert()
    alert()

    assert len(mail.outbox) == 2


def test_what_was_mended_and_breaks_again_is_told_at_once(crm, later):
    connector_pause(connector=crm, reason=NEEDS_REAUTH)
    alert()
    connector_resume(connector=crm)
    alert()
    later(minutes=5)
    connector_pause(connector=crm, reason=NEEDS_REAUTH)
    alert()

    assert len(mail.outbox) == 2


def test_what_somebody_paused_or_switched_off_is_no_alert(crm):
    connector_pause(connector=crm)
    off = ConnectorFactory(name="Old CRM", is_active=False)
    ConnectorState.objects.create(connector=off)
    refused(off)

    assert alert() == "Nothing new needs anybody."


def test_a_mail_server_that_is_down_costs_no_alert(crm, monkeypatch):
    refused(crm)
    with monkeypatch.context() as patched:
        patched.setattr(mail.EmailMessage, "send", _fail)
        with pytest.raises(OSError, match="down"):
            alert()
    alert()

    assert len(mail.outbox) == 1


def _fail(self):
    raise OSError("down")


def test_a_name_with_line_breaks_makes_no_header_and_no_line_of_its_own(crm):
    crm.name = "CRM\nBcc: everybody@example.com"
    crm.save()
    refused(crm)
    alert()

    assert mail.outbox[0].subject == "ShopBotly: CRM Bcc: everybody@example.com needs you"
    assert "\nBcc" not in mail.outbox[0].body


def test_without_somebody_to_tell_it_says_so(db):
    assert alert() == "Nobody who may change connectors has an e-mail address."
    with override_settings(EMAIL_URL=""):
        assert "No mail is set up" in alert()
