"""HubSpot's webhooks: what is signed, how old it may be, what it tells."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.providers.base import Received
from integrations.providers.errors import BadSignature, Refused
from integrations.providers.hubspot.events import parse, verify
from tests.integrations.providers.hubspot.signing import received
from tests.integrations.providers.signing import SECRET, captured

BODIES = dict(captured("hubspot"))
BODY = BODIES["contacts"]
MESSAGE = received(BODY, SECRET, "contacts")


def test_every_part_is_signed():
    verify(MESSAGE, [SECRET])
    later = {**MESSAGE.headers, "X-HubSpot-Request-Timestamp": str(int(MESSAGE.now.timestamp() * 1000) + 1)}
    for other in (
        replace(MESSAGE, method="PUT"),
        replace(MESSAGE, url=MESSAGE.url.replace("x=1", "x=2")),
        replace(MESSAGE, body=BODY + b" "),
        replace(MESSAGE, headers=later),
    ):
        with pytest.raises(BadSignature):
            verify(other, [SECRET])


def test_a_message_that_hubspot_itself_has_signed_is_taken():
    # Its published example: address, secret and signature are HubSpot's.
    stamp = 1752613922216
    message = Received(
        "POST",
        "https://webhook.site/335453f5-94b3-49d9-b684-a55354d4b8df",
        {
            "X-HubSpot-Request-Timestamp": str(stamp),
            "X-HubSpot-Signature-v3": "gbj1XPRvUt0noT7i7fXfTzOD4sLzQmf0VT28ZYq0EYg=",
        },
        BODIES["contact"],
        datetime.fromtimestamp(stamp / 1000, UTC),
    )
    verify(message, ["cfc68c0b-4b4e-4ef8-b764-95350e4ea479"])
    with pytest.raises(BadSignature):
        verify(message, [SECRET])
    [told] = parse(message)
    assert (told.type, told.subject) == ("contact.changed", "contact:138017612137")


def test_what_is_older_than_five_minutes_is_refused():
    verify(replace(MESSAGE, now=MESSAGE.now + timedelta(seconds=299)), [SECRET])
    with pytest.raises(BadSignature) as caught:
        verify(replace(MESSAGE, now=MESSAGE.now + timedelta(seconds=301)), [SECRET])
    assert caught.value.code == "too_old"


def test_it_tells_of_contacts_oldest_first_and_each_once():
    told = parse(MESSAGE)
    assert [(event.type, event.subject, event.dedupe_id) for event in told] == [
        ("contact.changed", "contact:1246965", "3816279340-25"),
        ("contact.changed", "contact:1246978", "3816279480-22"),
        ("contact.deleted", "contact:1246965", "3816279999-26"),
    ]
    assert len(parse(replace(MESSAGE, body=json.dumps(json.loads(BODY) * 2).encode()))) == 3


def test_more_than_a_hundred_events_are_refused():
    with pytest.raises(Refused):
        parse(replace(MESSAGE, body=json.dumps([{}] * 101).encode()))


@pytest.mark.parametrize(
    ("name", "value", "type"),
    [
        ("hs_email_optout", "true", "contact.unsubscribed"),
        ("hs_email_optout", True, "contact.unsubscribed"),
        ("hs_email_optout", "false", "contact.changed"),
        ("city", "true", "contact.changed"),
    ],
)
def test_who_opted_out_of_mails_has_unsubscribed(name, value, type):
    item = {**json.loads(BODY)[0], "propertyName": name, "propertyValue": value}
    assert [event.type for event in parse(replace(MESSAGE, body=json.dumps([item]).encode()))] == [type]
