"""The home page: what needs a person, with what to press; how things go; empty, one, many, everything red."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from gateway.services import key_create
from integrations.models import ConnectorState, Delivery
from runtime.clock import db_now
from tests.config.admin_rows import hostile_rows
from tests.config.test_admin import assert_inert
from tests.factories import (
    ClientFactory,
    ConnectorFactory,
    ConversationFactory,
    DeliveryFactory,
    InboundEventFactory,
    LeadFactory,
    UserFactory,
)
from webhooks import sources
from webhooks.models import Source

pytestmark = [pytest.mark.django_db, pytest.mark.db]

MOST_QUERIES = 19
NEEDS_YOU = {"state": Delivery.State.NEEDS_YOU, "reason": "unknown_field", "field": "utm_src", "tries": 4}


def home(browser: Client) -> str:
    answer = browser.get("/admin/")
    assert answer.status_code == 200
    return answer.content.decode()


def links(page: str) -> list[str]:
    main = page[page.index('class="sb-home"') :]
    return [address.replace("&amp;", "&") for address in re.findall(r'href="(/admin/[^"]*)"', main)]


def test_empty_it_says_what_to_do_first(admin_browser: Client):
    page = home(admin_browser)
    assert "Nothing needs you." in page
    assert "Connect a system" in page
    assert "Nothing ends within the next 14 days." in page


def test_when_all_is_well_it_says_how_well(admin_browser: Client):
    begun = db_now() - timedelta(seconds=2)
    settled = begun + timedelta(seconds=1.4)
    DeliveryFactory(state="delivered", created_at=begun, settled_at=settled)
    assert "Nothing needs you. 1 lead delivered today, the slowest in 1.4 s." in home(admin_browser)


@pytest.mark.parametrize("number", [0, 1, 12])
def test_it_costs_the_same_however_much_there_is(admin_browser: Client, number: int):
    for row in range(number):
        hostile_rows(row + 1)
    admin_browser.get("/admin/")
    with CaptureQueriesContext(connection) as captured:
        admin_browser.get("/admin/")
    assert len(captured) <= MOST_QUERIES, [query["sql"] for query in captured.captured_queries]


def test_everything_red_and_hostile_is_still_text(admin_browser: Client):
    hostile_rows()
    assert_inert(home(admin_browser))


def test_every_link_leads_to_a_page(admin_browser: Client):
    for row in hostile_rows():
        if isinstance(row, Delivery):
            ConnectorState.objects.update(paused_at=db_now(), pause_reason="needs_reauth")
    LeadFactory(possible_duplicate=True)
    found = links(home(admin_browser))
    assert len(found) > 8
    for address in found:
        assert admin_browser.get(address).status_code == 200, address


class TestNeedsYou:
    def test_deliveries_are_one_line_per_cause(self, admin_browser: Client):
        connector = ConnectorFactory(name="HubSpot")
        for _ in range(12):
            DeliveryFactory(connector=connector, **NEEDS_YOU)
        DeliveryFactory(connector=connector, state="needs_you", reason="invalid_email")
        page = home(admin_browser)
        assert escape("12 leads wait: HubSpot does not know the field “utm_src”.") in page
        assert escape("1 lead waits: HubSpot does not accept the e-mail address.") in page
        assert page.count('class="sb-needs') == 2

    def test_its_list_holds_exactly_those(self, admin_browser: Client):
        connector = ConnectorFactory()
        wanted = {DeliveryFactory(connector=connector, **NEEDS_YOU).pk for _ in range(3)}
        DeliveryFactory(connector=connector, state="needs_you", reason="invalid_email")
        DeliveryFactory(**NEEDS_YOU)
        page = home(admin_browser)
        (address,) = {link for link in links(page) if str(connector.pk) in link and "utm_src" in link}
        assert {row.pk for row in admin_browser.get(address).context["cl"].result_list} == wanted

    def test_one_press_sends_them_all_again(self, admin_browser: Client):
        connector = ConnectorFactory()
        for _ in range(3):
            DeliveryFactory(connector=connector, **NEEDS_YOU)
        other = DeliveryFactory(connector=connector, state="needs_you", reason="invalid_email")
        page = home(admin_browser)
        form = next(part for part in re.findall(r"<form.*?</form>", page, re.S) if "Send the 3 again" in part)
        address = re.search(r'action="([^"]+)"', form).group(1).replace("&amp;", "&")
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
        fields.pop("csrfmiddlewaretoken", None)
        assert admin_browser.post(address, fields).status_code == 302
        assert Delivery.objects.filter(connector=connector, state="waiting").count() == 3
        other.refresh_from_db()
        assert other.state == "needs_you"

    def test_a_connector_that_lost_its_key_says_where_to_enter_a_new_one(self, admin_browser: Client):
        connector = ConnectorFactory(name="HubSpot")
        ConnectorState.objects.create(connector=connector, paused_at=db_now(), pause_reason="needs_reauth")
        for _ in range(2):
            DeliveryFactory(connector=connector, due_at=db_now() - timedelta(hours=1))
        page = home(admin_browser)
        assert "HubSpot no longer accepts the stored key, so it is paused." in page
        assert "2 deliveries wait until then." in page
        assert f"/admin/integrations/credential/{connector.credential_id}/change/" in page
        assert "should have left" not in page

    def test_a_connector_paused_by_a_person_needs_nobody(self, admin_browser: Client):
        connector = ConnectorFactory()
        ConnectorState.objects.create(connector=connector, paused_at=db_now(), pause_reason="by_person")
        page = home(admin_browser)
        assert "Nothing needs you." in page
        assert "paused" in page

    def test_a_worker_that_does_not_run_is_noticed(self, admin_browser: Client):
        DeliveryFactory(due_at=db_now() - timedelta(minutes=5))
        page = home(admin_browser)
        assert "1 delivery should have left more than two minutes ago." in page

    def test_events_that_cannot_be_read_are_grouped(self, admin_browser: Client):
        event = InboundEventFactory(state="needs_you", reason="There is no tracking number")
        InboundEventFactory(source=event.source, state="needs_you", reason="There is no tracking number")
        assert f"2 events from {event.source} could not be read: There is no tracking number." in home(admin_browser)

    def test_a_vendor_whose_messages_are_refused_is_named_until_one_is_taken(self, admin_browser: Client):
        source = sources.source_for(ConnectorFactory(name="Lamp shop", provider="shopify"))
        sources.address_make(source=source)
        sources.refusal_note(source=source, because="bad_signature")
        words = "The last message from Lamp shop was refused: its signature does not fit."
        assert words in home(admin_browser)
        sources.heard(Source.objects.get())
        assert words not in home(admin_browser)

    def test_an_exposed_key_is_shown_until_it_is_revoked(self, admin_browser: Client):
        key, _ = key_create(client=ClientFactory(name="Website bot"))
        key.exposed_at = db_now()
        key.save()
        assert "A secret key of Website bot" in home(admin_browser)
        key.revoked_at = db_now()
        key.save()
        assert "A secret key of Website bot" not in home(admin_browser)


class TestNow:
    def test_figures_are_the_counts_of_their_lists(self, admin_browser: Client):
        for _ in range(3):
            LeadFactory()
        LeadFactory(created_at=db_now() - timedelta(days=30))
        answer = admin_browser.get("/admin/")
        figures = {figure.title: figure for figure in answer.context["figures"]}
        assert list(figures) == ["Leads captured", "Delivered", "Time to CRM", "Questions answered"]
        assert figures["Leads captured"].number == "3"
        listed = admin_browser.get(figures["Leads captured"].address).context["cl"]
        assert listed.result_count == 3

    def test_questions_count_those_that_were_answered(self, admin_browser: Client):
        conversation = ConversationFactory()
        for state in ("answered", "answered", "no_match"):
            conversation.turns.create(prompt="?", state=state)
        figure = admin_browser.get("/admin/").context["figures"][3]
        assert (figure.number, figure.note) == ("2", "of 3 asked this week; 2 today")

    def test_time_to_the_crm_is_median_and_95th_percentile(self, admin_browser: Client):
        begun = db_now() - timedelta(seconds=30)
        for seconds in range(1, 21):
            settled = begun + timedelta(seconds=seconds)
            DeliveryFactory(state="delivered", created_at=begun, settled_at=settled)
        figure = admin_browser.get("/admin/").context["figures"][2]
        assert (figure.number, figure.note) == ("10.5 s", "half are faster; 95 % within 19.1 s")


class TestConnectors:
    def test_pause_and_resume_come_back_here(self, admin_browser: Client):
        connector = ConnectorFactory()
        ConnectorState.objects.create(connector=connector)
        for button, is_paused in (("pause", True), ("resume", False)):
            address = f"/admin/integrations/connector/{connector.pk}/press/{button}/"
            assert address in home(admin_browser)
            answer = admin_browser.post(address, {"next": "/admin/"})
            assert answer.headers["Location"] == "/admin/"
            assert bool(ConnectorState.objects.get().paused_at) is is_paused

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({}, "not used yet"),
            ({"last_success_at": 1}, "working"),
            ({"last_success_at": 9, "last_failure_at": 1}, "in trouble"),
            ({"last_success_at": 1, "last_failure_at": 9}, "working"),
            ({"last_success_at": 1, "paused_at": 1, "pause_reason": "needs_reauth"}, "paused: needs a new key"),
        ],
    )
    def test_state_is_said_in_words(self, admin_browser: Client, values: dict, words: str):
        now = db_now()
        times = {name: now - timedelta(minutes=at) if isinstance(at, int) else at for name, at in values.items()}
        ConnectorState.objects.create(connector=ConnectorFactory(), **times)
        assert words in home(admin_browser)


class TestSoon:
    def test_keys_that_end_within_two_weeks_are_shown(self, admin_browser: Client):
        client = ClientFactory(name="Website bot")
        key_create(client=client, name="soon", days=13)
        key_create(client=client, name="later", days=30)
        page = home(admin_browser)
        assert escape("key “soon”") in page
        assert "“later”" not in page


def test_viewer_sees_everything_and_presses_nothing(viewer_browser: Client):
    hostile_rows()
    page = home(viewer_browser)
    assert "lead waits" in page
    assert 'class="sb-press"' not in page


def test_who_may_see_nothing_sees_a_calm_page(client: Client):
    hostile_rows()
    client.force_login(UserFactory(is_superuser=False))
    page = home(client)
    assert "Nothing needs you." in page
    assert not links(page)
    assert "Connectors</h2>" not in page
