"""Mailchimp's webhooks: which word of theirs is which of ours."""

from dataclasses import replace

import pytest

from integrations.providers.base import Contact
from integrations.providers.errors import Refused
from integrations.providers.mailchimp.events import parse
from integrations.providers.mailchimp.members import member_hash
from tests.integrations.providers.captured import answer
from tests.integrations.providers.mailchimp.signing import received
from tests.integrations.providers.signing import SECRET, captured
from tests.integrations.providers.vendors import Vendor

LIST = "3f2a91bc07"
MESSAGES = {event: received(body, SECRET, event) for event, body in captured("mailchimp")}


@pytest.mark.parametrize(
    ("event", "type", "email"),
    [
        ("unsubscribe", "contact.unsubscribed", "anna@example.com"),
        ("subscribe", "contact.subscribed", "anna@example.com"),
        ("cleaned", "contact.unsubscribed", "ben@example.com"),
        ("profile", "contact.changed", "anna@example.com"),
        ("upemail", "contact.changed", "anna.berg@example.com"),
    ],
)
def test_each_event_is_told_in_our_words(event, type, email):
    [told] = parse(MESSAGES[event], LIST)
    assert (told.type, told.data["email"]) == (type, email)
    assert told.occurred_at is None


@pytest.mark.parametrize(
    ("event", "email"),
    [("unsubscribe", "anna@example.com"), ("cleaned", "ben@example.com"), ("upemail", "anna@example.com")],
)
def test_somebody_is_told_by_the_id_their_deliveries_were_given(event, email):
    [told] = parse(MESSAGES[event], LIST)
    vendor = Vendor("mailchimp", answer("mailchimp", "member__subscribed"), config={"list_id": LIST})
    [outcome] = vendor.provider.upsert([Contact("id", {"email": email}, {})])
    ids = {"anna@example.com": outcome.external_id, "ben@example.com": member_hash("ben@example.com")}
    assert told.data["record_id"] == ids[email]
    assert told.subject == f"contact:{ids[email]}"


def changed(event, before, after):
    message = MESSAGES[event]
    return replace(message, body=message.body.replace(before.encode(), after.encode()))


def test_an_event_is_told_apart_by_type_address_and_time():
    def id(message):
        return parse(message, LIST)[0].dedupe_id

    first = id(MESSAGES["unsubscribe"])
    assert id(changed("unsubscribe", "manual", "abuse")) == first
    assert id(changed("unsubscribe", "Anna%40", "Ben%40")) != first
    assert id(changed("unsubscribe", "58&", "59&")) != first


def test_who_was_deleted_or_bounced_has_not_withdrawn():
    assert parse(changed("unsubscribe", "=unsub&", "=delete&"), LIST)[0].type == "contact.deleted"
    assert parse(changed("cleaned", "abuse", "hard"), LIST)[0].type == "contact.changed"


def test_only_who_confirmed_by_themselves_has_confirmed():
    assert parse(MESSAGES["subscribe"], LIST)[0].data["confirmed"] == "yes"
    by_an_admin = changed("subscribe", "data%5Bip_opt%5D=203.0.113.7", "data%5Bip_opt%5D=")
    assert "confirmed" not in parse(by_an_admin, LIST)[0].data


def test_another_audience_is_not_this_connector_s():
    assert parse(MESSAGES["unsubscribe"], "another") == []


@pytest.mark.parametrize("body", [b"", b"\xff=1", b"a=1", b"&".join(b"a%d=1" % n for n in range(600))])
def test_what_is_no_such_form_is_refused(body):
    with pytest.raises(Refused):
        parse(replace(MESSAGES["profile"], body=body), LIST)
