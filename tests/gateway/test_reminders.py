"""People are told 14, 7 and 1 days before a key ends, once each, by real mail."""

from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from django.core import mail
from django.test import override_settings

from config.demo_environment import free_port
from config.env import SettingError
from config.env import mail as mail_settings
from gateway import reminders, services
from gateway.models import Key
from runtime import clock
from tests.factories import UserFactory

pytestmark = pytest.mark.db


@pytest.fixture(autouse=True)
def _mail_is_set_up():
    with override_settings(EMAIL_URL="smtp://mail.example", ALLOWED_HOSTS=["bots.example.com"], DEMO_MODE=False):
        yield


@pytest.fixture
def person(db):
    return UserFactory(email="admin@example.com")


def after(**span):
    clock.offset = timedelta(**span)
    return reminders.remind_of_ends()


def test_each_reminder_is_sent_once(key, person):
    sent = []
    for days in (1, 75, 76.1, 77, 83.1, 84, 89.1, 89.5, 91):
        after(days=days)
        sent.append(len(mail.outbox))
    assert sent == [0, 0, 1, 1, 2, 2, 3, 3, 3]


def test_a_reminder_that_was_missed_is_not_made_up_for(key, person):
    after(days=89.2)
    assert len(mail.outbox) == 1, "one mail, though three reminders were due by now"


def test_it_says_which_key_ends_when_and_where_to_press(key, bot, person):
    Key.objects.update(name="Production\nserver")
    after(days=84)
    [message] = mail.outbox
    assert message.bcc == ["admin@example.com"]
    assert message.subject == "ShopBotly: 1 key to replace, the first ends in 5 days"
    assert f"secret key “Production server” ({key[0]}) of Website bot" in message.body
    assert f"https://bots.example.com/admin/gateway/client/{bot.pk}/change/" in message.body
    assert key[1] not in message.body


def test_several_keys_are_one_mail(bot, person):
    for _ in range(3):
        services.key_create(client=bot, days=10)
    assert after() == "1 person reminded of 3 keys"
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("change", ["revoked", "client off"])
def test_what_does_not_work_any_more_is_not_mentioned(key, bot, person, change):
    if change == "revoked":
        services.key_revoke(key=key[0])
    else:
        bot.is_active = False
        bot.save()
    after(days=84)
    assert not mail.outbox


def test_a_replaced_key_is_mentioned_only_if_somebody_still_uses_it(key, person):
    services.key_rotate(key=key[0], overlap=timedelta(days=7))
    after(days=6.5)
    assert not mail.outbox
    Key.objects.filter(pk=key[0].pk).update(last_used_at=clock.db_now())
    after(days=6.6)
    assert len(mail.outbox) == 1


def test_only_who_may_change_keys_is_told(key, person):
    UserFactory(email="analyst@example.com", is_superuser=False)
    UserFactory(email="gone@example.com", is_active=False)
    after(days=84)
    assert mail.outbox[0].recipients() == ["admin@example.com"]


def test_a_mail_server_that_is_down_costs_no_reminder(key, person, monkeypatch):
    def fail(self, *args, **kwargs):
        raise ConnectionRefusedError

    with monkeypatch.context() as broken:
        broken.setattr(mail.EmailMessage, "send", fail)
        with pytest.raises(ConnectionRefusedError):
            after(days=84)
    after(days=84)
    assert len(mail.outbox) == 1


def test_without_a_mail_server_or_a_reader_nothing_is_counted_as_sent(key):
    with override_settings(EMAIL_URL=""):
        assert "EMAIL_URL" in after(days=84)
    assert "e-mail address" in after(days=84)
    UserFactory(email="admin@example.com")
    after(days=84)
    assert len(mail.outbox) == 1


def test_it_arrives_over_smtp(key, person):
    class Inbox(Message):
        arrived = []

        def handle_message(self, message):
            self.arrived.append(message)

    server = Controller(Inbox(), hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        with override_settings(**mail_settings(f"smtp://127.0.0.1:{server.port}")):
            after(days=84)
    finally:
        server.stop()
    [message] = Inbox.arrived
    assert message["X-RcptTo"] == "admin@example.com"
    assert "of Website bot: ends" in message.get_payload(decode=True).decode()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", (25, False, False)),
        ("smtp+starttls://u:p@mail.example", (587, True, False)),
        ("smtps://u:p%40ss@mail.example:2465", (2465, False, True)),
    ],
)
def test_a_mail_address_is_read(url, expected):
    found = mail_settings(url)
    assert (found["EMAIL_PORT"], found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == expected


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://", "smtp://mail.example:x"])
def test_what_is_no_mail_address_is_said(url):
    with pytest.raises(SettingError, match="EMAIL_URL"):
        mail_settings(url)
