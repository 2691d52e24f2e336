"""Klaviyo's webhooks: what is signed, and who has left."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from integrations.providers.errors import BadSignature, Refused
from integrations.providers.klaviyo.events import parse, verify
from tests.integrations.providers.klaviyo.signing import received
from tests.integrations.providers.signing import NOW, SECRET, captured

BODIES = dict(captured("klaviyo"))
BODY = BODIES["consents"]
MESSAGE = received(BODY, SECRET, "consents")
UNDATED = json.dumps({"data": json.loads(BODY)["data"]}).encode()


def stamped(stamp, body=UNDATED):
    mac = hmac.new(SECRET.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
    return replace(MESSAGE, body=body, headers={"klaviyo-signature": mac, "klaviyo-timestamp": stamp})


def test_body_and_time_are_signed():
    verify(MESSAGE, [SECRET])
    later = {**MESSAGE.headers, "Klaviyo-Timestamp": str(int(NOW.timestamp()) + 1)}
    for other in (replace(MESSAGE, body=BODY + b" "), replace(MESSAGE, headers=later)):
        with pytest.raises(BadSignature):
            verify(other, [SECRET])


@pytest.mark.parametrize(
    "stamp", [str(int(NOW.timestamp())), NOW.isoformat(), "2026-11-23T09:30:00Z", "Mon, 23 Nov 2026 09:30:00 GMT"]
)
def test_a_time_is_read_in_any_usual_form(stamp):
    verify(stamped(stamp), [SECRET])
    with pytest.raises(BadSignature) as caught:
        verify(replace(stamped(stamp), now=NOW + timedelta(seconds=302)), [SECRET])
    assert caught.value.code == "too_old"


def test_the_header_s_clock_may_be_hours_off():
    # As seen: five hours ahead, the zone of its server called GMT.
    message = stamped("Mon, 23 Nov 2026 14:29:36 GMT", BODIES["unsubscribed"])
    verify(message, [SECRET])
    with pytest.raises(BadSignature) as caught:
        verify(replace(message, now=NOW + timedelta(hours=5)), [SECRET])
    assert caught.value.code == "too_old"


def test_whom_it_is_about_is_told_without_their_profile():
    [told] = parse(received(BODIES["unsubscribed"], SECRET, "unsubscribed"))
    assert (told.type, dict(told.data)) == (
        "contact.unsubscribed",
        {"record_id": "01JD9Q7T5M0ZK4X8V2B6N3C1AP", "email": "anna@example.com"},
    )
    assert told.occurred_at == NOW - timedelta(minutes=33, seconds=14)


@pytest.mark.parametrize("stamp", ["", "today", "9" * 40, "-1", "2026-11-23"])
def test_without_a_time_it_is_refused(stamp):
    with pytest.raises(BadSignature):
        verify(stamped(stamp), [SECRET])


def test_it_tells_who_came_and_left_oldest_first():
    told = parse(MESSAGE)
    assert [(event.type, event.subject, event.data.get("email")) for event in told] == [
        ("contact.subscribed", "contact:01GDDKASAP8TKDDA2GRZDSVP4J", None),
        ("contact.unsubscribed", "contact:01GDDKASAP8TKDDA2GRZDSVP4H", "anna@example.com"),
    ]
    assert told[1].data["record_id"] == "01GDDKASAP8TKDDA2GRZDSVP4H"


def test_leaving_a_text_message_list_is_no_matter_of_mails():
    body = BODY.replace(b"unsubscribed_from_email_marketing", b"unsubscribed_from_sms_marketing")
    assert [event.type for event in parse(replace(MESSAGE, body=body))] == ["contact.subscribed"]


def test_more_than_a_thousand_are_refused():
    with pytest.raises(Refused):
        parse(replace(MESSAGE, body=json.dumps({"data": [{}] * 1001}).encode()))
