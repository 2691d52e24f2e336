"""Two things at the same moment, held still at the worst one."""

import pytest
from django.db import connection

from integrations.drain import drain
from leads.capture import lead_capture
from leads.services import LeadData
from tests.factories import ClientFactory, ConnectorFactory
from tests.faults.history import History, World, check

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]


@pytest.fixture
def crm(sandbox):
    return ConnectorFactory(base_url=f"{sandbox.url}/hubspot", name="CRM")


@pytest.fixture
def capture():
    """Capture a lead as the API would, with a note in the history."""
    client, history = ClientFactory(), History()

    def capture(email):
        sent = history.sent(email)
        data = LeadData(email=email, first_name=sent.first_name, message=sent.text)
        history.accepted(sent, str(lead_capture(client=client, data=data).lead.pk))

    capture.history = history
    return capture


def check_all(capture, sandbox):
    assert not check(capture.history, World(sandbox.effects(), sandbox.contacts(), lambda lead_id: {}))


def test_a_capture_after_any_statement_of_the_drainer_is_told_too(sandbox, crm, capture):
    """Guard: a lead is read before its enquiries (leads.subjects). Red the other way round: the delivery is noted with
    a revision whose enquiry it did not tell, and the next one believes it told."""
    count, position = 1, 0
    while position < count:
        capture(email := f"anna{position}@example.com")
        count = _drain_and_interleave(crm, position, lambda email=email: capture(email))
        drain(crm.pk)
        position += 1

    assert count > 10, "a drainer that asks the database for nothing"
    check_all(capture, sandbox)


def _drain_and_interleave(crm, position, then):
    """Drain; do `then` after the statement at `position` of those outside transactions. Returns how many there are."""
    seen, is_inside = 0, False

    def interleave(execute, sql, params, many, context):
        nonlocal seen, is_inside
        result = execute(sql, params, many, context)
        if is_inside or connection.in_atomic_block or sql.startswith("BEGIN"):
            return result
        if seen == position:
            is_inside = True
            then()
            is_inside = False
        seen += 1
        return result

    with connection.execute_wrapper(interleave):
        drain(crm.pk)
    return seen
