"""A JSON API nobody knew before, over real HTTP: leads written, facts looked up, by what was defined alone."""

import pytest

from integrations import lookups
from integrations.calls import CallLog
from integrations.connections import open_provider
from integrations.drain import drain
from integrations.models import Call, ConnectorState, Delivery
from integrations.providers import errors
from integrations.providers.base import Contact
from leads.capture import lead_capture
from leads.services import LeadData
from tests.factories import ClientFactory
from tests.integrations.providers.rest.definitions import CUSTOMER, ERASE, LEAD, ORDER, READ, STOCK, WRITE, config
from tests.integrations.providers.sandboxed import Faults, connector_to, provider_of
from tests.integrations.providers.vendors import Vendor, says
from tests.sandbox import REST_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector(sandbox):
    row = connector_to(sandbox, "rest", REST_KEY, config())
    row.operations = ["upsert"]
    row.save()
    return row


@pytest.fixture
def rest(connector):
    return provider_of(connector)


def contact(key="k1", **values):
    fields = {"email": "anna@example.com", "name.first": "Anna"}
    return Contact("1", {"email": "anna@example.com", **values}, fields, idempotency_key=key)


def test_a_lead_is_written_and_written_over_by_its_id(sandbox, rest):
    [first] = rest.upsert([contact()])
    changed = Contact("1", {"email": "anna@example.com"}, {"email": "anna@example.com"}, external_id=first.external_id)
    [second] = rest.upsert([changed])
    assert second.external_id == first.external_id
    assert sandbox.rows("rest", "contacts") == [{"id": first.external_id, "email": "anna@example.com"}]


def test_a_lead_that_was_deleted_there_is_written_anew(sandbox, rest):
    gone = Contact("1", {"email": "anna@example.com"}, {"email": "anna@example.com"}, external_id="c99")
    [outcome] = rest.upsert([gone])
    assert outcome.kind == "delivered"
    assert outcome.external_id == sandbox.rows("rest", "contacts")[0]["id"]


def test_the_same_key_writes_once(sandbox, rest):
    assert rest.upsert([contact()]) == rest.upsert([contact()])
    assert len(sandbox.rows("rest", "contacts")) == 1


def test_a_success_that_failed_inside_is_refused(sandbox, rest):
    sandbox.fault(vendor="rest", partial={"emails": ["anna@example.com"]})
    with pytest.raises(errors.Refused) as caught:
        rest.upsert([contact()])
    assert caught.value.code == "failed_inside"


def test_a_refusal_says_the_code_alone(rest):
    with pytest.raises(errors.Refused) as caught:
        rest.upsert([Contact("1", {}, {"email": "Anna Berg"})])
    assert (caught.value.status, caught.value.words) == (422, "invalid_email")


def test_a_person_is_forgotten(sandbox, rest):
    [written] = rest.upsert([contact()])
    known = Contact("1", {}, external_id=written.external_id)
    assert rest.erase(known).kind == rest.erase(known).kind == "delivered"
    assert sandbox.rows("rest", "contacts") == []
    assert rest.erase(contact()).reason == "no_identifier"


def test_facts_are_read(rest):
    assert (rest.stock("LAMP-01").available, rest.stock("MUG/RED").available) == (12, 0)
    assert rest.stock("NO-SUCH") is None
    assert rest.order("R-1001").status == "shipped"
    assert rest.customer("nobody@example.com") is None
    assert rest.call("opening_hours", {"town": "Berlin"}, "") == {"street": "Lampenweg 1", "hours": "Mo-Sa 10:00-19:00"}
    assert rest.call("opening_hours", {"town": "Nowhere"}, "") is None


def test_a_change_happens_once_under_its_key(sandbox, rest):
    told = {"order_number": "R-1001", "reason": "too small"}
    assert rest.call("announce_return", told, "k") == rest.call("announce_return", told, "k") == {"return_id": "r1"}
    assert len(sandbox.rows("rest", "returns")) == 1


def test_an_operation_is_told_just_what_it_names(sandbox, rest):
    for wrong in ({}, {"town": "x", "more": "y"}):
        with pytest.raises(errors.Refused):
            rest.call("opening_hours", wrong, "")
    with pytest.raises(errors.Unsupported):
        rest.call("nosuch", {}, "")
    assert [(each.name, each.is_read_only) for each in rest.operations()] == [
        ("opening_hours", True),
        ("announce_return", False),
    ]


def test_what_an_api_calls_by_names_of_its_own_stays_out_of_the_log(sandbox, connector):
    fields = {"email": "anna@example.com", "anfrage.text": "my knee hurts", "kunde": "Anna Berg", "namen[0].z": "Berg"}
    calls = CallLog(connector)
    written = open_provider(connector, calls).upsert([Contact("1", {}, fields)])
    assert written[0].kind == "delivered"
    rows = [{"field": "first_name", "source": "kunde.rufname"}, {"field": "email", "source": "email"}]
    vendor = Vendor(
        "rest",
        says(200, {"items": [{"email": "anna@example.com", "kunde": {"rufname": "Anna", "nr": 7}}]}),
        config=config({**CUSTOMER, "answer": rows}),
    )
    assert vendor.provider.customer("anna@example.com").first_name == "Anna"
    shown = [f"{call.request_body} {call.response_body}" for call in (*calls.rows, *vendor.calls.rows)]
    for words in shown:
        assert not [told for told in ("knee", "Anna", "Berg", "anna@") if told in words]
    assert "anfrage" in shown[0]
    assert '"nr":7' in shown[1]


class TestFaults(Faults):
    vendor = "rest"

    @pytest.fixture
    def provider(self, rest):
        return rest

    def ask(self, provider):
        return provider.upsert([contact()])


def test_the_key_is_tried(sandbox, connector, rest):
    assert rest.check().ok
    wrong = connector_to(sandbox, "rest", "wrong", config())
    with pytest.raises(errors.NotAuthorised):
        provider_of(wrong).check()


@pytest.mark.django_db(transaction=True)
@pytest.mark.db
def test_a_captured_lead_arrives_once_and_follows_its_changes(sandbox, connector):
    client = ClientFactory()
    for message in ("Hello", "And again"):
        lead_capture(client=client, data=LeadData(email="anna@example.com", first_name="Anna", message=message))
        drain(connector.pk)
    [row] = sandbox.rows("rest", "contacts")
    assert {delivery.state for delivery in Delivery.objects.all()} == {"delivered"}
    assert {delivery.external_id for delivery in Delivery.objects.all()} == {row["id"]}
    shown = [f"{call.url} {call.request_body} {call.response_body}" for call in Call.objects.all()]
    assert not [words for words in shown if "anna@example" in words or "Hello" in words]


@pytest.mark.django_db(transaction=True)
def test_a_look_up_passes_over_a_connector_that_defines_none(sandbox, connector):
    for other in (config(LEAD, ERASE, READ, WRITE), {}):
        row = connector_to(sandbox, "rest", REST_KEY, other)
        type(row).objects.filter(pk=row.pk).update(lookup_order=1)
    assert lookups.stock("LAMP-01", deadline=10).source == connector.name
    type(connector).objects.filter(pk=connector.pk).update(config=config(ORDER))
    with pytest.raises(lookups.Unavailable) as caught:
        lookups.stock("NO-SUCH", deadline=10)
    assert caught.value.reason == "no_source"


@pytest.mark.django_db(transaction=True)
def test_whoever_types_a_way_up_brings_nobody_into_trouble(sandbox, connector):
    type(connector).objects.filter(pk=connector.pk).update(config=config(STOCK))
    assert lookups.stock("../../admin", deadline=10).value is None
    assert not ConnectorState.objects.exclude(last_failure_at=None).exists()
    assert [line for line in sandbox.requests() if "admin" in line["path"]] == []
