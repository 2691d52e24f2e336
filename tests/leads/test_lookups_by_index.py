"""Finding a lead by what identifies it reads an index, however long the list of addresses and on either database."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.identity import Identifiers, Known, asking_known, emails_of
from leads.models import Lead
from leads.subjects import namesakes
from runtime.together import ask
from tests.factories import ClientFactory, LeadFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

MANY = 150


def plan_of(sql: str) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            return "\n".join(str(row[-1]) for row in cursor.fetchall())
        # A few rows are read at once, whatever indexes there are: what is asked is whether an index could be used.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT json) {sql}")
        return json.dumps(cursor.fetchone()[0])


def known_by_email() -> None:
    client = ClientFactory()
    LeadFactory(email="p1@example.com")
    group = [Identifiers(client, "", f"p{number}@example.com", "") for number in range(MANY)]
    Known(group, is_email_known=any(ask(asking_known(emails_of(group)))))


def known_by_phone() -> None:
    client = ClientFactory()
    group = [Identifiers(client, "", "", f"+49309018{number}") for number in range(MANY)]
    Known(group, is_email_known=False)


def found_by_address() -> None:
    list(Lead.objects.with_email("p1@example.com"))


def found_by_a_vendor() -> None:
    namesakes({"email": "p1@example.com", "phone": "+4930901820"})


@pytest.mark.parametrize("look", [known_by_email, known_by_phone, found_by_address, found_by_a_vendor])
def test_no_lead_is_read_that_is_not_meant(look):
    with CaptureQueriesContext(connection) as asked:
        look()
    statements = [each["sql"] for each in asked.captured_queries if each["sql"].startswith("SELECT")]
    statements = [sql for sql in statements if 'FROM "leads_lead"' in sql or "FROM leads_lead" in sql]
    assert statements
    for sql in statements:
        plan = plan_of(sql)
        assert "SCAN leads_lead" not in plan, plan
        assert "Seq Scan" not in plan, plan
