"""Syncs: how a connector does, what moves it on, what needs somebody and what mends it."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from integrations import sweeps, syncs
from integrations.breaker import Breaker
from integrations.models import Connector, ConnectorState, Delivery, Sweep
from integrations.quota import Quota, Window
from runtime.clock import db_now
from tests.config.admin_rows import hostile_rows
from tests.config.test_admin import assert_inert
from tests.factories import ConnectorFactory, DeliveryFactory, LeadFactory, MappingVersionFactory, UserFactory, rule

pytestmark = [pytest.mark.django_db, pytest.mark.db]

UNKNOWN_FIELD = {"state": "needs_you", "reason": "unknown_field", "field": "utm_src", "tries": 4}
MAPPING = [{"field": "firstname", "source": "first_name"}, {"field": "utm_src", "source": "source.utm.source"}]
MOST_QUERIES = 18


@pytest.fixture
def crm() -> Connector:
    row: Connector = MappingVersionFactory(connector__name="HubSpot", rows=MAPPING).connector
    ConnectorState.objects.create(connector=row)
    return row


def in_use(connector: Connector) -> list[str]:
    return [row["field"] for row in connector.mappings.get(state="in_use").rows]


def page_of(browser: Client, connector: Connector) -> str:
    answer = browser.get(f"/admin/integrations/sync/{connector.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def figures_of(browser: Client, connector: Connector) -> dict[str, object]:
    answer = browser.get(f"/admin/integrations/sync/{connector.pk}/figures/")
    assert answer.status_code == 200
    return answer.json()


def press(browser: Client, connector: Connector, name: str) -> int:
    return browser.post(f"/admin/integrations/sync/{connector.pk}/press/{name}/").status_code


def press_cause(browser: Client, connector: Connector, name: str, **fields: str) -> int:
    given = {"reason": "unknown_field", "field": "utm_src"} | fields
    return browser.post(f"/admin/integrations/sync/{connector.pk}/cause/{name}/", given).status_code


def browser_of(*codenames: str) -> Client:
    person = UserFactory(is_superuser=False)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    browser = Client()
    browser.force_login(person)
    return browser


def state_of(row: Delivery) -> str:
    return Delivery.objects.values_list("state", flat=True).get(pk=row.pk)


class TestPage:
    def test_the_sidebar_leads_there(self, admin_browser: Client):
        assert 'href="/admin/integrations/sync/"' in admin_browser.get("/admin/").content.decode()

    def test_who_may_not_see_connectors_sees_no_syncs(self, crm: Connector):
        browser = browser_of("view_lead")
        assert "/admin/integrations/sync/" not in browser.get("/admin/").content.decode()
        assert browser.get("/admin/integrations/sync/").status_code == 403
        assert browser.get(f"/admin/integrations/sync/{crm.pk}/figures/").status_code == 403

    def test_only_connectors_that_write_leads_are_listed(self, admin_browser: Client, crm: Connector):
        odoo = ConnectorFactory(provider="odoo", operations=[])
        page = admin_browser.get("/admin/integrations/sync/")
        assert "Show all" not in page.content.decode(), "nothing was narrowed"
        listed = page.context["cl"].result_list
        assert crm.pk in {row.pk for row in listed}
        assert odoo.pk not in {row.pk for row in listed}
        DeliveryFactory(connector=odoo, state="needs_you", operation="call", subject_kind="confirmation")
        listed = admin_browser.get("/admin/integrations/sync/").context["cl"].result_list
        assert odoo.pk in {row.pk for row in listed}, "what needs somebody is not hidden"

    def test_figures_are_counted(self, admin_browser: Client, crm: Connector):
        now = db_now()
        for state in ("waiting", "waiting", "sending", "needs_you"):
            DeliveryFactory(connector=crm, state=state)
        for hours in (0, 0, 49):
            DeliveryFactory(connector=crm, state="delivered", settled_at=now - timedelta(hours=hours))
        DeliveryFactory(state="waiting")
        found = figures_of(admin_browser, crm)
        wanted = {"waiting": "2", "sending": "1", "needs_you": "1", "speed": "2 in the last minute"}
        assert {name: found[name] for name in wanted} == wanted
        assert found["delivered_today"] in {"1", "2"}  # midnight may be in between
        assert found["oldest"]["text"] == "just now"

    def test_it_costs_the_same_however_much_there_is(self, admin_browser: Client, crm: Connector):
        def cost() -> int:
            with CaptureQueriesContext(connection) as captured:
                page_of(admin_browser, crm)
            return len(captured)

        page_of(admin_browser, crm)
        DeliveryFactory(connector=crm, **UNKNOWN_FIELD)
        few = cost()
        for number in range(12):
            DeliveryFactory(connector=crm, state="needs_you", reason="refused", field=f"field{number}")
            DeliveryFactory(connector=crm)
        assert cost() <= few <= MOST_QUERIES

    def test_figures_are_cheap_enough_to_ask_for_every_two_seconds(self, admin_browser: Client, crm: Connector):
        figures_of(admin_browser, crm)
        with CaptureQueriesContext(connection) as captured:
            figures_of(admin_browser, crm)
        # Four of them say who asks, from where, and whether their second factor is due.
        assert len(captured) <= 10

    def test_everything_hostile_is_still_text(self, admin_browser: Client):
        hostile_rows()
        assert_inert(page_of(admin_browser, Connector.objects.get()))

    def test_a_viewer_sees_figures_and_nothing_to_press(self, viewer_browser: Client, crm: Connector):
        DeliveryFactory(connector=crm, **UNKNOWN_FIELD)
        page = page_of(viewer_browser, crm)
        assert "utm_src" in page
        assert "sb-press" not in page
        assert "Change the pace" not in page


class TestStanding:
    """The sentence at the top."""

    def words(self, connector: Connector) -> str:
        row = Connector.objects.select_related("status").get(pk=connector.pk)
        return syncs.standing(row, syncs.figures(row))

    def test_idle(self, crm: Connector):
        assert self.words(crm) == "HubSpot has every lead that it should have."

    def test_sending_says_how_long(self, crm: Connector):
        for _ in range(6):
            DeliveryFactory(connector=crm)
        for _ in range(3):
            DeliveryFactory(connector=crm, state="delivered", settled_at=db_now())
        assert self.words(crm) == "HubSpot is being told of leads. What waits takes about 2 minutes more."

    @pytest.mark.parametrize(
        ("reason", "words"),
        [
            ("by_person", "waits until you resume it"),
            ("needs_reauth", "Enter a new key"),
            ("endpoint_gone", "Correct the address"),
            ("of_its_own", "paused itself"),
        ],
    )
    def test_paused_says_why(self, crm: Connector, reason: str, words: str):
        ConnectorState.objects.update(paused_at=db_now(), pause_reason=reason)
        assert words in self.words(crm)

    @pytest.mark.parametrize(("because", "words"), [("quota", "its limit is used up"), ("breaker", "left alone")])
    def test_held_says_why_and_until_when(self, crm: Connector, because: str, words: str):
        until = db_now() + timedelta(seconds=20)
        ConnectorState.objects.update(held_until=until, held_because=because)
        assert words in self.words(crm)
        assert re.search(r"in (19|20) seconds", self.words(crm))

    def test_a_worker_that_does_not_run_is_noticed(self, crm: Connector):
        DeliveryFactory(connector=crm, due_at=db_now() - timedelta(minutes=5))
        assert "the worker is not running" in self.words(crm)

    def test_what_is_tried_later_is_said(self, crm: Connector):
        DeliveryFactory(connector=crm, due_at=db_now() + timedelta(hours=1))
        assert "will be tried again by itself" in self.words(crm)

    def test_what_the_vendor_works_on_is_said(self, admin_browser: Client, crm: Connector):
        DeliveryFactory(connector=crm, state="confirming", job="1", due_at=db_now() + timedelta(minutes=1))
        assert self.words(crm).startswith("HubSpot has accepted 1 lead and is still working on it")
        found = figures_of(admin_browser, crm)
        assert (found["confirming"], found["sending"]) == ("1", "0")
        assert "state__exact=confirming" in page_of(admin_browser, crm)

    def test_what_needs_somebody_is_said(self, crm: Connector):
        DeliveryFactory(connector=crm, **UNKNOWN_FIELD)
        assert self.words(crm) == "HubSpot has every lead but 1: see what needs you below."


class TestQuotaLeft:
    def test_what_was_used_is_off(self, crm: Connector):
        quota = Quota(crm.pk, Window(100, 600))
        assert quota.left() == 100
        for _ in range(3):
            assert quota.take() == 0
        assert quota.left() == 97

    def test_who_was_sent_away_used_nothing(self, crm: Connector):
        quota = Quota(crm.pk, Window(20, 600))
        taken = sum(quota.take() == 0 for _ in range(10))
        assert quota.left() == 20 - taken

    def test_nothing_is_left_while_the_vendor_wants_none(self, crm: Connector):
        quota = Quota(crm.pk, Window(100, 60))
        quota.close(5)
        assert quota.left() == 0

    def test_words_say_whether_it_lasts(self, crm: Connector):
        crm.quota = {"requests": 10, "seconds": 60}
        assert syncs.quota_words(crm, 0) == "10 of 10 requests in 1 minute left"
        assert syncs.quota_words(crm, 1000).endswith("; enough for what waits")
        assert syncs.quota_words(crm, 3000).endswith("; what waits needs 30, which takes at least 3 minutes")


class TestButtons:
    def test_send_now_makes_everything_due_and_ends_a_hold(self, admin_browser: Client, crm: Connector):
        later = db_now() + timedelta(hours=3)
        row = DeliveryFactory(connector=crm, due_at=later, tries=2)
        other = DeliveryFactory(due_at=later)
        ConnectorState.objects.update(held_until=later, held_because="breaker")
        breaker = Breaker(crm.pk)
        for _ in range(5):
            breaker.note(is_well=False)
        assert press(admin_browser, crm, "send_now") == 302
        row.refresh_from_db()
        other.refresh_from_db()
        assert row.due_at <= db_now() < other.due_at
        assert ConnectorState.objects.get(pk=crm.pk).held_until is None
        assert not breaker.is_open

    def test_pause_and_resume(self, admin_browser: Client, crm: Connector):
        assert press(admin_browser, crm, "resume") == 403
        assert press(admin_browser, crm, "pause") == 302
        assert ConnectorState.objects.get().pause_reason == "by_person"
        assert press(admin_browser, crm, "send_now") == 403
        assert press(admin_browser, crm, "resume") == 302
        assert ConnectorState.objects.get().paused_at is None

    def test_existing_leads_are_sent_with_progress_and_can_be_stopped(self, admin_browser: Client, crm: Connector):
        for _ in range(3):
            LeadFactory()
        assert press(admin_browser, crm, "cancel_backfill") == 403
        assert press(admin_browser, crm, "send_existing") == 302
        assert press(admin_browser, crm, "send_existing") == 403
        found = figures_of(admin_browser, crm)
        assert (found["is_backfilling"], found["backfill"]) == (True, "0 of 3 leads looked at, 0 of them put in line.")
        assert press(admin_browser, crm, "cancel_backfill") == 302
        assert figures_of(admin_browser, crm)["is_backfilling"] is False
        assert "Stopped: 0 of 3 leads looked at" in page_of(admin_browser, crm)

    def test_nothing_happens_by_a_get_or_without_the_right(self, admin_browser: Client, viewer_browser: Client, crm):
        for name in ("send_now", "pause", "send_existing"):
            assert admin_browser.get(f"/admin/integrations/sync/{crm.pk}/press/{name}/").status_code == 405
            assert press(viewer_browser, crm, name) == 403

    def test_nothing_happens_without_the_token_of_the_form(self, crm: Connector):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(UserFactory())
        DeliveryFactory(connector=crm, **UNKNOWN_FIELD)
        assert press(browser, crm, "pause") == 403
        assert press_cause(browser, crm, "cancel") == 403


class TestPace:
    posted = {"trouble": "10 s, 5 m", "refusal": "1 h", "quota_requests": "50", "quota_seconds": "10"}

    def save(self, browser: Client, connector: Connector, **values: str):
        where = f"/admin/integrations/sync/{connector.pk}/change/"
        return browser.post(where, self.posted | {"calls_at_once": "2"} | values)

    def test_the_usual_table_is_said_in_sentences(self, admin_browser: Client, crm: Connector):
        page = page_of(admin_browser, crm)
        assert "If HubSpot is down, we try 10 more times over 3 days, first after 10 seconds" in page
        refusal = (
            "If it refuses a lead, we try 3 more times: after 5 minutes, 1 hour and 6 hours; then it waits for you."
        )
        assert refusal in page

    def test_it_is_changed_and_nothing_else_is(self, admin_browser: Client, crm: Connector):
        assert self.save(admin_browser, crm).status_code == 302
        before, row = crm, Connector.objects.get(pk=crm.pk)
        assert row.retry_policy == {"trouble": [10, 300], "refusal": [3600]}
        assert (row.quota, row.max_in_flight) == ({"requests": 50, "seconds": 10}, 2)
        assert (row.name, row.config, row.operations) == (before.name, before.config, before.operations)
        page = page_of(admin_browser, crm)
        assert "we try 2 more times: after 10 seconds and 5 minutes; then it waits for you." in page
        assert "we try 1 more time: after 1 hour; then it waits for you." in page
        assert 'value="10 s, 5 m"' in page

    def test_left_empty_it_is_the_usual(self, admin_browser: Client, crm: Connector):
        self.save(admin_browser, crm)
        self.save(admin_browser, crm, **dict.fromkeys([*self.posted, "calls_at_once"], ""))
        row = Connector.objects.get(pk=crm.pk)
        assert (row.retry_policy, row.quota, row.max_in_flight) == ({}, {}, None)

    @pytest.mark.parametrize(
        ("field", "text"),
        [
            ("trouble", "soon"),
            ("trouble", "25 h"),
            ("trouble", "0 s"),
            ("trouble", ", ".join(["1 m"] * 21)),
            ("refusal", "<script>"),
            ("quota_requests", "0"),
            ("quota_requests", ""),
            ("quota_seconds", ""),
            ("calls_at_once", "11"),
        ],
    )
    def test_what_makes_no_sense_is_refused_at_its_field(self, admin_browser: Client, crm, field: str, text: str):
        answer = self.save(admin_browser, crm, **{field: text})
        assert field in answer.context["adminform"].form.errors
        assert Connector.objects.get(pk=crm.pk).retry_policy == {}

    def test_a_viewer_may_not(self, viewer_browser: Client, crm: Connector):
        assert self.save(viewer_browser, crm).status_code == 403


class TestCauses:
    def test_one_line_per_cause_with_what_to_press(self, admin_browser: Client, crm: Connector):
        for _ in range(12):
            DeliveryFactory(connector=crm, **UNKNOWN_FIELD, vendor_words="Property utm_src does not exist")
        DeliveryFactory(connector=crm, state="needs_you", reason="invalid_email")
        DeliveryFactory(state="needs_you", reason="refused")
        page = page_of(admin_browser, crm)
        assert escape("12 leads wait: HubSpot does not know the field “utm_src”.") in page
        assert page.count('class="sb-needs"') == 2
        for words in ("Leave the field out", "Send the 12 again", "Cancel the 12", "See the 12"):
            assert words in page
        assert page.count("Leave the field out") == 1
        assert "Property utm_src does not exist" in page

    def test_changes_that_may_have_been_done_are_sent_again_one_by_one_alone(self, admin_browser, crm: Connector):
        for _ in range(2):
            kind = {"operation": "call", "subject_kind": "confirmation"}
            DeliveryFactory(connector=crm, state="needs_you", reason="change_unanswered", **kind)
        page = page_of(admin_browser, crm)
        assert "2 changes wait: HubSpot gave no answer" in page
        assert "2 changes for HubSpot need you" in page
        assert "See the 2" in page
        assert "Send the 2 again" not in page

    def test_send_again_sends_the_cause_and_no_other(self, admin_browser: Client, crm: Connector):
        wanted = [DeliveryFactory(connector=crm, **UNKNOWN_FIELD) for _ in range(3)]
        others = [
            DeliveryFactory(connector=crm, **UNKNOWN_FIELD | {"field": "other"}),
            DeliveryFactory(**UNKNOWN_FIELD),
        ]
        assert press_cause(admin_browser, crm, "send_again") == 302
        assert {state_of(row) for row in wanted} == {"waiting"}
        assert {state_of(row) for row in others} == {"needs_you"}
        assert "3 deliveries will be sent now." in LogEntry.objects.get().change_message

    def test_a_great_many_are_sent_in_the_background_and_the_page_says_how_far_it_is(
        self, admin_browser: Client, crm: Connector, monkeypatch
    ):
        monkeypatch.setattr(sweeps, "AT_ONCE", 2)
        for _ in range(3):
            DeliveryFactory(connector=crm, **UNKNOWN_FIELD)
        assert press_cause(admin_browser, crm, "send_again") == 302
        found = figures_of(admin_browser, crm)
        assert (found["is_sweeping"], found["sweep"]) == (True, "Sending again: 0 of 3 deliveries looked at.")
        sweeps.run(Sweep.objects.get().pk)
        assert figures_of(admin_browser, crm)["sweep"] == "Sending again: done, 3 deliveries."
        assert not Delivery.objects.filter(state="needs_you").exists()

    def test_the_field_is_left_out_and_they_are_sent(self, admin_browser: Client, crm: Connector):
        row = DeliveryFactory(connector=crm, **UNKNOWN_FIELD)
        assert press_cause(admin_browser, crm, "leave_out") == 302
        assert in_use(crm) == ["firstname"]
        assert crm.mappings.get(state="retired").rows == MAPPING
        assert state_of(row) == "waiting"

    def test_a_field_of_the_usual_mapping_is_left_out_too(self, admin_browser: Client):
        crm = ConnectorFactory()
        row = DeliveryFactory(connector=crm, **UNKNOWN_FIELD | {"field": "company"})
        assert "Leave the field out" in page_of(admin_browser, crm)
        press_cause(admin_browser, crm, "leave_out", field="company")
        assert "company" not in in_use(crm)
        assert "lastname" in in_use(crm)
        assert state_of(row) == "waiting"

    def test_the_only_field_is_not_left_out(self, admin_browser: Client):
        crm = MappingVersionFactory(rows=MAPPING[1:]).connector
        row = DeliveryFactory(connector=crm, **UNKNOWN_FIELD)
        assert "Leave the field out" not in page_of(admin_browser, crm)
        press_cause(admin_browser, crm, "leave_out")
        assert in_use(crm) == ["utm_src"]
        assert state_of(row) == "needs_you"

    def test_cancel_gives_them_up(self, admin_browser: Client, crm: Connector):
        row = DeliveryFactory(connector=crm, **UNKNOWN_FIELD)
        assert press_cause(admin_browser, crm, "cancel") == 302
        assert state_of(row) == "cancelled"

    @pytest.mark.parametrize("name", ["send_again", "leave_out", "cancel"])
    def test_nothing_happens_without_the_right(self, crm: Connector, name: str):
        row = DeliveryFactory(connector=crm, **UNKNOWN_FIELD)
        browser = browser_of("view_connector", "change_connector", "view_delivery")
        assert press_cause(browser, crm, name) == 403
        assert state_of(row) == "needs_you"

    def test_who_may_send_but_not_change_connectors_is_not_offered_to_leave_out(self, crm: Connector):
        DeliveryFactory(connector=crm, **UNKNOWN_FIELD)
        browser = browser_of("view_connector", "change_delivery", "view_delivery")
        page = page_of(browser, crm)
        assert "Send again" in page
        assert "Leave the field out" not in page
        assert press_cause(browser, crm, "leave_out") == 403

    def test_an_unknown_button_or_connector_is_not_found(self, admin_browser: Client, crm: Connector):
        assert press_cause(admin_browser, crm, "explode") == 404
        crm.pk = LeadFactory().pk
        assert press_cause(admin_browser, crm, "cancel") == 404

    def test_the_home_page_offers_the_same(self, admin_browser: Client, crm: Connector):
        DeliveryFactory(connector=crm, **UNKNOWN_FIELD, vendor_words="No such property")
        home = admin_browser.get("/admin/").content.decode()
        assert f'action="/admin/integrations/sync/{crm.pk}/cause/leave_out/"' in home
        assert "What HubSpot said" in home


class TestListOfDeliveries:
    """Selected deliveries: all that the list's filters let through may be a great many."""

    where = "/admin/integrations/delivery/?state__exact=needs_you&reason=unknown_field"

    def act(self, browser: Client, address: str) -> str:
        chosen = {"action": "send_selected_again", "select_across": "1", "_selected_action": ["x"]}
        return browser.post(address, chosen, follow=True).content.decode()

    def test_more_than_a_page_are_sent_in_the_background(self, admin_browser: Client, crm: Connector, monkeypatch):
        monkeypatch.setattr(sweeps, "AT_ONCE", 2)
        kept = DeliveryFactory(connector=crm, state="needs_you", reason="refused")
        for connector in (crm, crm, crm, ConnectorFactory()):
            DeliveryFactory(connector=connector, **UNKNOWN_FIELD)
        assert "4 deliveries are sent again in the background" in self.act(admin_browser, self.where)
        for row in Sweep.objects.all():
            sweeps.run(row.pk)
        assert Delivery.objects.filter(state="waiting").count() == 4
        assert state_of(kept) == "needs_you"

    def test_a_search_that_finds_too_many_is_to_be_narrowed_by_filters(
        self, admin_browser: Client, crm: Connector, monkeypatch
    ):
        monkeypatch.setattr(sweeps, "AT_ONCE", 2)
        for words in ("found", "found", "found", "other"):
            DeliveryFactory(connector=crm, **UNKNOWN_FIELD, vendor_words=words)
        assert "3 are too many to find by a search" in self.act(admin_browser, f"{self.where}&q=found")
        assert not Delivery.objects.filter(state="waiting").exists()
        assert not Sweep.objects.exists()


def test_a_changed_filter_takes_up_what_it_had_left_out(admin_browser: Client, settings):
    settings.EGRESS_ALLOW = ["127.0.0.1:9"]
    crm = ConnectorFactory(credential__host="127.0.0.1", lead_filter=[rule("channel", "web")])
    lead = LeadFactory(source={"channel": "phone"})
    DeliveryFactory(connector=crm, subject_id=lead.pk, state="skipped", reason="filtered")
    posted = {
        "name": crm.name,
        "base_url": crm.base_url,
        "credential": str(crm.credential_id),
        "operations": ["upsert"],
        "rules-0-about": "channel",
        "rules-0-test": "any_of",
        "rules-0-values": "web\nphone",
        "is_active": "on",
    }
    answer = admin_browser.post(f"/admin/integrations/connector/{crm.pk}/change/", posted, follow=True)
    assert "1 lead that was left out is looked at again" in answer.content.decode()
    assert ConnectorState.objects.get().backfill_scope == "skipped"
    ConnectorState.objects.update(backfill_scope="")
    admin_browser.post(f"/admin/integrations/connector/{crm.pk}/change/", posted | {"name": "Renamed"})
    assert ConnectorState.objects.get().backfill_scope == ""
