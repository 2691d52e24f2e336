"""Rows written by hand read as rows written by Django."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import IntegrityError, connection, transaction

from integrations.models import Connector, Delivery
from leads.models import Activity, Lead
from runtime.ids import uuid7
from runtime.together import ask, send
from runtime.writes import insert, insert_values, update
from tests.factories import ClientFactory, ConnectorFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

AT = datetime(2026, 3, 29, 3, 30, 0, 120, tzinfo=timezone(timedelta(hours=2)))


def raw(model, pk):
    """Return the row as the database has it."""
    with connection.cursor() as cursor:
        key = model._meta.pk.get_db_prep_value(pk, connection)
        cursor.execute(f"SELECT * FROM {model._meta.db_table} WHERE id = %s", [key])
        return cursor.fetchone()[1:]


def lead(**values):
    return Lead(
        identified_by=Lead.IdentifiedBy.REFERENCE,
        first_name="Zoë 🦊",
        attributes={"size": 4, "note": 'a "b" \\ %s', "when": None},
        source={"utm": {"source": "mail"}},
        possible_duplicate=True,
        created_at=AT,
        updated_at=AT.astimezone(UTC),
        **values,
    )


def test_a_row_is_the_same_as_djangos():
    client = ClientFactory()
    mine, djangos = lead(client=client), lead(client=client)

    send(insert(Lead, [mine]))
    Lead.objects.bulk_create([djangos])

    assert raw(Lead, mine.pk) == raw(Lead, djangos.pk)
    read = Lead.objects.get(pk=mine.pk)
    assert (read.attributes, read.created_at, read.client_id) == (mine.attributes, AT, client.pk)


def test_empty_values_and_whole_microseconds_are_the_same_as_djangos():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    owner = lead()
    send(insert(Lead, [owner]))
    rows = [Activity(lead=owner, at=at, kind=Activity.Kind.CAPTURED, revision=1) for _ in range(2)]

    send(insert(Activity, rows[:1]))
    Activity.objects.bulk_create(rows[1:])

    assert raw(Activity, rows[0].pk) == raw(Activity, rows[1].pk)


def test_chosen_columns_are_written_and_what_was_asked_comes_back():
    connector: Connector = ConnectorFactory()
    row = {"id": uuid7(), "connector_id": connector.pk, "subject_kind": "lead", "subject_id": uuid7()}
    row |= {"operation": "upsert", "state": Delivery.State.WAITING, "due_at": AT, "created_at": AT}

    [[(id,)]] = ask(*insert_values(Delivery, [row], suffix="RETURNING id"))

    read = Delivery.objects.get(pk=str(id))
    assert (read.tries, read.reason, read.settled_at) == (0, "", None)
    assert (read.state, read.due_at, read.subject_id) == (Delivery.State.WAITING, AT, row["subject_id"])


def test_a_default_that_depends_on_the_moment_is_asked_for():
    with pytest.raises(TypeError, match="due_at"):
        insert_values(Delivery, [{"id": uuid7()}])


def test_constraints_hold():
    send(insert(Lead, [lead(email="anna@example.com")]))

    with pytest.raises(IntegrityError), transaction.atomic():
        send(insert(Lead, [lead(email="anna@example.com")]))


def test_a_changed_row_is_the_same_as_djangos_and_others_stay():
    client = ClientFactory()
    mine, djangos, other = rows = [lead(client=client) for _ in range(3)]
    send(insert(Lead, rows))
    untouched = raw(Lead, other.pk)
    changed = ["attributes", "possible_duplicate", "updated_at", "company", "revision"]
    for row in (mine, djangos):
        row.attributes, row.possible_duplicate, row.updated_at = {"size": 5}, False, AT + timedelta(days=1)
        row.company, row.revision, row.first_name = 'A "C" % ME', 2, "not to be written"

    send(update(Lead, [mine], changed))
    Lead.objects.bulk_update([djangos], changed)

    assert raw(Lead, mine.pk) == raw(Lead, djangos.pk)
    assert Lead.objects.get(pk=mine.pk).first_name == "Zoë 🦊"
    assert raw(Lead, other.pk) == untouched
