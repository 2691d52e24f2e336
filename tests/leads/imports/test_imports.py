"""Leads brought from elsewhere: matched, tried, taken once, and taken back."""

import csv
import io

import openpyxl
import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from integrations.models import Delivery
from leads import erasures
from leads.capture import lead_capture
from leads.exports import columns as catalogue
from leads.exports import jobs as exports
from leads.exports import parts as export_parts
from leads.exports import services as exporting
from leads.imports import files, jobs, matching, reading, services
from leads.models import Activity, Consent, Import, Lead, Reference
from leads.services import ConsentGiven, LeadData
from runtime import jobs as runtime_jobs
from tests.factories import ClientFactory, ConnectorFactory, UserFactory

PEOPLE = "E-Mail,First Name,Company,consent.news,budget\nanna@example.com,Anna,Acme,yes,5\nben@example.com,Ben,,no,\n"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.EXPORT_DIR = str(tmp_path / "exports")


@pytest.fixture
def client_row(db):
    return ClientFactory()


def brought(text, client, *, name="people.csv", is_sent=False, **matched):
    data = text if isinstance(text, bytes) else text.encode()
    run = services.import_create(file_name=name, upload=[data], person=None)
    services.import_match(run=run, matched={**run.matched, **matched}, client=client, is_sent=is_sent)
    return run


def taken(run) -> Import:
    assert services.import_start(run=run)
    jobs.work(str(run.pk))
    run.refresh_from_db()
    return run


@pytest.mark.db
@pytest.mark.django_db
class TestTaking:
    def test_columns_are_known_by_what_others_call_them(self):
        header = ["E-Mail", "Vorname", "Nachname", "Firma", "Telefon", "UTM Source", "shoe size", "consent.news", "id"]
        assert list(matching.guessed(header).values()) == [
            *("email", "first_name", "last_name", "company", "phone", "utm_source", "", "consent", ""),
        ]

    def test_rows_become_leads_with_consents_and_attributes(self, client_row):
        run = taken(brought(PEOPLE, client_row, budget="attribute"))
        assert (run.state, run.created, run.refused) == (Import.State.DONE, 2, 0)
        anna = Lead.objects.get(email="anna@example.com")
        assert (anna.first_name, anna.company, anna.attributes) == ("Anna", "Acme", {"budget": "5"})
        assert Consent.objects.get(lead=anna).granted
        assert Consent.objects.get(lead__email="ben@example.com").source == "import"
        assert Activity.objects.filter(import_id=run.pk).count() == 2

    def test_who_is_known_is_known_again(self, client_row):
        lead = lead_capture(client=client_row, data=LeadData(email="anna@example.com")).lead
        run = taken(brought(PEOPLE, client_row))
        assert (run.created, run.updated) == (1, 1)
        lead.refresh_from_db()
        assert lead.first_name == "Anna"

    def test_connectors_get_them_only_when_asked(self, client_row):
        ConnectorFactory()
        taken(brought(PEOPLE, client_row))
        assert not Delivery.objects.exists()
        taken(brought(PEOPLE, client_row, is_sent=True))
        assert Delivery.objects.filter(state="waiting").count() == 2

    def test_an_opt_out_withdraws_what_was_granted(self, client_row):
        given_ = [ConsentGiven("news", granted=True, wording="Yes", version="1")]
        lead = lead_capture(client=client_row, data=LeadData(email="anna@example.com", consent=given_)).lead
        taken(brought("email;consent.news\nanna@example.com;withdrawn\n", client_row))
        assert not Consent.objects.filter(lead=lead).latest("at").granted

    def test_an_opt_out_reaches_whom_the_lead_was_sent_to_and_nobody_else(self, client_row):
        ConnectorFactory(name="CRM")
        ConnectorFactory(name="Letters", operations=["subscribe"])
        given_ = [ConsentGiven("news", granted=True, wording="Yes", version="1")]
        for name in ("anna", "ben"):
            lead_capture(client=client_row, data=LeadData(email=f"{name}@example.com", consent=given_))
        Delivery.objects.update(state="delivered")
        ConnectorFactory(name="New")
        rows = "email;consent.news\nanna@example.com;withdrawn\nben@example.com;granted\ncarl@example.com;withdrawn\n"
        taken(brought(rows, client_row))
        waiting = Delivery.objects.filter(state="waiting")
        told = {(row.connector.name, Lead.objects.get(pk=row.subject_id).email) for row in waiting}
        assert told == {("CRM", "anna@example.com"), ("Letters", "anna@example.com")}

    def test_what_cannot_be_taken_ends_up_in_a_file_with_the_reason(self, client_row):
        run = taken(brought(PEOPLE + "nonsense,Carl,=1+1,yes,\n,,Nobody,yes,\nd@e.fr,,,so,\n", client_row))
        assert (run.created, run.refused) == (2, 3)
        rows = list(csv.DictReader(io.StringIO(files.errors_of(run).read_text(encoding="utf-8"))))
        assert "e-mail address" in rows[0]["why it was not taken"]
        assert rows[0]["Company"] == "'=1+1"
        assert "at least one of" in rows[1]["why it was not taken"]
        assert rows[2]["why it was not taken"].startswith("consent.news: ")

    @pytest.mark.parametrize("cell", ["A\x00B", "\x00", "\ufffe", "\u202e", "x" * 10_000, "<script>alert(1)</script>"])
    def test_a_hostile_cell_stops_no_other_row(self, client_row, cell):
        run = taken(
            brought(f"email,company,bud\x00get\nanna@example.com,{cell},{cell}\nben@example.com,,\n", client_row)
        )
        assert (run.state, run.rows_done) == (Import.State.DONE, 2)
        assert Lead.objects.filter(email="ben@example.com").exists()

    @pytest.mark.parametrize("value", [r"\u0000", r"\ud800"])
    def test_attributes_that_no_database_holds_are_refused(self, client_row, value):
        rows = f'email,attributes\nanna@example.com,"{{""a"": ""{value}""}}"\nben@example.com,\n'
        run = taken(brought(rows, client_row))
        assert (run.state, run.created, run.refused) == (Import.State.DONE, 1, 1)

    def test_who_was_erased_is_left_out(self, client_row):
        lead = lead_capture(client=client_row, data=LeadData(email="anna@example.com")).lead
        erasures.erasure_start(lead=lead)
        run = taken(brought(PEOPLE, client_row))
        assert (run.created, run.erased) == (1, 1)
        assert not Lead.objects.filter(email="anna@example.com").exists()

    def test_a_run_that_was_stopped_goes_on_and_takes_no_row_twice(self, client_row, monkeypatch, later):
        monkeypatch.setattr(jobs, "BATCH", 2)
        text = "email\n" + "".join(f"p{number}@example.com\n" for number in range(5))
        run = brought(text, client_row)
        services.import_start(run=run)
        real = jobs._take_batch
        calls = []

        def stopping(*args):
            calls.append(args)
            if len(calls) == 2:
                runtime_jobs.stopping.set()
                raise jobs.Stopped
            return real(*args)

        monkeypatch.setattr(jobs, "_take_batch", stopping)
        jobs.work(str(run.pk))
        run.refresh_from_db()
        assert (run.state, run.rows_done) == (Import.State.WAITING, 2)
        runtime_jobs.stopping.clear()
        jobs.work(str(run.pk))
        run.refresh_from_db()
        assert (run.state, run.rows_done, run.created) == (Import.State.DONE, 5, 5)
        assert Activity.objects.count() == 5

    def test_the_file_of_a_finished_import_is_not_kept(self, client_row):
        run = taken(brought(PEOPLE, client_row))
        assert not files.path_of(run).exists()


@pytest.mark.db
@pytest.mark.django_db
class TestUndo:
    def undone(self, run) -> Import:
        assert services.import_undo(run=run)
        jobs.work(str(run.pk))
        run.refresh_from_db()
        return run

    def test_what_it_made_goes_and_what_it_changed_comes_back(self, client_row):
        lead = lead_capture(client=client_row, data=LeadData(email="anna@example.com", company="Before")).lead
        run = self.undone(taken(brought(PEOPLE, client_row, budget="attribute")))
        assert (run.state, run.undone) == (Import.State.UNDONE, 1)
        assert Lead.objects.get() == lead
        lead.refresh_from_db()
        assert (lead.first_name, lead.company, lead.attributes) == ("", "Before", {})
        assert not Consent.objects.exists()
        assert Activity.objects.count() == 1

    def test_what_changed_since_stays(self, client_row):
        run = taken(brought(PEOPLE, client_row))
        lead_capture(client=client_row, data=LeadData(email="anna@example.com", first_name="Anne"))
        self.undone(run)
        lead = Lead.objects.get()
        assert (lead.email, lead.first_name) == ("anna@example.com", "Anne")

    def test_a_value_that_somebody_changed_since_is_not_set_back(self, client_row):
        lead_capture(client=client_row, data=LeadData(email="anna@example.com", company="Before"))
        run = taken(brought(PEOPLE, client_row))
        lead_capture(client=client_row, data=LeadData(email="anna@example.com", company="Newest"))
        self.undone(run)
        lead = Lead.objects.get(email="anna@example.com")
        assert (lead.company, lead.first_name) == ("Newest", "")


@pytest.mark.django_db
class TestFiles:
    @pytest.mark.parametrize("data", [b"", b"\n\n", b"a,a\n1,2\n"])
    def test_what_is_no_sheet_is_said(self, data):
        with pytest.raises(reading.NotASheet):
            services.import_create(file_name="x.csv", upload=[data], person=None)
        assert not list(files.folder().iterdir())

    @pytest.mark.parametrize(("name", "data"), [("x.xlsx", b"no archive"), ("x.exe", b"email\n"), ("x", b"email\n")])
    def test_what_it_is_not_is_said(self, name, data):
        with pytest.raises(reading.NotASheet):
            services.import_create(file_name=name, upload=[data], person=None)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_csv_is_read_as_spreadsheets_write_it(self, client_row, encoding, separator):
        text = f"email{separator}company\njörg@example.com{separator}Müller & Söhne\n"
        taken(brought(text.encode(encoding), client_row))
        assert Lead.objects.get().company == "Müller & Söhne"

    def test_excel_is_read(self, client_row, tmp_path):
        book = openpyxl.Workbook()
        book.active.append(["email", "phone", "budget"])
        book.active.append(["anna@example.com", "+49 30 901820", 5.0])
        book.save(tmp_path / "x.xlsx")
        run = brought((tmp_path / "x.xlsx").read_bytes(), client_row, name="x.xlsx", budget="attribute")
        taken(run)
        lead = Lead.objects.get()
        assert (lead.phone, lead.attributes) == ("+4930901820", {"budget": "5"})

    def test_a_name_says_nothing_about_a_path(self):
        run = services.import_create(file_name="../../../etc/passwd.csv", upload=[b"email\n"], person=None)
        assert files.path_of(run).parent == files.folder()
        assert run.file_name == "passwd.csv"


class TestPages:
    def browser(self, *rights):
        person = UserFactory(is_superuser=not rights)
        person.user_permissions.set(Permission.objects.filter(codename__in=rights))
        found = Browser()
        found.force_login(person)
        return found

    def test_a_file_is_brought_matched_looked_at_and_taken(self, client_row):
        admin = self.browser()
        upload = SimpleUploadedFile("people.csv", PEOPLE.encode())
        answer = admin.post(reverse("admin:leads_import_add"), {"file": upload})
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        run = Import.objects.get()
        page = admin.get(answer.headers["Location"]).content.decode()
        assert "anna@example.com" in page
        match = reverse("admin:leads_import_match", args=(run.pk,))
        assert "First say whose" in admin.post(match, {"take": "yes"}, follow=True).content.decode()
        targets = ["email", "first_name", "company", "consent", ""]
        chosen = {f"column-{n}": target for n, target in enumerate(targets)} | {"client": str(client_row.pk)}
        admin.post(match, chosen)
        assert Import.objects.get().state == "draft", "looked at, not taken"
        page = admin.post(match, {**chosen, "take": "yes"}, follow=True).content.decode()
        assert "being taken" in page
        assert f"Leads of {client_row.name}; no connector gets them." in page
        jobs.work(str(run.pk))
        assert Lead.objects.count() == 2
        told = admin.get(reverse("admin:leads_import_progress", args=(run.pk,))).json()
        assert "2 leads new" in told["said"]

    def test_what_is_no_sheet_is_said_on_the_page(self, client_row):
        answer = self.browser().post(reverse("admin:leads_import_add"), {"file": SimpleUploadedFile("x.xlsx", b"no")})
        assert "read as Excel" in answer.content.decode()

    def test_it_needs_the_right(self, client_row):
        viewer = self.browser("view_import", "view_lead")
        assert viewer.get(reverse("admin:leads_import_add")).status_code == 403
        run = brought(PEOPLE, client_row)
        assert viewer.post(reverse("admin:leads_import_match", args=(run.pk,))).status_code == 403
        page = viewer.get(reverse("admin:leads_import_change", args=(run.pk,)))
        assert page.status_code == 200
        assert "anna@example.com" not in page.content.decode()


LINE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=20).map(str.strip)
SIGNS = st.sampled_from(["=1+1", "'=x", "+49", "@sum", "-", "''", "a;=b", "\u200ba", "\uff1d1", "1,5", '"q"'])
LEAD = st.fixed_dictionaries(
    {
        "first_name": LINE | SIGNS,
        "last_name": LINE | st.sampled_from(["_x0007_", "_x005F_"]),
        "company": LINE | SIGNS,
        "phone": st.sampled_from(["", "+4930901820", "+442079460105"]),
        "attributes": st.dictionaries(
            st.sampled_from(["a", "b"]), LINE | st.integers(-5, 5) | st.booleans(), max_size=2
        ),
        "source": st.fixed_dictionaries({}, optional={"channel": LINE, "utm": st.fixed_dictionaries({"source": LINE})}),
        "granted": st.sampled_from([None, True, False]),
    }
)
KEPT = ("email", "phone", "first_name", "last_name", "company", "attributes", "source")
COLUMNS = [
    *("id", "email", "phone", "reference", "first_name", "last_name", "company", "channel", "page_url", "referrer"),
    *(
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "utm_term",
        "utm_content",
        "captured_at",
        "attributes",
        "last_message",
    ),
]


def picture(lead) -> dict:
    """Return what has to come back; empty texts are what isn't said."""
    kept = {name: getattr(lead, name) for name in KEPT}
    utm = {name: value for name, value in (lead.source.get("utm") or {}).items() if value}
    source = {name: value for name, value in lead.source.items() if value and name != "utm"}
    kept["source"] = source | ({"utm": utm} if utm else {})
    kept["captured_at"] = lead.created_at.replace(microsecond=0)
    kept["references"] = sorted(Reference.objects.filter(lead=lead).values_list("value", flat=True))
    kept["consents"] = sorted(lead.consents.values_list("purpose", "granted", "is_confirmed"))
    return kept


class TestRoundTrip(TestCase):
    @given(st.lists(LEAD, min_size=1, max_size=4), st.sampled_from(["csv", "xlsx"]), st.sampled_from([",", ";", "\t"]))
    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    def test_what_was_exported_is_restored_by_an_import(self, people, format, separator):
        client, person = ClientFactory(), UserFactory()
        for number, each in enumerate(people):
            said = [ConsentGiven("news", granted=each["granted"])] if each["granted"] is not None else []
            values = {name: value for name, value in each.items() if name != "granted"}
            data = LeadData(email=f"p{number}@example.com", reference=f"r{number}", consent=said, **values)
            lead_capture(client=client, data=data)
        before = [picture(lead) for lead in Lead.objects.order_by("email")]
        columns = [*COLUMNS, *(column.name for column in catalogue.offered() if column.name.startswith("consent."))]
        shape = {"format": format, "columns": columns, "filters": {}, "separator": separator}
        export = exporting.export_create(person=person, shape=shape)
        exports.write(str(export.pk))
        file = export_parts.path_of(export)
        Lead.objects.all().delete()
        run = brought(file.read_bytes(), client, name=f"x.{format}")
        taken(run)
        assert run.refused == 0, files.errors_of(run).read_text()
        assert [picture(lead) for lead in Lead.objects.order_by("email")] == before

    def test_a_file_of_several_sheets_is_restored_whole(self):
        client, person = ClientFactory(), UserFactory()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("leads.exports.files._MOST_XLSX_ROWS", 3)
            for number in range(7):
                lead_capture(client=client, data=LeadData(email=f"p{number}@example.com"))
            shape = {"format": "xlsx", "columns": ["email"], "filters": {}}
            export = exporting.export_create(person=person, shape=shape)
            exports.write(str(export.pk))
        Lead.objects.all().delete()
        run = brought(export_parts.path_of(export).read_bytes(), client, name="x.xlsx")
        taken(run)
        assert (run.total, run.refused, Lead.objects.count()) == (7, 0, 7)
