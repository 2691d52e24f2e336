"""Mappings in the admin: rows to choose, what the vendor would refuse, a try on the newest leads, and the way back."""

import pytest
from django.test import Client

from integrations.models import MappingVersion
from tests.config.admin_rows import HOSTILE, lead_captured
from tests.config.test_admin import assert_inert
from tests.factories import ConnectorFactory, MappingVersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def crm(sandbox):
    return ConnectorFactory(name="CRM", base_url=sandbox.hubspot_url)


def add(connector) -> str:
    return f"/admin/integrations/mappingversion/add/?connector={connector.pk}"


def page(version: MappingVersion) -> str:
    return f"/admin/integrations/mappingversion/{version.pk}/change/"


def press(browser: Client, version: MappingVersion, name: str) -> str:
    address = f"/admin/integrations/mappingversion/{version.pk}/press/{name}/"
    return browser.post(address, follow=True).content.decode()


def posted(*rows: tuple[str, ...]) -> dict[str, str]:
    names = ("field", "source", "function", "argument")
    table = {
        f"rows-{number}-{name}": text
        for number, row in enumerate(rows)
        for name, text in zip(names, (*row, "", "", "")[:4], strict=True)
    }
    return {"note": "Tried by hand", **table}


def test_the_connector_is_asked_first(admin_browser: Client, crm):
    ConnectorFactory(provider="woocommerce", name="ERP")
    found = admin_browser.get("/admin/integrations/mappingversion/add/").content.decode()
    assert f"?connector={crm.pk}" in found
    assert "ERP" not in found


def test_the_vendors_own_fields_are_offered_and_the_usual_rows_are_there(admin_browser: Client, crm):
    found = admin_browser.get(add(crm)).content.decode()
    assert 'value="shopbotly_id"' in found
    assert 'value="firstname" selected' in found
    assert 'value="createdate"' not in found


def test_a_draft_is_made_tried_published_and_taken_back(admin_browser: Client, crm):
    lead_captured("Anna")
    admin_browser.post(add(crm), posted(("firstname", "first_name"), ("lastname", "last_name", "default", "Unknown")))
    version = MappingVersion.objects.get()
    assert version.rows == [
        {"field": "firstname", "source": "first_name"},
        {"field": "lastname", "source": "last_name", "function": "default", "argument": "Unknown"},
    ]
    tried = press(admin_browser, version, "try_out")
    assert "Nothing was sent to HubSpot" in tried
    assert "<strong>Unknown</strong>" in tried
    assert "in use from now on" in press(admin_browser, version, "publish")

    admin_browser.post(page(version), posted(("firstname", "first_name")))
    second = MappingVersion.objects.get(state="draft")
    assert (second.number, second.rows) == (2, [{"field": "firstname", "source": "first_name"}])
    press(admin_browser, second, "publish")
    assert "in use from now on" in press(admin_browser, version, "use_again")
    assert MappingVersion.objects.get(state="in_use") == version


def test_what_the_vendor_would_refuse_is_said_and_not_published(admin_browser: Client, crm):
    version = MappingVersionFactory(connector=crm, state="draft", rows=[{"field": "nosuch", "source": "email"}])
    assert "HubSpot does not know the field “nosuch”." in admin_browser.get(page(version)).content.decode()
    assert "Not published" in press(admin_browser, version, "publish")
    version.refresh_from_db()
    assert version.state == "draft"


def test_a_vendor_that_does_not_answer_is_told_and_publishing_goes_on(admin_browser: Client):
    version = MappingVersionFactory(state="draft", connector__name="CRM")
    assert "CRM could not be asked for its fields" in admin_browser.get(page(version)).content.decode()
    assert "could not be checked" in press(admin_browser, version, "publish")


@pytest.mark.parametrize(
    "rows",
    [
        [("firstname", "first_name[")],
        [("firstname", "")],
        [("", "email")],
        [("firstname", "email"), ("firstname", "phone")],
        [("firstname", "email", "explode", "")],
        [("firstname", "email", "date", "tomorrow")],
        [],
    ],
)
def test_rows_that_can_not_work_are_refused_and_kept_to_be_corrected(admin_browser: Client, crm, rows):
    answer = admin_browser.post(add(crm), posted(*rows))
    assert "rows" in answer.context["adminform"].form.errors
    assert not MappingVersion.objects.exists()
    for row in rows:
        assert f'value="{row[1]}"' in answer.content.decode()


def test_hostile_rows_are_text(admin_browser: Client, crm):
    lead_captured(HOSTILE[:90])
    rows = [{"field": HOSTILE[:100], "source": "first_name", "function": "default", "argument": HOSTILE}]
    version = MappingVersionFactory(connector=crm, state="draft", rows=rows)
    assert_inert(admin_browser.get(page(version)).content.decode())
    assert_inert(press(admin_browser, version, "try_out"))


def test_viewer_sees_the_rows_as_sentences_and_changes_nothing(viewer_browser: Client, crm):
    version = MappingVersionFactory(connector=crm)
    found = viewer_browser.get(page(version)).content.decode()
    assert "firstname ← first_name" in found
    assert 'name="rows-0-field"' not in found
    assert viewer_browser.post(page(version), posted(("a", "email"))).status_code == 403


def test_what_was_in_use_can_not_be_deleted(admin_browser: Client, crm):
    for state, status in (("in_use", 403), ("retired", 403), ("draft", 302)):
        version = MappingVersionFactory(connector=crm, state=state)
        address = f"/admin/integrations/mappingversion/{version.pk}/delete/"
        assert admin_browser.post(address, {"post": "yes"}).status_code == status
