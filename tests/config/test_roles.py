"""What each role may do: every page, button, action and address of the admin, tried by somebody with that role."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from gateway import people, roles
from gateway.models import User
from gateway.roles import ADMINISTRATOR, ANALYST, CONNECTOR_MANAGER, ROLES, VIEWER
from tests.config.admin_rows import HOSTILE, hostile_rows
from tests.factories import ConnectorFactory, UserFactory
from tests.integrations.providers.rest.definitions import STOCK, config

pytestmark = pytest.mark.django_db

A, M, N, V = ADMINISTRATOR, CONNECTOR_MANAGER, ANALYST, VIEWER
NOBODY: set[str] = set()
ALL = {A, M, N, V}


def record(*viewers: str, **more: set[str]) -> dict[str, set[str]]:
    """What is only read: nobody makes, changes or deletes it by hand."""
    return {"list": {*viewers}, "page": {*viewers}, "add": NOBODY, "change": NOBODY, "delete": NOBODY, **named(more)}


def edited(viewers: set[str], editors: set[str], **more: set[str]) -> dict[str, set[str]]:
    """What is made here; `delete` where rows are kept for what they explain."""
    own = {"list": viewers, "page": viewers, "add": editors, "change": editors, "delete": editors}
    return {**own, **named(more)}


def named(more: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name.replace("__", ":"): who for name, who in more.items()}


EXPECTED: dict[str, dict[str, set[str]]] = {
    "leads.Lead": record(
        A,
        M,
        N,
        press__send_again={A, M},
        press__not_a_duplicate={A, M},
        action__send_selected_again={A, M},
        action__export_csv={A, N},
        url__leads_lead_merge={A, M},
        url__leads_lead_consents={A, M, N},
        url__leads_lead_withdraw={A, M},
        url__leads_lead_erase={A},
    ),
    "leads.Erasure": record(A, press__close={A}),
    "leads.Import": record(
        A,
        add={A},
        press__go_on={A},
        press__undo={A},
        url__leads_import_match={A},
        url__leads_import_progress={A},
        url__leads_import_errors={A},
    ),
    "leads.Export": record(
        A,
        N,
        add={A, N},
        press__again={A, N},
        press__cancel={A, N},
        press__remove={A, N},
        url__leads_export_progress={A, N},
        url__leads_export_download={A, N},
        url__leads_export_dictionary={A, N},
    ),
    "leads.ExportPlan": edited({A, N}, {A, N}, add=NOBODY, press__run_now={A, N}),
    "integrations.Delivery": record(
        A,
        M,
        N,
        press__send_again={A, M},
        press__cancel={A, M},
        action__send_selected_again={A, M},
        action__cancel_selected={A, M},
    ),
    "integrations.Call": record(A, M),
    "integrations.MappingVersion": edited(
        {A, M, V},
        {A, M},
        delete=NOBODY,
        press__try_out={A, M},
        press__publish={A, M},
        press__use_again={A, M},
    ),
    "integrations.Connector": edited(
        {A, M, V},
        {A, M},
        delete=NOBODY,
        press__test={A, M},
        press__pause={A, M},
        press__resume={A, M},
        url__integrations_connector_try={A, M},
        url__integrations_endpoint_list={A, M},
        url__integrations_endpoint_pick={A, M},
        url__integrations_endpoint_address={A, M},
        url__integrations_endpoint_new={A, M},
        url__integrations_endpoint_change={A, M},
        url__integrations_endpoint_remove={A, M},
    ),
    "integrations.Sync": edited(
        {A, M, V},
        {A, M},
        add=NOBODY,
        delete=NOBODY,
        press__send_now={A, M},
        press__pause={A, M},
        press__resume={A, M},
        press__send_existing={A, M},
        press__cancel_backfill={A, M},
        url__integrations_sync_figures={A, M, V},
        url__integrations_sync_cause={A, M},
    ),
    "integrations.Credential": edited(
        {A, M},
        {A, M},
        action__delete_selected={A, M},
        press__connect={A, M},
        press__spare_test={A, M},
        press__spare_swap={A, M},
        # Who has not begun to sign in at a vendor is told so; who has is asked for the right as they come back.
        url__integrations_credential_connected=ALL,
    ),
    "engine.Intent": edited(ALL, {A, M}, action__delete_selected={A, M}),
    "engine.Faq": edited(ALL, {A, M}, action__delete_selected={A, M}),
    "engine.Conversation": record(A, M, N),
    "runtime.Retention": edited({A}, {A}, add=NOBODY, delete=NOBODY),
    "webhooks.Source": edited(
        {A, M, V},
        {A, M},
        delete=NOBODY,
        press__new_address={A, M},
        press__end_overlap={A, M},
        url__webhooks_source_make={A, M},
    ),
    "webhooks.InboundEvent": record(A, M, press__process_again={A, M}, action__process_selected_again={A, M}),
    "gateway.Client": edited(
        {A, M, V},
        {A},
        delete=NOBODY,
        press__renew_secret={A},
        press__log_whole={A},
        press__log_less={A},
        url__gateway_client_new_key={A},
    ),
    "gateway.Key": edited(
        {A},
        {A},
        add=NOBODY,
        delete=NOBODY,
        press__revoke={A},
        action__revoke_selected={A},
        url__gateway_key_rotate={A},
        url__gateway_key_used={A},
    ),
    "gateway.AdminNetwork": edited({A}, {A}),
    "gateway.RequestLog": record(A, M),
    "gateway.User": edited(
        {A},
        {A},
        delete=NOBODY,
        press__reset_second_factor={A},
        press__sign_out={A},
        press__unlock={A},
        url__auth_user_password_change={A},
    ),
    "gateway.AuditEntry": record(A),
}

# How an address beyond the usual five is tried: method, what it is about, what is sent.


def _defining() -> Any:
    """Return a connector whose endpoints are defined in the admin, with one."""
    return ConnectorFactory(provider="rest", config=config(STOCK)).pk


CALLS: dict[str, tuple[str, Callable[[Any], Any], dict[str, str]]] = {
    "integrations_connector_try": ("post", lambda row: (), {}),
    "integrations_endpoint_list": ("get", lambda row: (_defining(),), {}),
    "integrations_endpoint_pick": ("get", lambda row: (_defining(),), {}),
    "integrations_endpoint_address": ("post", lambda row: (_defining(),), {}),
    "integrations_endpoint_new": ("get", lambda row: (_defining(),), {"use": "order"}),
    "integrations_endpoint_change": ("get", lambda row: (_defining(), "stock"), {}),
    "integrations_endpoint_remove": ("post", lambda row: (_defining(), "stock"), {}),
    "integrations_sync_figures": ("get", lambda row: (row.pk,), {}),
    "integrations_sync_cause": ("post", lambda row: (row.pk, "send_again"), {"reason": "refused"}),
    "gateway_client_new_key": ("get", lambda row: (row.pk,), {}),
    "gateway_key_rotate": ("get", lambda row: (row.pk,), {}),
    "gateway_key_used": ("get", lambda row: (row.pk,), {}),
    "integrations_credential_connected": ("get", lambda row: (), {}),
    "leads_lead_merge": ("get", lambda row: (row.pk,), {}),
    "leads_lead_consents": ("get", lambda row: (row.pk,), {}),
    "leads_lead_withdraw": ("post", lambda row: (row.pk,), {"purpose": HOSTILE[:64]}),
    "leads_lead_erase": ("get", lambda row: (row.pk,), {}),
    "leads_import_match": ("post", lambda row: (row.pk,), {}),
    "leads_import_progress": ("get", lambda row: (row.pk,), {}),
    "leads_import_errors": ("get", lambda row: (row.pk,), {}),
    "leads_export_progress": ("get", lambda row: (row.pk,), {}),
    "leads_export_download": ("get", lambda row: (row.pk, "token"), {}),
    "leads_export_dictionary": ("get", lambda row: (row.pk,), {}),
    "webhooks_source_make": ("post", lambda row: (ConnectorFactory().pk,), {}),
    "auth_user_password_change": ("get", lambda row: (row.pk,), {}),
}

# Addresses of the whole site; what they show depends on the pages above, or on nothing.
SITE = {
    "funnel",
    "index",
    "login",
    "logout",
    "password_change",
    "password_change_done",
    "autocomplete",
    "jsi18n",
    "view_on_site",
    "app_list",
    "search",
    "second_factor",
    "second_factor_code",
    "second_factor_set_up",
}

MODELS = {model._meta.label: page for model, page in admin.site._registry.items()}


def names(page: Any) -> tuple[str, set[str]]:
    """Return what the addresses of a model start with, and the names of those beyond the usual."""
    start = f"{page.opts.app_label}_{page.opts.model_name}"
    usual = {f"{start}_{name}" for name in ("changelist", "add", "history", "delete", "change", "press")}
    return start, {pattern.name for pattern in page.get_urls() if pattern.name} - usual


def declared_actions(page: Any) -> set[str]:
    if page.actions is None:
        return set()
    request = type("Request", (), {"user": UserFactory(), "GET": {}})()
    return set(page.get_actions(request))


def whole(page: Any) -> set[str]:
    """Return everything that can be done on a model's pages."""
    _, custom = names(page)
    return {
        "list",
        "page",
        "add",
        "change",
        "delete",
        *(f"press:{name}" for name in page.buttons),
        *(f"action:{name}" for name in declared_actions(page)),
        *(f"url:{name}" for name in custom),
    }


def signed_in(role: str) -> Client:
    person: User = UserFactory(is_superuser=False)
    people.person_role_set(person=person, role=role)
    browser = Client()
    browser.force_login(person)
    return browser


def may(browser: Client, page: Any, row: Any) -> set[str]:
    """Return what this browser is let do; buttons do nothing here (`harmless`)."""
    start, custom = names(page)
    more = "?provider=hubspot" if start in {"integrations_connector", "integrations_credential"} else ""

    def answers(name: str, *args: Any, method: str = "get", **sent: Any) -> Any:
        return getattr(browser, method)(reverse(f"admin:{name}", args=args) + (more if "add" in name else ""), **sent)

    found = set()
    listed = answers(f"{start}_changelist")
    if listed.status_code == 200:
        found.add("list")
        form = listed.context["action_form"]
        found |= {f"action:{name}" for name, _ in form.fields["action"].choices if name} if form else set()
    shown = answers(f"{start}_change", row.pk)
    if shown.status_code == 200:
        found |= {"page", *({"change"} if shown.context["has_change_permission"] else ())}
    found |= {"add"} if answers(f"{start}_add").status_code == 200 else set()
    found |= {"delete"} if answers(f"{start}_delete", row.pk).status_code == 200 else set()
    for name in page.buttons:
        pressed = answers(f"{start}_press", row.pk, name, method="post")
        assert pressed.status_code in {302, 403, 404}
        found |= {f"press:{name}"} if pressed.status_code == 302 else set()
    for name in custom:
        method, args, data = CALLS[name]
        answer = answers(name, *args(row), method=method, data=data)
        assert answer.status_code in {200, 286, 302, 403, 404}, (name, answer.status_code)
        found |= {f"url:{name}"} if answer.status_code not in {403, 404} else set()
    return found


@pytest.fixture
def harmless(monkeypatch):
    """Make a page's buttons do nothing and be there whatever the row's state: this is about who may press them."""

    def disarm(page: Any) -> None:
        for name in page.buttons:
            method = getattr(type(page), name)

            def nothing(self: Any, request: Any, record: Any) -> None:
                return

            nothing.button = replace(method.button, is_shown=lambda record: True)  # type: ignore[attr-defined]
            monkeypatch.setattr(type(page), name, nothing)

    return disarm


@pytest.mark.parametrize("label", sorted(MODELS))
def test_each_role_may_do_what_it_says_and_nothing_else(label: str, harmless):
    page = MODELS[label]
    assert label in EXPECTED, f"Say in EXPECTED what each role may do with {label}, and in gateway/roles.py."
    assert set(EXPECTED[label]) == whole(page), "Say in EXPECTED who may do this."
    rows = hostile_rows()
    row = next(row for row in rows if row._meta.label == label)
    harmless(page)
    allowed: dict[str, set[str]] = {name: set() for name in EXPECTED[label]}
    for role in ROLES:
        for name in may(signed_in(role), page, row):
            allowed[name].add(role)
    assert allowed == EXPECTED[label]


def test_every_entry_is_about_something_that_exists():
    assert set(EXPECTED) == set(MODELS)
    assert set(CALLS) == {name for page in MODELS.values() for name in names(page)[1]}


def test_the_site_has_no_address_that_nobody_has_thought_of():
    own = {pattern.name for pattern in admin.site.get_urls() if getattr(pattern, "name", None)}
    assert own == SITE


def test_nobody_without_a_role_gets_in():
    person = UserFactory(is_superuser=False)
    people.person_role_set(person=person, role="")
    browser = Client()
    browser.force_login(person)
    assert browser.get("/admin/").status_code == 302


@pytest.mark.parametrize("role", ROLES)
def test_home_opens_for_every_role(role: str):
    hostile_rows()
    page = signed_in(role).get("/admin/").content.decode()
    assert ("person1@example.com" in page) is False
    assert ("Credentials" in page) is (role in {A, M})
    assert ("Audit trail" in page) is (role == A)


@pytest.mark.db
def test_roles_are_made_whole_again():
    group = Group.objects.get(name=VIEWER)
    group.permissions.add(Permission.objects.get(codename="delete_lead"))
    Group.objects.get(name=ANALYST).delete()
    roles.sync()
    codenames = set(group.permissions.values_list("codename", flat=True))
    assert "view_connector" in codenames
    assert not [name for name in codenames if not name.startswith("view_")]
    assert Group.objects.get(name=ANALYST).permissions.filter(codename="add_export").exists()


def test_every_grant_names_a_permission_that_exists():
    known = set(Permission.objects.values_list("content_type__app_label", "codename"))
    assert {key for role in ROLES.values() for key in roles._keys(role)} <= known


class TestAPersonsPage:
    def test_a_role_is_given_in_words(self, admin_browser: Client):
        person = UserFactory(is_superuser=False, is_staff=False, username="anna")
        address = f"/admin/gateway/user/{person.pk}/change/"
        assert "reads and exports leads" in admin_browser.get(address).content.decode()
        posted = {"username": "anna", "is_active": "on", "role": ANALYST}
        assert admin_browser.post(address, posted).status_code == 302
        person = User.objects.get(pk=person.pk)
        assert (people.role_of(person), person.is_staff, person.is_superuser) == (ANALYST, True, False)
        assert person.has_perm("leads.add_export")
        assert not person.has_perm("gateway.view_key")
        admin_browser.post(address, posted | {"role": ADMINISTRATOR})
        assert User.objects.get(pk=person.pk).is_superuser
        admin_browser.post(address, posted | {"role": VIEWER})
        person = User.objects.get(pk=person.pk)
        assert (people.role_of(person), person.is_superuser) == (VIEWER, False)

    def test_nobody_shuts_themselves_out(self, admin_browser: Client):
        me = User.objects.get()
        posted = {"username": me.username, "role": VIEWER}
        answer = admin_browser.post(f"/admin/gateway/user/{me.pk}/change/", posted)
        assert set(answer.context["adminform"].form.errors) == {"role", "is_active"}
        assert User.objects.get().is_superuser

    def test_nobody_gives_themselves_rights(self):
        browser = signed_in(CONNECTOR_MANAGER)
        me = User.objects.get()
        posted = {"username": me.username, "is_active": "on", "role": ADMINISTRATOR, "is_superuser": "on"}
        assert browser.post(f"/admin/gateway/user/{me.pk}/change/", posted).status_code == 403
        assert not User.objects.get().is_superuser

    def test_another_administrator_resets_a_second_factor(self, admin_browser: Client):
        from gateway.authenticators import Authenticator

        person = UserFactory(username="anna")
        Authenticator.objects.create(user=person, name="app", sealed="x", sealed_with="x")
        there = Client()
        there.force_login(person)
        there.get("/admin/")
        answer = admin_browser.post(f"/admin/gateway/user/{person.pk}/press/reset_second_factor/", follow=True)
        assert "is reset" in answer.content.decode()
        assert not Authenticator.objects.exists()
        assert there.get("/admin/").status_code == 302
