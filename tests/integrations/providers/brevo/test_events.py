"""Brevo's webhooks: three ways to prove them, and what they tell."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from integrations.providers.brevo.events import given_secret, parse
from integrations.providers.errors import Refused
from tests.integrations.providers.brevo.signing import received
from tests.integrations.providers.signing import SECRET, captured

MESSAGES = {event: received(body, SECRET, event) for event, body in captured("brevo")}
CHANGED, BLOCKLISTED = [
    received(body, SECRET, event) for event, body in captured("brevo") if event == "contact_updated"
]
ANY = MESSAGES["unsubscribe"]


@pytest.mark.parametrize(
    ("headers", "given"),
    [
        ({"Authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer abc"}, "abc"),
        ({"Authorization": "Basic " + base64.b64encode(b"who:a:bc").decode()}, "a:bc"),
        ({"X-Webhook-Secret": "abc"}, "abc"),
        ({"Authorization": "Basic not base64"}, ""),
        ({"Authorization": "Basic /w=="}, ""),
        ({"Authorization": "Digest abc"}, ""),
        ({}, ""),
    ],
)
def test_the_secret_comes_as_a_token_a_password_or_a_header(headers, given):
    assert given_secret(replace(ANY, headers=headers)) == given


def test_it_tells_who_has_left_and_when():
    [left] = parse(ANY)
    assert (left.type, left.data) == ("contact.unsubscribed", {"email": "anna@example.com"})
    assert left.occurred_at == datetime.fromtimestamp(1795429740, UTC)
    assert "anna" not in left.subject


def test_an_event_may_be_about_several_people():
    told = parse(MESSAGES["contact_deleted"])
    assert [event.data["email"] for event in told] == ["ben@example.com", "carla@example.com"]
    assert {event.type for event in told} == {"contact.deleted"}


def test_who_was_changed_stands_one_level_down():
    [changed] = parse(CHANGED)
    assert (changed.type, changed.data) == ("contact.changed", {"email": "anna@example.com"})
    assert changed.occurred_at == datetime(2026, 11, 23, 8, 32, 10, 555_000, UTC)


def test_who_is_put_on_the_blocklist_is_changed_and_has_not_left():
    [changed] = parse(BLOCKLISTED)
    assert (changed.type, changed.data) == ("contact.changed", {"email": "anna@example.com"})
    # In which zone it was isn't said.
    assert changed.occurred_at is None


def test_who_was_deleted_has_not_left():
    deleted = BLOCKLISTED.body.replace(b"contact_updated", b"contact_deleted")
    assert [event.type for event in parse(replace(BLOCKLISTED, body=deleted))] == ["contact.deleted"]


@pytest.mark.parametrize("event", ["unsubscribe", "unsubscribed", "spam"])
def test_who_leaves_or_complains_has_left(event):
    body = json.dumps({"event": event, "email": "anna@example.com", "ts_event": 1795429740}).encode()
    assert [told.type for told in parse(replace(ANY, body=body))] == ["contact.unsubscribed"]


def test_a_batch_holds_several_events_of_which_some_are_not_followed():
    told = parse(MESSAGES["batch"])
    assert [event.type for event in told] == ["contact.unsubscribed", "contact.subscribed"]
    assert all("confirmed" not in event.data for event in told), "anybody may have put them on the list"


def test_more_than_a_thousand_are_refused():
    with pytest.raises(Refused):
        parse(replace(ANY, body=json.dumps([{}] * 1001).encode()))
