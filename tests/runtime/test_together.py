"""Statements that go to the database together: all of them or none."""

import itertools
from pathlib import Path

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from leads.models import Lead
from leads.services import LeadData, Submission, group_capture
from runtime.together import ask, send
from runtime.writes import insert, update
from tests.factories import ClientFactory, ConnectorFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]


def lead(email):
    return Lead(identified_by=Lead.IdentifiedBy.EMAIL, email=email)


def test_each_question_gets_its_own_rows():
    assert ask(("SELECT 1", []), ("SELECT 2 WHERE %s = %s", [1, 2]), ("SELECT %s, '%%'", ["; x"])) == [
        [(1,)],
        [],
        [("; x", "%")],
    ]


def test_all_of_it_is_there_afterwards():
    anna = lead("anna@example.com")
    send([*insert(Lead, [anna]), *insert(Lead, [lead("ben@example.com")]), *update(Lead, [anna], ["company"])])
    connection.close()
    assert Lead.objects.count() == 2


def test_where_one_is_refused_nothing_stays():
    """Guard: on SQLite `send` opens a transaction; on PostgreSQL all of it is one message."""
    send(insert(Lead, [lead("anna@example.com")]))
    names = ["ben", "anna", "carl"]
    with pytest.raises(IntegrityError):
        send([statement for name in names for statement in insert(Lead, [lead(f"{name}@example.com")])])
    assert [row.email for row in Lead.objects.all()] == ["anna@example.com"]


def test_somebody_elses_transaction_stays_theirs():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        send(insert(Lead, [lead("anna@example.com")]))
        assert Lead.objects.count() == 1
        raise ZeroDivisionError
    assert not Lead.objects.exists()


def test_nothing_to_send_is_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        send([*insert(Lead, []), *update(Lead, [], ["company"])])


@pytest.mark.postgresql
def test_a_capture_of_somebody_new_waits_twice_for_the_database(tmp_path):
    """Guard: what is asked is one message, and what is written another."""
    ConnectorFactory()
    client = ClientFactory()
    group = [Submission(client, LeadData(email=f"{number}@example.com", message="Hi")) for number in range(20)]
    group_capture(group[:1])
    assert _waits(tmp_path / "new", lambda: group_capture(group[1:])) == 2
    assert Lead.objects.count() == 20


def _waits(path: Path, work) -> int:
    """Return how often this side spoke and then listened while the work was done, by libpq's own trace."""
    wire = connection.connection.pgconn
    with path.open("w+") as lines:
        wire.trace(lines.fileno())
        wire.set_trace_flags(psycopg.pq.Trace.SUPPRESS_TIMESTAMPS)
        work()
        wire.untrace()
        lines.seek(0)
        speakers = [speaker for speaker, _ in itertools.groupby(line[0] for line in lines if line.strip())]
    return "".join(speakers).count("FB")
