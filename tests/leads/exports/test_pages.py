"""Exports in the admin: asked for from the list, downloaded with a link that ends, by those who may."""

import csv
import io

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from leads.exports import jobs, services
from leads.models import Export, ExportPlan
from tests.factories import LeadFactory, UserFactory

pytestmark = pytest.mark.django_db

ADD = "/admin/leads/export/add/"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.EXPORT_DIR = str(tmp_path / "exports")


def browser(*rights: str) -> Client:
    person = UserFactory(is_superuser=not rights)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    found = Client()
    found.force_login(person)
    return found


def asked(admin: Client, query: str = "", **values) -> Export:
    posted = {"format": "csv", "columns": ["id", "email"], "separator": ",", "has_bom": "on", "time_zone": "", **values}
    answer = admin.post(f"{ADD}?{query}", posted)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    export = Export.objects.latest("created_at")
    jobs.write(str(export.pk))
    export.refresh_from_db()
    return export


def content(answer) -> str:
    return b"".join(answer.streaming_content).decode("utf-8-sig")


def test_the_file_has_what_the_list_showed():
    admin = browser()
    for number in range(3):
        LeadFactory(source={"channel": "web"}, company=f"Firm {number}")
    LeadFactory(source={"channel": "app"})
    listed = admin.get(reverse("admin:leads_lead_changelist"), {"channel": "web", "q": "firm"})
    address = listed.context["export_address"]
    page = admin.get(address)
    assert "3 leads" in page.content.decode()
    export = asked(admin, address.partition("?")[2])
    rows = list(csv.DictReader(io.StringIO(content(admin.get(services.download_address(export))))))
    assert {row["id"] for row in rows} == {str(lead.pk) for lead in listed.context["cl"].result_list}


def test_days_of_the_calendar_count_as_in_the_list():
    admin = browser()
    lead = LeadFactory()
    day = f"{lead.created_at:%Y-%m-%d}"
    for query, count in (({"created_at_from": day, "created_at_to": day}, 1), ({"created_at_to": "2001-01-01"}, 0)):
        listed = admin.get(reverse("admin:leads_lead_changelist"), query)
        assert listed.context["cl"].result_count == count
        assert asked(admin, listed.context["export_address"].partition("?")[2]).written == count


def test_a_download_is_noted_with_who_it_was():
    admin = browser()
    LeadFactory()
    export = asked(admin)
    answer = admin.get(services.download_address(export))
    assert "attachment" in answer["Content-Disposition"]
    assert "no-store" in answer["Cache-Control"]
    assert LogEntry.objects.filter(object_id=str(export.pk), change_message__contains="Downloaded 1 lead").exists()
    export.refresh_from_db()
    assert export.downloads == 1


def test_a_link_ends_with_the_file_and_opens_no_other(later):
    admin = browser()
    LeadFactory()
    one, two = asked(admin), asked(admin)
    link = services.download_address(one)
    crossed = link.replace(str(one.pk), str(two.pk))
    assert admin.get(crossed).status_code == 302
    assert admin.get(link[:-4] + "abc/").status_code == 302
    assert admin.get(link).status_code == 200
    later(days=8)
    answer = browser().get(link)
    assert answer.headers["Location"] == reverse("admin:leads_export_change", args=(one.pk,))


def test_a_link_alone_opens_nothing():
    admin = browser()
    LeadFactory()
    link = services.download_address(asked(admin))
    assert "/login/" in Client().get(link).headers["Location"]
    assert browser("view_lead").get(link).status_code == 403
    assert browser("view_export").get(link).status_code == 404, "it holds personal data"
    assert browser("view_export", "view_personal").get(link).status_code == 200


def test_personal_columns_are_not_offered_to_who_may_not_see_them():
    analyst = browser("view_lead", "add_export", "view_export")
    page = analyst.get(ADD).content.decode()
    assert 'value="client"' in page
    assert 'value="email"' not in page
    posted = {"format": "csv", "columns": ["id", "email"], "separator": ","}
    assert analyst.post(ADD, posted).status_code == 200, "a column that isn't offered is refused"
    assert not Export.objects.exists()


def test_the_right_to_export_is_asked_for():
    viewer = browser("view_lead", "view_export")
    assert viewer.get(ADD).status_code == 403
    assert "Export leads" not in viewer.get(reverse("admin:leads_lead_changelist")).content.decode()


def test_progress_is_told():
    admin = browser()
    LeadFactory()
    export = asked(admin)
    told = admin.get(reverse("admin:leads_export_progress", args=(export.pk,))).json()
    assert told["written"] == 1
    assert "ready" in told["state"]["text"]


def test_a_name_keeps_the_question_as_a_plan():
    admin = browser()
    LeadFactory(source={"channel": "web"})
    export = asked(admin, "channel=web", save_as="Web leads")
    plan = ExportPlan.objects.get()
    assert (plan.filters, plan.columns, export.plan) == ({"channel": "web"}, ["id", "email"], plan)
    where = reverse("admin:leads_exportplan_change", args=(plan.pk,))
    person = UserFactory(email="ana@example.com")
    posted = {"name": "Web leads", "schedule": "weekly", "at_hour": "7", "recipients": [person.pk], "format": "xlsx"}
    answer = admin.post(where, {**posted, "columns": ["id"], "separator": ","})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    plan.refresh_from_db()
    assert (plan.schedule, plan.columns, plan.filters) == ("weekly", ["id"], {"channel": "web"})
    assert plan.next_run_at is not None
    assert plan.base_url == "http://testserver"
    assert admin.post(reverse("admin:leads_exportplan_press", args=(plan.pk, "run_now"))).status_code == 302
    assert Export.objects.filter(plan=plan).count() == 2


def test_a_format_that_cannot_be_written_is_said(monkeypatch):
    monkeypatch.setattr("leads.exports.files.find_spec", lambda name: None)
    answer = browser().post(ADD, {"format": "parquet", "columns": ["id"], "separator": ","})
    assert "pyarrow" in answer.content.decode()
