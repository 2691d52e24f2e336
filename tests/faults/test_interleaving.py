"""A capture and a claim on two connections, moved step by step (collected on PostgreSQL: SQLite has one writer)."""

import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction

from integrations.drain import drain
from integrations.models import Delivery
from leads.models import Lead
from leads.services import LeadData, Submission, group_capture
from runtime.clock import db_now
from tests.factories import ClientFactory, ConnectorFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

EMAIL = "anna@example.com"


@pytest.fixture
def crm(sandbox):
    return ConnectorFactory(base_url=f"{sandbox.url}/hubspot", name="CRM")


@pytest.fixture
def client_row():
    return ClientFactory()


def capture(client, name):
    return group_capture([Submission(client, LeadData(email=EMAIL, first_name=name, message=f"{name} asks"))])


@contextmanager
def uncommitted(work):
    """Do `work` in a transaction of another connection that stays open inside the `with`, and commits at its end."""
    is_done, may_commit = threading.Event(), threading.Event()
    errors = []

    def run():
        try:
            with transaction.atomic():
                work()
                is_done.set()
                assert may_commit.wait(30)
        except BaseException as err:  # noqa: BLE001 (raised again in the test's thread)
            errors.append(err)
        finally:
            is_done.set()
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert is_done.wait(30)
    try:
        yield
    finally:
        may_commit.set()
        thread.join(30)
    assert not errors, errors


def test_a_claim_passes_over_what_an_open_capture_has_joined_and_then_sees_it(sandbox, crm, client_row):
    """Guard: `ON CONFLICT … DO UPDATE` locks the row that is joined. Red with `DO NOTHING`: the claim takes the
    row, sends the older state, and the newer one has no delivery."""
    capture(client_row, "Anna")
    with uncommitted(lambda: capture(client_row, "Anne")):
        assert Delivery.objects.claim_batch(crm.pk, 10) == []
    drain(crm.pk)

    [contact] = sandbox.contacts()
    assert contact["properties"]["firstname"] == "Anne"
    assert "Anna asks" in contact["properties"]["message"]
    assert "Anne asks" in contact["properties"]["message"]
    assert Delivery.objects.get().revision == Lead.objects.get().revision


def test_a_capture_that_meets_a_claimed_delivery_makes_one_of_its_own(sandbox, crm, client_row):
    """Guard: only a waiting delivery can be joined. Red when the index also covers those being sent:
    what was claimed can't be settled."""
    capture(client_row, "Anna")
    [claimed] = Delivery.objects.claim_batch(crm.pk, 10)
    with uncommitted(lambda: capture(client_row, "Anne")):
        assert Delivery.objects.settle(claimed, state="delivered", revision=1)
        assert Delivery.objects.claim_batch(crm.pk, 10) == []
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["delivered", "waiting"]
    drain(crm.pk)

    assert sandbox.contacts()[0]["properties"]["firstname"] == "Anne"


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_capture_changes_nothing_of_the_delivery_it_joins(sandbox, crm, client_row, is_kept):
    """Guard: joining takes the row's lock and nothing else. Red when the newer capture moves the time: whoever goes on
    asking would have a vendor that is down asked all the time."""
    capture(client_row, "Anna")
    later = db_now() + timedelta(hours=1)
    Delivery.objects.update(tries=3, due_at=later)
    before = Delivery.objects.values().get()
    if is_kept:
        capture(client_row, "Anne")
    else:
        with pytest.raises(AssertionError, match="gone"), uncommitted(lambda: _capture_and_fail(client_row)):
            pass

    assert Delivery.objects.values().get() == before
    Delivery.objects.update(due_at=db_now())
    drain(crm.pk)
    assert sandbox.contacts()[0]["properties"]["firstname"] == ("Anne" if is_kept else "Anna")


def test_two_claims_at_once_take_different_rows(crm, client_row):
    """Guard: a claim passes over locked rows and commits before anything is sent. Red without SKIP LOCKED."""
    capture(client_row, "Anna")
    with uncommitted(lambda: Delivery.objects.claim_batch(crm.pk, 10)):
        assert Delivery.objects.claim_batch(crm.pk, 10) == []
    assert Delivery.objects.get().fence == 1


def _capture_and_fail(client):
    capture(client, "Anne")
    raise ConnectionError("gone")
