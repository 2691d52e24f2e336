"""What migrations leave behind."""

import importlib

import pytest
from django.db import connection

from tests.factories import LeadFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db, pytest.mark.postgresql]

_UNKNOWN = -1


def _size_told_to_the_planner():
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'leads_lead'::regclass")
        return cursor.fetchone()[0]


@pytest.fixture
def lists():
    """Return the migration that counts values, with what it made before taken back and the table new."""
    module = importlib.import_module("leads.migrations.0007_lists")
    with connection.schema_editor() as editor:
        module.forget_values(None, editor)
        editor.execute("TRUNCATE leads_lead CASCADE")
    assert _size_told_to_the_planner() == _UNKNOWN
    return module


def test_a_new_installations_leads_dont_look_like_an_empty_table(lists):
    """Guard: without it each foreign key to a lead was checked by reading all leads, on the day of the installation."""
    with connection.schema_editor() as editor:
        lists.count_values(None, editor)
    assert _size_told_to_the_planner() == _UNKNOWN


def test_where_there_are_leads_their_values_are_counted(lists):
    LeadFactory()
    with connection.schema_editor() as editor:
        lists.count_values(None, editor)
    assert _size_told_to_the_planner() == 1
