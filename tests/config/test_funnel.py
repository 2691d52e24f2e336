"""The funnel: what is counted, over whole days of the site's zone, as page and as sheet."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from config.funnel import funnel, total
from engine.models import Turn
from leads.models import Activity
from tests.factories import ClientFactory, ConversationFactory, DeliveryFactory, LeadFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]


def lead(at, client, *states, channel="web", campaign="autumn"):
    source = {"channel": channel, "utm": {"campaign": campaign}}
    row = LeadFactory(client=client, created_at=at, source=source)
    Activity.objects.create(lead=row, client=client, at=at, kind="captured", revision=1, source=source)
    for state in states:
        DeliveryFactory(subject_id=row.pk, state=state)
    return row


def heard_again(row, at):
    Activity.objects.create(lead=row, client=row.client, at=at, kind="updated", revision=2, source=row.source)


def asked(at, client):
    Turn.objects.create(conversation=ConversationFactory(client=client), at=at, prompt="?", state="answered")


@pytest.fixture
def bots():
    return ClientFactory(name="Website bot"), ClientFactory(name="=Evil bot")


def noon(day):
    return datetime(2026, 3, day, 12, tzinfo=UTC)


@pytest.fixture
def march(bots):
    one, two = bots
    asked(noon(1), one)
    asked(noon(1), one)
    asked(noon(2), two)
    first = lead(noon(1), one, "delivered")
    lead(noon(1), one, "needs_you", "skipped", channel="app")
    lead(noon(2), two, "skipped", campaign="spring")
    lead(noon(2), two, "delivered", "needs_you")
    heard_again(first, noon(2))


def test_a_row_per_day_counts_each_step(march):
    first, second, third = funnel(date(2026, 3, 1), date(2026, 3, 3), "day")
    assert first.cells == [2, 2, 2, 1, 0, 1]
    assert second.cells == [1, 3, 2, 1, 1, 0]
    assert third.cells == [0, 0, 0, 0, 0, 0]


def test_every_grouping_has_the_same_sum(march):
    sums = {by: total(funnel(date(2026, 3, 1), date(2026, 3, 3), by)).cells[1:] for by in ("day", "client", "channel")}
    assert set(map(tuple, sums.values())) == {(5, 4, 2, 1, 1)}
    by_campaign = {row.label: row.captured for row in funnel(date(2026, 3, 1), date(2026, 3, 3), "campaign")}
    assert by_campaign == {"autumn": 4, "spring": 1}


def test_a_question_is_not_counted_where_its_page_is_not_known(march):
    assert {row.questions for row in funnel(date(2026, 3, 1), date(2026, 3, 3), "channel")} == {None}
    assert total(funnel(date(2026, 3, 1), date(2026, 3, 3), "channel")).questions is None
    by_client = {row.label: row.questions for row in funnel(date(2026, 3, 1), date(2026, 3, 3), "client")}
    assert by_client == {"Website bot": 2, "=Evil bot": 1}


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-03-28T22:59:59+00:00", "2026-03-28"),
        ("2026-03-28T23:00:00+00:00", "2026-03-29"),  # the night in which the clocks go forward
        ("2026-03-29T21:59:59+00:00", "2026-03-29"),
        ("2026-03-29T22:00:00+00:00", "2026-03-30"),
        ("2026-10-24T22:00:00+00:00", "2026-10-25"),  # and back
        ("2026-10-25T22:59:59+00:00", "2026-10-25"),
        ("2026-10-25T23:00:00+00:00", "2026-10-26"),
    ],
)
def test_days_are_those_of_the_sites_zone_when_clocks_change(bots, instant, day):
    lead(datetime.fromisoformat(instant), bots[0])
    with timezone.override("Europe/Berlin"):
        wanted = date.fromisoformat(day)
        [row] = funnel(wanted, wanted, "day")
    assert (row.label, row.captured, row.unique) == (day, 1, 1)


class TestPage:
    def browser(self, *rights):
        person = UserFactory(is_superuser=not rights)
        person.user_permissions.set(Permission.objects.filter(codename__in=rights))
        found = Browser()
        found.force_login(person)
        return found

    def test_page_and_sheet_have_the_same_numbers(self, march):
        admin, asked_ = self.browser(), {"from": "2026-03-01", "to": "2026-03-03", "by": "client"}
        page = admin.get(reverse("admin:funnel"), asked_)
        sheet = admin.get(reverse("admin:funnel"), {**asked_, "as": "csv"}).content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(sheet)))
        assert {row["chatbot"] for row in rows} == {"Website bot", "'=Evil bot"}
        assert sum(int(row["captures"]) for row in rows) == page.context["total"].captured == 5
        assert '<th scope="col">chatbot</th>' in page.content.decode()

    @pytest.mark.parametrize(
        "query",
        [{}, {"from": "x", "to": "y", "by": "z"}, {"from": "2026-05-01", "to": "2026-03-01"}, {"to": "0001-01-01"}],
    )
    def test_whatever_is_asked_is_answered(self, query):
        assert self.browser().get(reverse("admin:funnel"), query).status_code == 200

    def test_it_costs_the_same_for_many(self, march, django_assert_max_num_queries):
        admin = self.browser()
        admin.get(reverse("admin:funnel"))
        with django_assert_max_num_queries(12):
            admin.get(reverse("admin:funnel"), {"from": "2026-03-01", "to": "2026-03-03"})

    def test_it_needs_the_right_to_see_leads(self):
        assert self.browser("view_connector").get(reverse("admin:funnel")).status_code == 403
        assert self.browser("view_lead").get(reverse("admin:funnel")).status_code == 200
