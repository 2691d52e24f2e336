"""Who may mend it is told by mail when something needs them: once, and again after a day."""

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from django.core import mail
from django.test import override_settings

from config import alerts
from config.alerts import LEASE, alert
from config.env import mail as mail_settings
from integrations.models import ConnectorState
from integrations.providers.base import Check
from integrations.services import NEEDS_REAUTH, connector_pause, connector_resume, credential_save
from integrations.signing_in import spare_save, spare_swap
from runtime import periodic
from runtime.clock import db_now
from tests.factories import ConnectorFactory, DeliveryFactory, UserFactory
from tests.ports import free_port

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


def stops_again(crm):
    connector_resume(connector=crm)
    alert()
    connector_pause(connector=crm, reason=NEEDS_REAUTH)
    alert()


def test_a_connector_that_stops_over_and_over_is_told_of_once_a_day(crm, later):
    connector_pause(connector=crm, reason=NEEDS_REAUTH)
    alert()
    for _ in range(5):
        later(hours=1)
        stops_again(crm)
    assert len(mail.outbox) == 1
    later(hours=20)
    stops_again(crm)

    assert len(mail.outbox) == 2


def test_leads_that_are_sent_again_and_refused_again_are_told_of_once_a_day(crm, later):
    delivery = refused(crm)
    for state in ("needs_you", "delivered", "needs_you", "delivered", "needs_you"):
        type(delivery).objects.update(state=state)
        alert()
        later(hours=1)
    assert len(mail.outbox) == 1
    DeliveryFactory(connector=crm, state="needs_you", reason="invalid_email")
    alert()

    assert len(mail.outbox) == 2


def key_entered(credential):
    told = {"name": credential.name, "provider": "hubspot", "host": "127.0.0.1"}
    credential_save(**told, secrets={"api_key": "another"}, credential=credential)


def key_swapped(credential):
    spare_save(credential=credential, values={"api_key": "another"})
    assert spare_swap(credential=credential).ok


@pytest.mark.parametrize("reauthorise", [key_entered, key_swapped])
def test_a_key_that_was_just_entered_and_is_refused_too_is_told_of_at_once(crm, later, monkeypatch, reauthorise):
    monkeypatch.setattr("integrations.signing_in.spare_test", lambda **_: Check(ok=True, words=""))
    connector_pause(connector=crm, reason=NEEDS_REAUTH)
    alert()
    later(minutes=5)
    reauthorise(crm.credential)
    stops_again(crm)

    assert len(mail.outbox) == 2


def test_a_claim_that_ran_out_is_not_taken_from_whoever_has_it_now(crm, later, monkeypatch):
    def slowly(*args):
        later(minutes=3)
        ConnectorState.objects.update(alerting_until=db_now() + LEASE)

    connector_pause(connector=crm, reason=NEEDS_REAUTH)
    monkeypatch.setattr(alerts, "_send", slowly)
    alert()
    assert ConnectorState.objects.get().alerting_until is not None


class Killed(BaseException):
    """Ends a worker where it stands: nothing that it would have cleaned up is."""


def killed(self):
    raise Killed


def test_a_worker_that_is_killed_while_sending_costs_minutes_and_no_alert(crm, later, monkeypatch):
    refused(crm)
    with monkeypatch.context() as patched:
        patched.setattr(mail.EmailMessage, "send", killed)
        with pytest.raises(Killed):
            alert()
    alert()
    assert not mail.outbox, "while it may still be at it, nobody else sends the same"
    later(minutes=3)
    alert()
    alert()

    assert len(mail.outbox) == 1


def test_the_work_of_telling_is_taken_up_again_as_soon():
    assert periodic._chores["tell what needs somebody"].lease_seconds <= LEASE.total_seconds()


def test_what_another_worker_has_told_in_the_meantime_is_not_told_again(crm, monkeypatch):
    refused(crm)
    claim = alerts._claim

    def other_goes_first(state, until):
        monkeypatch.setattr(alerts, "_claim", claim)
        alert()
        return claim(state, until)

    monkeypatch.setattr(alerts, "_claim", other_goes_first)

    assert alert() == "Nothing new needs anybody."
    assert len(mail.outbox) == 1


def test_changes_are_not_called_leads(crm):
    DeliveryFactory(connector=crm, state="needs_you", reason="refused", operation="call", subject_kind="confirmation")
    alert()

    assert "- 1 change: " in mail.outbox[0].body
    assert "lead" not in mail.outbox[0].body


def test_it_arrives_over_smtp(crm):
    class Inbox(Message):
        arrived = []

        def handle_message(self, message):
            self.arrived.append(message)

    refused(crm)
    server = Controller(Inbox(), hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        with override_settings(**mail_settings(f"smtp://127.0.0.1:{server.port}")):
            alert()
    finally:
        server.stop()
    [message] = Inbox.arrived
    assert message["X-RcptTo"] == "admin@example.com"
    assert "- 1 lead: " in message.get_payload(decode=True).decode()


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
