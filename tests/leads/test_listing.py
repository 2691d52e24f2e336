"""`GET /v1/leads`: pages of leads, as a program walks through them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from gateway.services import key_create
from leads.models import Activity, Lead
from runtime.clock import db_now
from tests.factories import ClientFactory, ConnectorFactory, DeliveryFactory, LeadFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

ALL = ["leads:read:all"]


def reader(**values):
    _, key = key_create(client=ClientFactory(**values))
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {key}", REMOTE_ADDR="127.0.0.1")


@pytest.fixture
def api():
    return reader(scopes=ALL)


def leads(number, **values):
    """Make leads, changed a minute after each other, the last one now."""
    now = db_now()
    return [LeadFactory(updated_at=now - timedelta(minutes=number - place), **values) for place in range(number)]


def get(api, **asked):
    answer = api.get("/v1/leads", asked)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def walk(api, **asked):
    """Return the ids of all pages, in order."""
    found, cursor = [], {}
    while True:
        body = get(api, **asked, **cursor)
        found += [lead["id"] for lead in body["results"]]
        if body["next_cursor"] is None:
            return found
        cursor = {"cursor": body["next_cursor"]}


def refused_field(api, **asked):
    answer = api.get("/v1/leads", asked)
    assert answer.status_code == 400
    assert answer.json()["code"] == "validation_failed"
    return [error["field"] for error in answer.json()["errors"]]


def test_pages_hold_every_lead_once_in_the_order_of_their_change(api):
    made = leads(7)
    assert walk(api, limit=3) == [str(lead.pk) for lead in made]


def test_leads_of_the_same_moment_are_told_apart(api):
    now = db_now()
    made = {str(LeadFactory(updated_at=now).pk) for _ in range(7)}
    found = walk(api, limit=2)
    assert (len(found), set(found)) == (7, made)


def test_what_comes_or_changes_meanwhile_is_not_missed_and_shifts_nothing(api):
    made = leads(4)
    first = get(api, limit=2)
    new = LeadFactory(updated_at=db_now())
    Lead.objects.filter(pk=made[0].pk).update(updated_at=db_now() + timedelta(seconds=1))
    rest = get(api, limit=100, cursor=first["next_cursor"])
    ids = [lead["id"] for lead in rest["results"]]
    assert ids == [str(lead.pk) for lead in (made[2], made[3], new, made[0])]
    assert rest["next_cursor"] is None


def test_a_client_sees_what_it_captured_and_nothing_else(api):
    client = ClientFactory(scopes=["leads:read"])
    _, key = key_create(client=client)
    own = APIClient(HTTP_AUTHORIZATION=f"Bearer {key}", REMOTE_ADDR="127.0.0.1")
    mine, foreign = leads(2)
    for revision in (1, 2):
        Activity.objects.create(lead=mine, kind="captured", client=client, revision=revision)
    assert walk(own) == [str(mine.pk)]
    assert walk(own, client=str(foreign.client_id)) == []
    assert walk(api) == [str(mine.pk), str(foreign.pk)]


def test_filters_narrow_the_list(api):
    old, skipped, duplicate = leads(3)
    Lead.objects.filter(pk=old.pk).update(created_at=db_now() - timedelta(days=2))
    Lead.objects.filter(pk=duplicate.pk).update(possible_duplicate=True)
    DeliveryFactory(subject_id=skipped.pk, state="skipped")
    yesterday = (db_now() - timedelta(days=1)).isoformat()
    assert walk(api, created_before=yesterday) == [str(old.pk)]
    assert walk(api, created_since=yesterday) == [str(skipped.pk), str(duplicate.pk)]
    assert walk(api, updated_since=skipped.updated_at.isoformat()) == [str(skipped.pk), str(duplicate.pk)]
    assert walk(api, possible_duplicate="true") == [str(duplicate.pk)]
    assert walk(api, delivery="skipped") == [str(skipped.pk)]
    assert walk(api, delivery="none") == [str(old.pk), str(duplicate.pk)]
    assert walk(api, client=str(old.client_id)) == [str(old.pk)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("limit", value) for value in ("0", "101", "-1", "many", "")),
        *(
            ("updated_since", value)
            for value in ("yesterday", "2026-03-01", "2026-03-01T12:00:00", "0001-01-01T00:00:00Z")
        ),
        ("delivery", "lost"),
        ("client", "7"),
        ("email", "anna@example.com"),
        ("possible_duplicate", "perhaps"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(api, field, value):
    assert refused_field(api, **{field: value}) == [field]


def test_a_cursor_is_good_for_its_own_walk_alone(api):
    leads(3)
    cursor = get(api, limit=1)["next_cursor"]
    other = reader(scopes=ALL)
    for wrong in ("", "x", cursor[:-1], cursor.upper(), cursor.replace(":", "", 1), "é" * 20):
        assert refused_field(api, cursor=wrong) == ["cursor"]
    assert refused_field(api, cursor=cursor, delivery="none") == ["cursor"]
    assert refused_field(other, cursor=cursor) == ["cursor"]
    assert get(api, cursor=cursor, limit=2)["next_cursor"] is None


def test_a_page_takes_as_many_statements_as_one_lead(api):
    connector = ConnectorFactory()
    for lead in leads(5):
        DeliveryFactory(connector=connector, subject_id=lead.pk, state="delivered")
    with CaptureQueriesContext(connection) as of_one:
        get(api, limit=1)  # notes that the key is in use, which is a statement more
    with CaptureQueriesContext(connection) as of_five:
        answer = get(api, limit=5)
    assert len(of_five) <= len(of_one)
    assert [lead["deliveries"][0]["state"] for lead in answer["results"]] == ["delivered"] * 5
