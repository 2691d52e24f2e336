"""Salesforce's outbound messages: whose they are, and what XML is not read."""

from dataclasses import replace

import pytest
from defusedxml.ElementTree import fromstring

from integrations.providers.errors import BadSignature, Refused
from integrations.providers.salesforce.events import ACK, parse, verify
from tests.integrations.providers.salesforce.signing import received
from tests.integrations.providers.signing import SECRET, captured

ORGANISATION = "00D5g000004K3vq"
[(NAME, BODY)] = captured("salesforce")
MESSAGE = received(BODY, SECRET, NAME)


def test_it_tells_of_leads_and_contacts_alone():
    assert [(event.type, event.subject, event.data.get("email")) for event in parse(MESSAGE)] == [
        ("contact.unsubscribed", "contact:00Q5g00000BBBbBEAX", "anna@example.com"),
        ("contact.changed", "contact:00Q5g00000BBBcBEAX", "ben@example.com"),
        ("contact.deleted", "contact:0035g00000BBBdBEAX", None),
    ]


def test_a_notification_that_comes_twice_in_a_message_is_told_once():
    again = BODY.replace(b"04l5g00000AAAbAAAX", b"04l5g00000AAAaAAAX")
    assert len(parse(replace(MESSAGE, body=again))) == 2


@pytest.mark.parametrize("organisation", [ORGANISATION, ORGANISATION + "EAC"])
def test_the_organisation_is_known_in_either_length(organisation):
    verify(MESSAGE, [SECRET], organisation)


@pytest.mark.parametrize(("organisation", "code"), [("", "no_organisation"), ("00D5g000004K3vR", "foreign_account")])
def test_another_organisation_is_refused(organisation, code):
    with pytest.raises(BadSignature) as caught:
        verify(MESSAGE, [SECRET], organisation)
    assert caught.value.code == code


def test_the_address_is_looked_at_before_the_message():
    with pytest.raises(BadSignature) as caught:
        verify(replace(MESSAGE, url=MESSAGE.url + "x"), [SECRET], "")
    assert caught.value.code == "bad_signature"


DECLARED = BODY.replace(b"<soapenv:Envelope", b"<!DOCTYPE x [<!ENTITY a 'b'>]><soapenv:Envelope", 1)
BOMB = (
    b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>"
    + b"".join(b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 9))
    + b"]><x>&a8;</x>"
)
OUTSIDE = b"<?xml version='1.0'?><!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>"


@pytest.mark.parametrize(
    "body", [DECLARED, BOMB, OUTSIDE, b"", b"<x/>", BODY[:-20], BODY + b" " * 1_000_001, BODY.replace(b"2005/09", b"x")]
)
def test_what_is_declared_cut_too_large_or_something_else_is_not_read(body):
    with pytest.raises(Refused):
        parse(replace(MESSAGE, body=body))


def test_the_answer_is_the_one_salesforce_waits_for():
    found = fromstring(ACK.body)
    assert found.find(".//{http://soap.sforce.com/2005/09/outbound}Ack").text == "true"
    assert ACK.content_type.startswith("text/xml")
