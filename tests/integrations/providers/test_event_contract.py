"""What every provider keeps to that tells what happened, or does what was defined."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from integrations.providers.base import EVENT_TYPES, ChangeSource, EventSource, Operations
from integrations.providers.errors import BadSignature, Refused, Unsupported
from integrations.providers.registry import PROVIDERS, provider_class
from tests.integrations.providers.signing import SECRET, captured, messages, proved_by, signs
from tests.integrations.providers.test_contract import vendor_of
from tests.integrations.providers.vendors import says
from webhooks.reading import CANONICAL


def able(capability):
    return pytest.mark.parametrize(
        "key", [key for key in sorted(PROVIDERS) if issubclass(provider_class(key), capability)]
    )


telling = able(EventSource)
HOSTILE = [
    b"",
    b"null",
    b"5",
    b'"text"',
    b"[]",
    b"{}",
    b"[null, 5, [], {}]",
    b'{"id": {"id": []}}',
    b'{"x',
    b"\xff\xfe",
    b"[" * 100_000,
    b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e 'a'>]><x>&e;</x>",
    b"a=1&b=2",
]


def source(key):
    return vendor_of(key, says(500)).provider


@telling
def test_a_message_that_is_signed_is_taken_under_either_secret(key):
    for message in messages(key):
        source(key).verify(message, [SECRET])
        source(key).verify(message, ["the one before", SECRET])


@telling
@pytest.mark.parametrize("secrets", [[], [""], ["  ", ""], ["another"]])
def test_a_message_is_refused_where_no_secret_fits(key, secrets):
    for message in messages(key):
        with pytest.raises(BadSignature):
            source(key).verify(message, secrets)


@telling
def test_a_message_without_its_proof_is_refused(key):
    for message in messages(key):
        with pytest.raises(BadSignature):
            source(key).verify(proved_by(message, None), [SECRET])


@telling
@pytest.mark.parametrize("value", ["", "x", "ä", "\udcff", "=", "0" * 100_000])
def test_a_message_with_nonsense_for_its_proof_is_refused(key, value):
    for message in messages(key):
        with pytest.raises(BadSignature):
            source(key).verify(proved_by(message, value), [SECRET])


@telling
@pytest.mark.parametrize("body", HOSTILE)
def test_a_signed_body_that_makes_no_sense_is_refused_or_tells_nothing(key, body):
    for event, _ in captured(key):
        message = signs(key)(body, SECRET, event)
        source(key).verify(message, [SECRET])
        try:
            told = source(key).parse(message)
        except Refused as refused:
            assert refused.code == "unreadable"
        else:
            assert told == []


@telling
def test_what_is_told_is_in_our_words_and_the_same_each_time(key):
    ids = []
    for message in messages(key):
        told = source(key).parse(message)
        again = source(key).parse(replace(message, now=message.now + timedelta(hours=1)))
        assert [event.dedupe_id for event in told] == [event.dedupe_id for event in again]
        ids += [event.dedupe_id for event in told]
        for event in told:
            assert event.type in EVENT_TYPES
            assert 0 < len(event.dedupe_id) <= 128
            assert "@" not in event.subject + event.dedupe_id
            assert event.subject.partition(":")[0] in {"order", "stock", "product", "contact"}
            assert all(type(value) is str and value for value in event.data.values())
            assert "email" not in event.data or event.type.startswith("contact.")
            assert event.occurred_at is None or (isinstance(event.occurred_at, datetime) and event.occurred_at.tzinfo)
            json.dumps(dict(event.data))
    assert ids
    assert len(ids) == len(set(ids))


@telling
def test_no_message_is_taken_for_one_that_only_looks(key):
    for message in messages(key):
        assert not source(key).is_probe(message)


@telling
def test_an_answer_to_a_message_is_a_success(key):
    assert 200 <= source(key).acknowledgement.status < 300


@telling
def test_a_person_is_told_what_to_do_there(key):
    assert source(key).event_steps
    assert bool(source(key).proof_words) == (source(key).proof != "address")


@able(ChangeSource)
def test_it_is_not_asked_more_often_than_every_ten_seconds(key):
    assert source(key).poll_seconds >= 10


@able(Operations)
def test_an_operation_that_is_not_defined_is_not_sent(key):
    vendor = vendor_of(key, says(200, {}))
    with pytest.raises(Unsupported):
        vendor.provider.call("no such", {}, "key-1")
    assert vendor.requests == []


@able(Operations)
def test_arguments_that_do_not_fit_are_not_sent(key):
    vendor = vendor_of(key, says(200, {}))
    for operation in vendor.provider.operations():
        key_of_try = "" if operation.is_read_only else "key-1"
        with pytest.raises(Refused):
            vendor.provider.call(operation.name, {"no such argument": 1}, key_of_try)
    assert vendor.requests == []


def test_what_generic_sources_may_tell_are_events_of_ours():
    assert CANONICAL <= EVENT_TYPES
