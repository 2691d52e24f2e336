"""HubSpot against the sandbox, over real HTTP."""

import pytest

from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.providers import errors
from integrations.providers.base import Contact
from tests.factories import ConnectorFactory

pytestmark = pytest.mark.django_db


def contact(email, **fields):
    return Contact(f"id-{email}", {"email": email}, fields)


@pytest.fixture
def connector(sandbox):
    return ConnectorFactory(base_url=sandbox.hubspot_url)


@pytest.fixture
def hubspot(connector):
    return open_provider(connector, CallLog(connector))


def test_contacts_arrive_and_are_updated_not_doubled(sandbox, hubspot):
    [first] = hubspot.upsert([contact("anna@example.com", firstname="Anna")])
    [second] = hubspot.upsert([contact("anna@example.com", firstname="Anne")])
    [row] = sandbox.contacts()
    assert first.external_id == second.external_id == row["id"]
    assert row["properties"]["firstname"] == "Anne"


def test_one_bad_contact_does_not_stop_the_others(sandbox, hubspot):
    good, bad, unknown = hubspot.upsert(
        [contact("anna@example.com"), contact("no address"), contact("ben@example.com", nosuch="x")]
    )
    assert good.kind == "delivered"
    assert (bad.kind, bad.reason, bad.field) == ("rejected", "invalid_email", "email")
    assert (unknown.kind, unknown.reason, unknown.field) == ("rejected", "unknown_field", "nosuch")
    assert len(sandbox.contacts()) == 1


def test_a_full_batch_is_one_request(sandbox, hubspot):
    outcomes = hubspot.upsert([contact(f"lead{n}@example.com") for n in range(100)])
    assert {outcome.kind for outcome in outcomes} == {"delivered"}
    assert len({outcome.external_id for outcome in outcomes}) == 100


@pytest.mark.parametrize(
    ("dial", "error", "code"),
    [
        ({"status": 503, "retry_after": "7"}, errors.RetryLater, "retry_later"),
        ({"rate_limit": {"requests": 0, "window_ms": 10_000}}, errors.RetryLater, "rate_limited"),
        ({"status": 401}, errors.NotAuthorised, "not_authorised"),
        ({"reset": "before"}, errors.OutcomeUnknown, "no_answer"),
        ({"garbage": True}, errors.RetryLater, "garbled_reply"),
        ({"huge": 5_000_000}, errors.OutcomeUnknown, "reply_too_long"),
        ({"batch_conflict": True}, errors.Refused, "batch_conflict"),
    ],
)
def test_faults_are_named_by_what_to_do_next(sandbox, hubspot, dial, error, code):
    sandbox.fault(vendor="hubspot", **dial)
    with pytest.raises(error) as caught:
        hubspot.upsert([contact("anna@example.com"), contact("ben@example.com")])
    assert type(caught.value) is error
    assert caught.value.code == code


def test_an_effect_without_an_answer_is_unknown(sandbox, hubspot):
    sandbox.fault(vendor="hubspot", reset="after", count=1)
    with pytest.raises(errors.OutcomeUnknown):
        hubspot.upsert([contact("anna@example.com")])
    assert len(sandbox.contacts()) == 1


def test_who_changed_their_address_there_is_erased_all_the_same(sandbox, hubspot):
    [written] = hubspot.upsert([contact("now@example.com")])
    hubspot.erase(Contact("id-1", {"email": "before@example.com"}, external_id=written.external_id))
    assert sandbox.contacts() == []


def test_a_connection_test_names_the_account(hubspot):
    assert "139876543" in hubspot.check().words
