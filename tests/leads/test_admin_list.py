"""The list of leads: what it counts, and what it says where it stopped counting."""

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gateway.roles import ANALYST
from leads import selection
from leads.models import Lead, Reference
from runtime.admin import BoundedPaginator
from tests.factories import LeadFactory, UserFactory

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/leads/lead/"


@pytest.fixture
def leads(monkeypatch):
    monkeypatch.setattr(BoundedPaginator, "most", 4)
    monkeypatch.setattr("leads.admin.leads.LeadAdmin.list_per_page", 2)
    return [LeadFactory(source={"channel": "web" if number < 5 else "app"}) for number in range(7)]


def test_more_than_the_bound_is_said_in_words(admin_client, leads):
    page = admin_client.get(ADDRESS, {"channel": "web"}).content.decode()
    assert "more than 4" in page
    assert "Select all more than 4 leads" in page


def test_the_last_page_within_the_bound_is_reached(admin_client, leads):
    shown = [admin_client.get(ADDRESS, {"channel": "web", "p": page}).context["cl"] for page in (1, 2)]
    found = [lead.pk for each in shown for lead in each.result_list]
    newest = Lead.objects.filter(source__channel="web").order_by("-created_at", "-pk")
    assert found == [lead.pk for lead in newest[:4]]


@pytest.mark.parametrize("asked", [{"channel": "app"}, {}])
def test_up_to_the_bound_and_without_a_filter_the_count_is_exact(admin_client, leads, asked):
    answer = admin_client.get(ADDRESS, asked)
    assert answer.context["cl"].result_count == (2 if asked else 7)
    assert "more than" not in answer.content.decode()


def test_everything_is_paged_to_its_end(admin_client, leads):
    last = admin_client.get(ADDRESS, {"p": 4}).context["cl"].result_list
    assert [lead.pk for lead in last] == [Lead.objects.order_by("created_at", "pk")[0].pk]


def test_a_search_that_finds_nobody_says_so(admin_client, leads):
    assert admin_client.get(ADDRESS, {"q": "zzzzzz"}).context["cl"].result_count == 0


def test_a_whole_address_finds_who_has_it_or_is_called_by_it():
    anna, bert = LeadFactory(email="anna@example.com"), LeadFactory(email="joanna@example.com")
    called = LeadFactory(email="other@example.com")
    Reference.objects.create(lead=called, client=called.client, value="anna@example.com")
    assert set(selection.search(Lead.objects.all(), "anna@example.com")) == {anna, called}
    assert list(selection.search(Lead.objects.all(), "ANNA@Example.com")) == [anna]
    assert set(selection.search(Lead.objects.all(), "nna@example.com")) == {anna, bert}


@pytest.mark.parametrize("text", ["", " ", "\x00"])
def test_a_search_for_nothing_finds_everybody(text, leads):
    assert selection.search(Lead.objects.all(), text).count() == 7


def test_a_search_finds_each_word_in_any_of_the_names_and_none_across_two():
    anna = LeadFactory(first_name="Anna", last_name="Müller", company="Nordlys AS", phone="+4930901820")
    for text in ("anna", "Müller anna", "NORDLYS", "90182", "dlys mül", anna.email.upper()):
        assert list(selection.search(Lead.objects.all(), text)) == [anna], text
    for text in ("annaMüller", "anna zzz", "Müllern"):
        assert not selection.search(Lead.objects.all(), text).exists(), text


def test_names_sort_in_both_directions(admin_client):
    for name in ("Berg", "", "Aas", "Berg", ""):
        LeadFactory(last_name=name)
    upwards, downwards = (
        [lead.pk for lead in admin_client.get(ADDRESS, {"o": order}).context["cl"].result_list] for order in ("1", "-1")
    )
    assert [Lead.objects.get(pk=pk).last_name for pk in upwards] == ["", "", "Aas", "Berg", "Berg"]
    assert downwards == upwards[::-1]


def test_what_few_rows_a_filter_finds_are_not_looked_for_twice(admin_client, leads):
    with CaptureQueriesContext(connection) as asked:
        answer = admin_client.get(ADDRESS, {"channel": "app", "o": "-6"})
    assert [lead.source["channel"] for lead in answer.context["cl"].result_list] == ["app", "app"]
    assert sum("'app'" in each["sql"] or '"app"' in each["sql"] for each in asked.captured_queries) == 1


@pytest.mark.parametrize(
    "asked", [{}, {"channel": "web"}, {"q": "anna@example.com"}, {"q": "zz"}, {"delivery": "waiting"}, {"o": "1"}]
)
def test_an_analysts_list_costs_few_statements(leads, asked, django_assert_max_num_queries):
    LeadFactory(email="anna@example.com")
    browser, analyst = Client(), UserFactory(is_superuser=False)
    analyst.groups.set(Group.objects.filter(name=ANALYST))
    browser.force_login(analyst)
    browser.get(ADDRESS, asked)
    with django_assert_max_num_queries(12):
        assert browser.get(ADDRESS, asked).status_code == 200
