"""Capturing leads: identity, what is overwritten, what is put into the outbox."""

import threading

import pytest
from django.db import connection, connections

from integrations.models import ConnectorState, Delivery
from leads.capture import lead_capture
from leads.models import Activity, Consent, Lead
from leads.services import ConsentGiven, LeadData, Submission, group_capture
from leads.standing import deliveries_of
from tests.factories import ClientFactory, ConnectorFactory, rule

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]


@pytest.fixture
def client_row():
    return ClientFactory()


def connector(**values):
    row = ConnectorFactory(**values)
    ConnectorState.objects.get_or_create(connector=row)
    return row


def test_capture_writes_lead_activity_consent_and_delivery(client_row):
    connector()
    given = ConsentGiven("email_marketing", granted=True, wording="Yes", version="1")
    capture = lead_capture(client=client_row, data=LeadData(email="anna@example.com", message="Hi", consent=[given]))
    assert capture.created
    assert Activity.objects.get().message == "Hi"
    assert Consent.objects.get().is_confirmed
    assert Delivery.objects.get().subject_id == capture.lead.pk


def test_capture_twice_makes_one_lead_and_joins_the_waiting_delivery(client_row):
    connector()
    first = lead_capture(client=client_row, data=LeadData(email="anna@example.com"))
    second = lead_capture(client=client_row, data=LeadData(email="anna@example.com", first_name="Anna"))
    assert not second.created
    assert second.lead.pk == first.lead.pk
    assert second.lead.revision == 2
    assert Delivery.objects.count() == 1


def test_a_capture_during_sending_makes_a_second_delivery(client_row):
    row = connector()
    lead_capture(client=client_row, data=LeadData(email="anna@example.com"))
    assert len(Delivery.objects.claim_batch(row.pk, 10)) == 1
    lead_capture(client=client_row, data=LeadData(email="anna@example.com"))
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["sending", "waiting"]
    assert Delivery.objects.claim_batch(row.pk, 10) == [], "one subject, one call at a time"


def test_the_reference_wins_over_the_address(client_row):
    first = lead_capture(client=client_row, data=LeadData(reference="42", email="anna@example.com"))
    second = lead_capture(client=client_row, data=LeadData(reference="42", email="anna@new.example"))
    assert second.lead.pk == first.lead.pk
    assert second.lead.email == "anna@new.example"


def test_identifiers_that_point_at_two_leads_are_marked_for_a_person(client_row):
    known = lead_capture(client=client_row, data=LeadData(reference="42", email="anna@example.com"))
    other = lead_capture(client=client_row, data=LeadData(email="ben@example.com"))
    both = lead_capture(client=client_row, data=LeadData(reference="42", email="ben@example.com"))
    assert both.lead.pk == known.lead.pk
    assert both.lead.possible_duplicate
    assert both.lead.email == "anna@example.com"
    other.lead.refresh_from_db()
    assert other.lead.email == "ben@example.com"


def test_references_of_two_clients_do_not_meet():
    one, two = ClientFactory(), ClientFactory()
    first = lead_capture(client=one, data=LeadData(reference="42"))
    second = lead_capture(client=two, data=LeadData(reference="42"))
    assert first.lead.pk != second.lead.pk


def test_a_phone_alone_finds_the_lead_known_by_it(client_row):
    first = lead_capture(client=client_row, data=LeadData(phone="+4930901820"))
    second = lead_capture(client=client_row, data=LeadData(phone="+4930901820", first_name="Anna"))
    assert second.lead.pk == first.lead.pk


def test_a_phone_beside_an_address_does_not_identify(client_row):
    first = lead_capture(client=client_row, data=LeadData(email="anna@example.com", phone="+4930901820"))
    second = lead_capture(client=client_row, data=LeadData(email="ben@example.com", phone="+4930901820"))
    assert first.lead.pk != second.lead.pk


def test_an_untrusted_capture_fills_blanks_and_overwrites_nothing(client_row):
    lead_capture(client=client_row, data=LeadData(email="anna@example.com", first_name="Anna"))
    given = ConsentGiven("email_marketing", granted=True)
    data = LeadData(email="anna@example.com", first_name="Eve", company="Acme", message="hello", consent=[given])
    capture = lead_capture(client=client_row, data=data, is_trusted=False)
    assert (capture.lead.first_name, capture.lead.company) == ("Anna", "Acme")
    assert not Consent.objects.get().is_confirmed
    assert Activity.objects.filter(message="hello").exists()


def test_a_lead_that_the_filter_leaves_out_is_skipped_and_says_why(client_row):
    connector(lead_filter=[rule("channel", "website")])
    capture = lead_capture(client=client_row, data=LeadData(email="anna@example.com", source={"channel": "kiosk"}))
    lead_capture(client=client_row, data=LeadData(email="anna@example.com"))
    [delivery] = deliveries_of(capture.lead.pk)
    assert (delivery.state, delivery.reason) == ("skipped", "filtered")


def test_eight_threads_with_one_address_make_one_lead(client_row):
    connector()
    errors: list[BaseException] = []

    def capture() -> None:
        try:
            lead_capture(client=client_row, data=LeadData(email="anna@example.com", message="me too"))
        except BaseException as err:  # noqa: BLE001 (shown by the assertion below)
            errors.append(err)
        finally:
            connection.close()

    threads = [threading.Thread(target=capture) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Lead.objects.get().revision == 8
    assert Activity.objects.count() == 8
    assert Delivery.objects.filter(state="waiting").count() == 1


def test_equal_identities_in_a_group_meet(client_row):
    connector()
    data = [
        LeadData(reference="42", email="anna@example.com", message="one"),
        LeadData(email="anna@example.com", first_name="Anna", message="two"),
        LeadData(reference="42", company="Acme"),
        LeadData(email="ben@example.com"),
    ]
    captures = group_capture([Submission(client_row, each) for each in data])
    assert [capture.created for capture in captures] == [True, False, False, True]
    anna = Lead.objects.get(email="anna@example.com")
    assert (anna.revision, anna.first_name, anna.company) == (3, "Anna", "Acme")
    assert [a.revision for a in Activity.objects.filter(lead=anna).order_by("revision")] == [1, 2, 3]
    assert Delivery.objects.count() == 2


def test_one_bad_submission_does_not_take_its_group_along(client_row):
    connector()
    errors: list[BaseException] = []
    start = threading.Barrier(6)

    def refuse(capture) -> None:
        raise LookupError("this one alone")

    def capture(n: int) -> None:
        try:
            start.wait()
            data = LeadData(email=f"lead{n}@example.com")
            lead_capture(client=client_row, data=data, remember=refuse if n == 0 else None)
        except LookupError as err:
            errors.append(err)
        finally:
            connection.close()

    threads = [threading.Thread(target=capture, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 1
    assert sorted(Lead.objects.values_list("email", flat=True)) == [f"lead{n}@example.com" for n in range(1, 6)]


@pytest.mark.postgresql
def test_a_connection_that_has_ended_fails_no_capture_of_its_group(client_row):
    """Guard: `_write` gives up an ended connection before it writes each capture again."""
    connector()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()
    assert lead_capture(client=client_row, data=LeadData(email="anna@example.com")).created
    assert lead_capture(client=client_row, data=LeadData(email="ben@example.com")).created
    assert Delivery.objects.count() == 2
