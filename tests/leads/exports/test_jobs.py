"""Exports are written whole or not at all, in every format, with the same rows as the list."""

import csv
import io
import json
import os
from datetime import UTC, datetime

import openpyxl
import pytest
from django.core import mail
from django.db.models import F
from openpyxl.utils.escape import unescape

from integrations.models import Delivery
from leads import erasures
from leads.exports import chores, files, jobs, parts, services
from leads.exports import columns as catalogue
from leads.models import Activity, Consent, Export, ExportPlan, Lead
from runtime import jobs as runtime_jobs
from runtime import retention
from runtime.personal import Person
from tests.factories import ClientFactory, ConnectorFactory, DeliveryFactory, LeadFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "formula": '=HYPERLINK("http://evil.example","x")',
    "full width": "\uff1d1+1",
    "right to left": "\u202eمرحبا",
    "several lines": 'two\nlines;=1,"quoted"',
    "long": "x" * 10_000,
    "control signs": "a\x07b\x0bc\x1bd\x7f\ufffe",
}


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.EXPORT_DIR = str(tmp_path / "exports")
    return tmp_path / "exports"


@pytest.fixture
def person():
    return UserFactory(email="ana@example.com")


def written(person, *, columns=None, filters=None, **shape) -> Export:
    """Ask for a file and have it written."""
    known = {"format": "csv", "columns": columns or catalogue.usual(), "filters": filters or {}, **shape}
    export = services.export_create(person=person, shape=known)
    jobs.write(str(export.pk))
    export.refresh_from_db()
    return export


def csv_rows(export: Export) -> list[dict[str, str]]:
    text = parts.path_of(export).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=export.separator))


def sheet_rows(export: Export, sheet: str = "Leads") -> list[dict[str, object]]:
    book = openpyxl.load_workbook(parts.path_of(export), read_only=True)
    header, *rows = book[sheet].iter_rows(values_only=True)
    book.close()
    return [dict(zip(header, row, strict=False)) for row in rows]


class Killed(BaseException):
    """The process is gone: nothing is caught, nothing is tidied up."""


def ids_in(export: Export) -> list[object]:
    if export.format == "xlsx":
        return [row["id"] for row in sheet_rows(export)]
    if export.format == "csv":
        return [row["id"] for row in csv_rows(export)]
    return [json.loads(line)["id"] for line in parts.path_of(export).read_text().splitlines()]


def hostile_leads() -> list[Lead]:
    leads = []
    for number, (name, text) in enumerate(HOSTILE.items()):
        lead = LeadFactory(
            first_name=text[:100], company=text[:200], phone=f"+4930901820{number}", source={"channel": text}
        )
        Activity.objects.create(lead=lead, kind="captured", revision=1, message=text)
        assert name
        leads.append(lead)
    return leads


class TestHostileLeads:
    def test_csv_holds_them_whole_and_inert(self, person):
        hostile_leads()
        for separator in (",", ";", "\t"):
            rows = csv_rows(written(person, separator=separator))
            assert len(rows) == len(HOSTILE)
            for row, text in zip(rows, HOSTILE.values(), strict=True):
                assert row["last_message"].replace("'", "") == text.replace("'", "")
                assert not [cell for cell in row.values() if cell[:1] and cell[0] in "=+-@\uff1d"]
                assert row["phone"].startswith("'+49")

    def test_excel_gets_texts_and_no_formula(self, person):
        hostile_leads()
        export = written(person, format="xlsx")
        rows = sheet_rows(export)
        # Signs that XML can't hold are written as XLSX writes them; Excel shows them as they are.
        assert [unescape(str(row["last_message"])) for row in rows] == list(HOSTILE.values())
        assert rows[0]["phone"] == "+49309018200"
        book = openpyxl.load_workbook(parts.path_of(export))
        cells = [cell for row in book["Leads"].iter_rows() for cell in row]
        assert not [cell.coordinate for cell in cells if cell.data_type == "f"]

    def test_json_lines_hold_exactly_what_was_said(self, person):
        hostile_leads()
        lines = parts.path_of(written(person, format="jsonl")).read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["last_message"] for line in lines] == list(HOSTILE.values())

    def test_parquet_holds_exactly_what_was_said(self, person):
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow (the extra “exports”)")
        from pyarrow import parquet

        hostile_leads()
        columns = ["first_name", "last_message", "captured_at", "channel"]
        table = parquet.read_table(parts.path_of(written(person, format="parquet", columns=columns)))
        assert table.column_names == columns
        assert table["last_message"].to_pylist() == list(HOSTILE.values())
        assert table["first_name"].to_pylist() == [text[:100] for text in HOSTILE.values()]

    def test_parquet_of_nobody_still_has_its_columns(self, person):
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow (the extra “exports”)")
        from pyarrow import parquet

        table = parquet.read_table(parts.path_of(written(person, format="parquet", columns=["id", "email"])))
        assert (table.num_rows, table.column_names) == (0, ["id", "email"])

    def test_a_cell_that_excel_cannot_hold_is_cut_and_counted(self, person):
        LeadFactory(attributes={f"a{number}": "x" * 1000 for number in range(40)})
        export = written(person, format="xlsx", columns=["id", "attributes"])
        assert export.cut_cells == 1
        assert "was cut" not in str(sheet_rows(export)[0]["attributes"])[:100]
        assert "(cut:" in str(sheet_rows(export)[0]["attributes"])


class TestColumns:
    def test_states_and_consents_stand_in_columns(self, person):
        connector = ConnectorFactory(name="HubSpot", operations=["upsert"])
        lead = LeadFactory()
        DeliveryFactory(connector=connector, subject_id=lead.pk, state=Delivery.State.SUPERSEDED)
        DeliveryFactory(connector=connector, subject_id=lead.pk, state=Delivery.State.DELIVERED)
        for day, granted in ((1, True), (2, False)):
            at = datetime(2026, 3, day, tzinfo=UTC)
            Consent.objects.create(lead=lead, purpose="news", granted=granted, at=at)
        Consent.objects.create(lead=lead, purpose="calls", granted=True, is_confirmed=False)
        (row,) = csv_rows(written(person))
        assert row["HubSpot"] == "delivered"
        assert row["consent.news"] == "withdrawn"
        assert row["consent.calls"] == "granted, unconfirmed"

    def test_attributes_can_have_columns_of_their_own(self, person):
        LeadFactory(attributes={"budget": "=5000"})
        (row,) = csv_rows(written(person, columns=["id", "attribute.budget"]))
        assert row["attribute.budget"] == "'=5000"

    @pytest.mark.parametrize("format", ["csv", "xlsx", "jsonl"])
    def test_times_are_those_of_the_chosen_zone(self, person, format):
        LeadFactory(created_at=datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
        export = written(person, format=format, columns=["captured_at"], time_zone="Europe/Berlin")
        if format == "csv":
            assert csv_rows(export)[0]["captured_at"] == "2026-07-02T00:30:00+02:00"
        elif format == "xlsx":
            assert sheet_rows(export)[0]["captured_at"] == datetime(2026, 7, 2, 0, 30)  # noqa: DTZ001 (Excel has none)
        else:
            assert "2026-07-02T00:30:00+02:00" in parts.path_of(export).read_text()

    def test_who_may_not_see_personal_data_gets_none(self, person):
        analyst = UserFactory(is_superuser=False)
        LeadFactory(email="anna@example.com")
        export = written(analyst, columns=["id", "email", "last_message", "attribute.budget", "client"])
        assert not export.has_personal
        assert list(csv_rows(export)[0]) == ["id", "client"]

    def test_the_mark_for_excel_is_left_out_when_asked(self, person):
        LeadFactory()
        with_mark, without = written(person), written(person, has_bom=False)
        assert parts.path_of(with_mark).read_bytes().startswith(b"\xef\xbb\xbf")
        assert not parts.path_of(without).read_bytes().startswith(b"\xef\xbb\xbf")

    def test_the_dictionary_explains_every_column(self, person):
        shown = catalogue.named(catalogue.usual())
        assert [name for name, _, meaning in files.dictionary(shown) if meaning] == files.headers(shown)
        export = written(person, format="xlsx")
        assert len(sheet_rows(export, "What the columns mean")) == len(shown)


class TestFilters:
    def test_only_what_passes_is_in_the_file(self, person):
        mine = ClientFactory()
        wanted = LeadFactory(client=mine, source={"channel": "web"})
        LeadFactory(client=mine, source={"channel": "app"})
        LeadFactory(source={"channel": "web"})
        export = written(person, filters={"client": str(mine.pk), "channel": "web"})
        assert [row["id"] for row in csv_rows(export)] == [str(wanted.pk)]
        assert (export.total, export.written) == (1, 1)

    def test_a_filter_that_makes_no_sense_is_said(self, person):
        export = written(person, filters={"captured_from": "yesterday-ish"})
        assert export.state == Export.State.NEEDS_YOU
        assert "2026-03-31" in export.reason


class TestWholeOrNot:
    def test_more_than_a_page_is_whole_and_in_order(self, person, monkeypatch):
        monkeypatch.setattr("leads.exports.rows.PAGE", 7)
        leads = [LeadFactory() for _ in range(20)]
        for format in ("csv", "xlsx"):
            export = written(person, format=format, columns=["id"])
            rows = csv_rows(export) if format == "csv" else sheet_rows(export)
            assert [row["id"] for row in rows] == [str(lead.pk) for lead in leads]

    def test_a_full_sheet_goes_on_in_the_next(self, person, monkeypatch):
        monkeypatch.setattr("leads.exports.files._MOST_XLSX_ROWS", 3)
        for _ in range(7):
            LeadFactory()
        export = written(person, format="xlsx", columns=["id"])
        assert [len(sheet_rows(export, name)) for name in ("Leads", "Leads 2", "Leads 3")] == [3, 3, 1]

    @pytest.mark.parametrize("format", ["csv", "xlsx", "jsonl"])
    @pytest.mark.parametrize("kill_at", [1, 3, 5])
    def test_a_killed_export_goes_on_where_it_was(self, person, folder, later, monkeypatch, format, kill_at):
        monkeypatch.setattr("leads.exports.rows.PAGE", 4)
        monkeypatch.setattr("leads.exports.jobs._SAY_EVERY_SECONDS", 0)
        leads = [LeadFactory() for _ in range(18)]
        export = services.export_create(person=person, shape={"format": format, "columns": ["id"], "filters": {}})
        read: list[object] = []
        real = jobs.pages

        def watched(*asked):
            for page in real(*asked):
                read.append(page.number)
                if len(read) == kill_at:
                    raise Killed
                yield page

        monkeypatch.setattr(jobs, "pages", watched)
        with pytest.raises(Killed):
            jobs.write(str(export.pk))
        Export.objects.update(state=Export.State.RUNNING)  # nobody had the time to say that it stopped
        [part] = folder.glob("*.part")
        with (part / "rows").open("a") as rows:
            rows.write("half a row")
        jobs.write(str(export.pk))
        assert Export.objects.get().state == Export.State.RUNNING, "its holder may still be at it"
        later(minutes=2)
        jobs.write(str(export.pk))
        export.refresh_from_db()
        assert (export.state, export.written) == (Export.State.DONE, 18)
        assert sum(read) == 18 + (4 if kill_at < 5 else 2), "only the page it died at was read twice"
        assert ids_in(export) == [str(lead.pk) for lead in leads]
        assert [path.name for path in folder.iterdir()] == [f"{export.pk}.{format}"]

    def test_one_whose_rows_are_lost_begins_anew(self, person, folder, later, monkeypatch):
        leads = [LeadFactory() for _ in range(3)]
        export = services.export_create(person=person, shape={"format": "csv", "columns": ["id"], "filters": {}})
        Export.objects.update(after=leads[1].pk, part_bytes=500, written=2)
        jobs.write(str(export.pk))
        assert len(csv_rows(Export.objects.get())) == 3

    def test_one_whose_rows_are_cut_short_begins_anew(self, person, folder, monkeypatch):
        monkeypatch.setattr("leads.exports.rows.PAGE", 2)
        leads = [LeadFactory() for _ in range(5)]
        export = services.export_create(person=person, shape={"format": "csv", "columns": ["id"], "filters": {}})
        runtime_jobs.stopping.set()
        jobs.write(str(export.pk))
        [rows] = folder.glob("*.part/rows")
        size = rows.stat().st_size
        os.truncate(rows, size - 5)
        Export.objects.update(after=leads[1].pk, written=2, part_bytes=size)
        runtime_jobs.stopping.clear()
        jobs.write(str(export.pk))
        assert ids_in(Export.objects.get()) == [str(lead.pk) for lead in leads]

    def test_who_lost_the_lease_stops_and_puts_no_file_in_place(self, person, folder, monkeypatch):
        LeadFactory()
        export = services.export_create(person=person, shape={"format": "csv", "columns": ["id"], "filters": {}})
        real = jobs.pages

        def taken_over(*asked):
            for page in real(*asked):
                Export.objects.update(fence=F("fence") + 1)
                yield page

        monkeypatch.setattr(jobs, "pages", taken_over)
        jobs.write(str(export.pk))
        export.refresh_from_db()
        assert (export.state, export.fence) == (Export.State.RUNNING, 2)
        assert not parts.path_of(export).exists()

    def test_whoever_was_erased_meanwhile_is_not_in_what_was_read(self, person, folder, monkeypatch):
        lead = LeadFactory(email="gone@example.com")
        export = services.export_create(person=person, shape={"format": "csv", "columns": ["email"], "filters": {}})
        runtime_jobs.stopping.set()
        jobs.write(str(export.pk))
        assert "gone@example.com" in next(folder.glob("*.part/rows")).read_text()
        erasures.exports_forget(Person(lead.pk, ["gone@example.com"]))
        assert not list(folder.iterdir())
        lead.delete()
        runtime_jobs.stopping.clear()
        jobs.write(str(export.pk))
        assert csv_rows(Export.objects.get()) == []

    def test_a_process_that_ends_puts_it_back(self, person, folder):
        LeadFactory()
        export = services.export_create(person=person, shape={"format": "csv", "columns": ["id"], "filters": {}})
        runtime_jobs.stopping.set()
        jobs.write(str(export.pk))
        assert Export.objects.get().state == Export.State.WAITING
        runtime_jobs.stopping.clear()
        jobs.write(str(export.pk))
        assert Export.objects.get().state == Export.State.DONE
        assert [path.name for path in folder.iterdir()] == [f"{export.pk}.csv"]

    def test_a_cancelled_export_stops(self, person, folder, monkeypatch):
        LeadFactory()
        export = services.export_create(person=person, shape={"format": "jsonl", "columns": ["id"], "filters": {}})
        real = files.JsonLinesWriter.write

        def cancelled(writer, rows):
            services.export_cancel(export=export)
            real(writer, rows)

        monkeypatch.setattr(files.JsonLinesWriter, "write", cancelled)
        jobs.write(str(export.pk))
        assert Export.objects.get().state == Export.State.CANCELLED
        assert not list(folder.iterdir())

    def test_a_cancelled_export_reads_no_further_page(self, person, folder, monkeypatch):
        monkeypatch.setattr("leads.exports.rows.PAGE", 2)
        monkeypatch.setattr("leads.exports.jobs._SAY_EVERY_SECONDS", 0)
        for _ in range(9):
            LeadFactory()
        export = services.export_create(person=person, shape={"format": "csv", "columns": ["id"], "filters": {}})
        read: list[int] = []
        real = jobs.pages

        def cancelled(*asked):
            for page in real(*asked):
                read.append(page.number)
                services.export_cancel(export=export)
                yield page

        monkeypatch.setattr(jobs, "pages", cancelled)
        jobs.write(str(export.pk))
        assert read == [2]
        assert not list(folder.iterdir())

    def test_what_fails_is_tried_again_then_put_before_a_person(self, person, monkeypatch, later):
        monkeypatch.setattr(jobs, "pages", lambda *_: 1 / 0)
        export = services.export_create(person=person, shape={"format": "csv", "columns": ["id"], "filters": {}})
        for _ in range(3):
            jobs.write(str(export.pk))
            later(minutes=2)
        export.refresh_from_db()
        assert (export.state, export.tries) == (Export.State.NEEDS_YOU, 3)
        assert "ZeroDivisionError" in export.reason

    def test_parquet_without_its_package_is_said(self, monkeypatch):
        monkeypatch.setattr(files, "find_spec", lambda name: None)
        assert "pyarrow" in files.missing("parquet")
        assert files.missing("csv") == ""


class TestPlans:
    @pytest.fixture(autouse=True)
    def mail_server(self, settings):
        settings.EMAIL_URL = "smtp://mail.example.com"

    def plan(self, person, **values) -> ExportPlan:
        plan = ExportPlan(
            name="Monthly", person=person, columns=["id", "email"], base_url="https://bots.example.com", **values
        )
        return services.plan_save(plan=plan, recipients=[person])

    @pytest.mark.parametrize(
        ("schedule", "after", "expected"),
        [
            ("daily", "2026-03-28T05:00+01:00", "2026-03-28T06:00+01:00"),
            ("daily", "2026-03-28T06:00+01:00", "2026-03-29T06:00+02:00"),
            ("weekly", "2026-03-28T05:00+01:00", "2026-03-30T06:00+02:00"),
            ("monthly", "2026-10-01T06:00+02:00", "2026-11-01T06:00+01:00"),
        ],
    )
    def test_it_comes_round_at_its_hour_across_changed_clocks(self, schedule, after, expected):
        from django.utils import timezone

        with timezone.override("Europe/Berlin"):
            found = services.next_run(ExportPlan(schedule=schedule, at_hour=6), datetime.fromisoformat(after))
        assert found == datetime.fromisoformat(expected)

    def test_a_due_plan_runs_once_and_its_link_is_mailed(self, person, later):
        LeadFactory()
        plan = self.plan(person, schedule="daily")
        later(days=1)
        assert services.plans_run_due() == 1
        assert services.plans_run_due() == 0, "asked once, however many look"
        export = Export.objects.get(plan=plan)
        jobs.write(str(export.pk))
        chores.run()
        chores.run()
        [message] = mail.outbox
        assert message.to == ["ana@example.com"]
        assert "https://bots.example.com/admin/leads/export/" in message.body
        assert "lead" not in message.to[0] and "@" not in message.body, "no personal data in a mail"

    def test_without_a_mail_server_it_is_said_that_nobody_was_told(self, person, later, settings):
        settings.EMAIL_URL = ""
        self.plan(person, schedule="daily")
        later(days=1)
        services.plans_run_due()
        jobs.write(str(Export.objects.get().pk))
        assert chores.run() == "0 started, 0 mailed"
        assert "no mail server is set (EMAIL_URL)" in Export.objects.get().reason
        assert not mail.outbox

    def test_a_mail_that_fails_is_said_and_keeps_the_file(self, person, later, settings):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        self.plan(person, schedule="daily")
        later(days=1)
        services.plans_run_due()
        export = Export.objects.get()
        jobs.write(str(export.pk))
        chores.run()
        export.refresh_from_db()
        assert export.state == Export.State.DONE
        assert "could not be sent" in export.reason

    def test_a_file_is_removed_when_its_time_is_over(self, person, folder, later):
        export = written(person)
        assert parts.path_of(export).exists()
        later(days=8)
        retention.run()
        assert not list(folder.iterdir())
        assert Export.objects.get().state == Export.State.EXPIRED
