"""An analyst filters the list, exports it, opens the file, and finds the numbers of the page in it."""

import csv
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from leads.exports import jobs
from leads.models import Export
from tests.factories import ClientFactory, LeadFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.EXPORT_DIR = str(tmp_path / "exports")


@pytest.mark.parametrize("format", ["CSV", "Excel (XLSX)"])
def test_the_file_has_the_numbers_of_the_page(admin_page: Page, live_server: Any, tmp_path: Path, format: str):
    page, bot = admin_page, ClientFactory(name="Website bot")
    for number in range(3):
        LeadFactory(client=bot, source={"channel": "web"}, company=f"Firm {number}", first_name="=1+1")
    LeadFactory(client=bot, source={"channel": "app"})
    page.goto(f"{live_server.url}/admin/leads/lead/?channel=web")
    expect(page.get_by_text("3 results")).to_be_visible()
    listed = {row.inner_text() for row in page.locator("#result_list .field-reached_at").all()}

    page.get_by_role("link", name="Export what is listed").click()
    expect(page.get_by_text("3 leads: channel is web")).to_be_visible()
    page.get_by_label("Format").select_option(label=format)
    page.locator("button[name=_save], input[name=_save]").click()
    expect(page.get_by_text("It waits for a worker")).to_be_visible()
    jobs.write(str(Export.objects.get().pk))
    page.get_by_role("link", name="Show it as it is now").click()
    expect(page.get_by_text("3 leads,")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    rows = rows_of(file)
    assert len(rows) == 3
    assert {row["email"] for row in rows} == {text.strip() for text in listed}
    assert {row["channel"] for row in rows} == {"web"}


def rows_of(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".csv":
        return list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    book = openpyxl.load_workbook(file)
    header, *rows = book["Leads"].iter_rows(values_only=True)
    assert not [cell for row in book["Leads"].iter_rows() for cell in row if cell.data_type == "f"]
    return [dict(zip(header, row, strict=True)) for row in rows]
