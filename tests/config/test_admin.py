"""Every page of the admin: it opens, stays cheap, and takes nothing for code that a stranger typed."""

import re
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from leads.models import Lead
from tests.config.admin_rows import HOSTILE, MARK, hostile_rows

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
NEEDS_PROVIDER = {"integrations.Connector", "integrations.Credential"}
MOST_QUERIES = 24


def address(model, page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


class Expressions(HTMLParser):
    """Collects what a page gives to the browser to run: scripts and expressions in attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        runs = ("x-", "@", ":", "on", "hx-on", "hx-vals")
        self.found += [value or "" for name, value in attrs if name.startswith(runs)]
        self.found += [
            value or "" for name, value in attrs if name in {"href", "src"} and "javascript:" in (value or "")
        ]

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.found.append(data)


def expressions(page: str) -> list[str]:
    parser = Expressions()
    parser.feed(page)
    return parser.found


def assert_inert(page: str) -> None:
    assert f"<script>{MARK}" not in page
    assert not [text for text in expressions(page) if MARK in text]


def test_expressions_are_found_in_scripts_and_attributes():
    page = f"<a x-data=\"{{a: '{MARK}'}}\">{MARK}</a><script>run('{MARK}')</script><p title='{MARK}'>"
    assert expressions(page) == [f"{{a: '{MARK}'}}", f"run('{MARK}')"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
class TestEveryModel:
    @pytest.mark.db
    def test_list_shows_hostile_rows_as_text(self, admin_browser: Client, model):
        hostile_rows()
        answer = admin_browser.get(address(model, "changelist"))
        assert answer.status_code == 200
        assert len(answer.context["cl"].result_list) >= 1
        assert_inert(answer.content.decode())

    def test_empty_list_says_so(self, admin_browser: Client, model):
        answer = admin_browser.get(address(model, "changelist"))
        nothing = admin_browser.get(address(model, "changelist"), {"q": HOSTILE})
        if not answer.context["cl"].result_list:  # somebody has signed in, so people are never none
            assert answer.context["cl"].model_admin.empty_words.split(".")[0] in answer.content.decode()
        assert "Nothing here matches" in nothing.content.decode()
        assert_inert(nothing.content.decode())

    @pytest.mark.db
    def test_list_costs_the_same_for_one_row_and_for_many(self, admin_browser: Client, model):
        hostile_rows()
        admin_browser.get(address(model, "changelist"))  # content types and the like are remembered from here on
        with CaptureQueriesContext(connection) as few:
            admin_browser.get(address(model, "changelist"))
        for number in range(2, 8):
            hostile_rows(number)
        with CaptureQueriesContext(connection) as many:
            admin_browser.get(address(model, "changelist"))
        assert len(many) <= len(few), [query["sql"] for query in many.captured_queries]
        assert len(many) <= MOST_QUERIES

    @pytest.mark.db
    def test_search_finds_or_not_but_answers(self, admin_browser: Client, model):
        hostile_rows()
        for text in ("person", HOSTILE, "01920000-0000-7000-8000-000000000000", "%", "a" * 500, "\x00"):
            answer = admin_browser.get(address(model, "changelist"), {"q": text})
            assert answer.status_code == 200
            assert_inert(answer.content.decode())

    @pytest.mark.db
    def test_every_filter_choice_answers(self, admin_browser: Client, model):
        hostile_rows()
        changelist = admin_browser.get(address(model, "changelist")).context["cl"]
        choices = [choice for spec in changelist.filter_specs for choice in spec.choices(changelist)]
        choices = [choice for choice in choices if "query_string" in choice]  # a calendar has a form instead
        assert not changelist.has_filters or choices
        for choice in choices:
            answer = admin_browser.get(address(model, "changelist") + choice["query_string"])
            assert answer.status_code == 200, choice["query_string"]

    @pytest.mark.db
    def test_every_column_sorts(self, admin_browser: Client, model):
        hostile_rows()
        columns = len(admin_browser.get(address(model, "changelist")).context["cl"].list_display)
        for column in range(columns):
            assert admin_browser.get(address(model, "changelist"), {"o": f"-{column}"}).status_code == 200

    def test_page_of_a_hostile_row_shows_text(self, admin_browser: Client, model):
        row = next(row for row in hostile_rows() if isinstance(row, model))
        answer = admin_browser.get(address(model, "change", row.pk))
        assert answer.status_code == 200
        assert_inert(answer.content.decode())

    def test_page_is_cheap(self, admin_browser: Client, model):
        row = next(row for row in hostile_rows() if isinstance(row, model))
        for number in range(2, 5):
            hostile_rows(number)
        admin_browser.get(address(model, "change", row.pk))
        with CaptureQueriesContext(connection) as captured:
            admin_browser.get(address(model, "change", row.pk))
        assert len(captured) <= MOST_QUERIES, [query["sql"] for query in captured.captured_queries]

    def test_history_and_missing_rows_answer(self, admin_browser: Client, model):
        row = next(row for row in hostile_rows() if isinstance(row, model))
        assert admin_browser.get(address(model, "history", row.pk)).status_code == 200
        missing = 987654 if isinstance(row.pk, int) else "01920000-0000-7000-8000-000000000000"
        assert admin_browser.get(address(model, "change", missing)).status_code == 302

    def test_add_page_opens_where_rows_are_made_by_hand(self, admin_browser: Client, model):
        where = address(model, "add")
        may_add = admin_browser.get(address(model, "changelist")).context["has_add_permission"]
        where += "?provider=hubspot" if model._meta.label in NEEDS_PROVIDER else ""
        assert admin_browser.get(where).status_code == (200 if may_add else 403)

    def test_viewer_sees_pages_without_buttons(self, viewer_browser: Client, model):
        row = next(row for row in hostile_rows() if isinstance(row, model))
        listed = viewer_browser.get(address(model, "changelist"))
        shown = viewer_browser.get(address(model, "change", row.pk))
        assert (listed.status_code, shown.status_code) == (200, 200)
        page = shown.content.decode()
        assert_inert(page)
        assert "/press/" not in page
        assert 'name="_save"' not in page
        offered = dict(listed.context["action_form"].fields["action"].choices) if listed.context["action_form"] else {}
        assert set(offered) <= {"", "export_csv"}
        assert viewer_browser.get(address(model, "add")).status_code == 403

    def test_stranger_sees_nothing(self, client: Client, model):
        assert client.get(address(model, "changelist")).status_code == 302

    def test_staff_without_rights_sees_nothing(self, client: Client, model):
        from tests.factories import UserFactory

        client.force_login(UserFactory(is_superuser=False))
        assert client.get(address(model, "changelist")).status_code == 403


class Unfolded(HTMLParser):
    """Collects what a page shows before anything is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = ""
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"details", "summary", "script", "style"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            self._open.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self._open or self._open == ["details", "summary"]:
            self.shown += data


def test_a_lead_with_long_texts_stays_short_and_inert(admin_browser: Client):
    lead = next(row for row in hostile_rows() if isinstance(row, Lead))
    text = f"{HOSTILE} " * 150
    lead.attributes = {f"attribute {number}": text for number in range(50)}
    lead.save()
    lead.consents.update(wording=text)
    lead.activities.update(message=text, changes={"message": [text, text]})
    for where in (address(Lead, "change", lead.pk), reverse("admin:leads_lead_consents", args=[lead.pk])):
        page = admin_browser.get(where).content.decode()
        assert_inert(page)
        assert escape(text) in page
        parser = Unfolded()
        parser.feed(page)
        assert 3 < parser.shown.count(MARK) < text.count(MARK)
        assert "attribute 49" not in parser.shown


PRESSES = [
    ("integrations.connector", "pause"),
    ("integrations.connector", "test"),
    ("integrations.delivery", "send_again"),
    ("integrations.delivery", "cancel"),
    ("leads.lead", "send_again"),
    ("gateway.key", "revoke"),
    ("webhooks.inboundevent", "process_again"),
    ("leads.erasure", "close"),
    ("leads.import", "undo"),
    ("leads.lead", "not_a_duplicate"),
    ("leads.export", "again"),
    ("leads.export", "remove"),
    ("leads.exportplan", "run_now"),
]


def pressed(label: str, name: str) -> str:
    row = next(row for row in hostile_rows() if row._meta.label_lower == label)
    return reverse(f"admin:{label.replace('.', '_')}_press", args=(row.pk, name))


@pytest.mark.parametrize(("label", "name"), PRESSES)
class TestEveryButton:
    def test_it_posts(self, admin_browser: Client, label: str, name: str):
        assert admin_browser.post(pressed(label, name)).status_code == 302

    def test_following_a_link_presses_nothing(self, admin_browser: Client, label: str, name: str):
        assert admin_browser.get(pressed(label, name)).status_code == 405

    def test_it_needs_the_right_to_change(self, viewer_browser: Client, label: str, name: str):
        assert viewer_browser.post(pressed(label, name)).status_code == 403

    def test_another_site_cannot_press_it(self, db, label: str, name: str):
        from tests.factories import UserFactory

        browser = Client(enforce_csrf_checks=True)
        browser.force_login(UserFactory())
        assert browser.post(pressed(label, name)).status_code == 403

    def test_it_is_noted_in_the_history(self, admin_browser: Client, label: str, name: str):
        where = pressed(label, name)
        admin_browser.post(where)
        history = admin_browser.get(re.sub(r"/press/.*", "/history/", where)).content.decode()
        assert "Pressed" in history


def test_a_button_that_is_not_there_is_not_found(admin_browser: Client):
    assert admin_browser.post(pressed("integrations.connector", "delete_everything")).status_code == 404
    assert admin_browser.post(pressed_again("has_change_permission")).status_code == 404


def pressed_again(name: str) -> str:
    from integrations.models import Connector

    return reverse("admin:integrations_connector_press", args=(Connector.objects.get().pk, name))


def test_a_button_comes_back_only_to_our_own_pages(admin_browser: Client):
    where = pressed("integrations.connector", "pause")
    own = admin_browser.post(where, {"next": "/admin/"})
    assert own.headers["Location"] == "/admin/"
    away = admin_browser.post(where.replace("/pause/", "/resume/"), {"next": "https://evil.example/"})
    assert away.headers["Location"].startswith("/admin/integrations/connector/")


def test_tokens_of_the_oauth_toolkit_have_no_pages():
    assert not [model for model in admin.site._registry if model._meta.app_label == "oauth2_provider"]
