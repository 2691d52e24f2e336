"""The sheet of leads: whole, readable, and inert in every spreadsheet."""

import csv
import io
import unicodedata

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import example, given
from hypothesis import strategies as st

from leads.exports.inert import inert, plain
from leads.exports.stream import leads_csv
from leads.models import Activity, Lead
from tests.factories import ClientFactory, LeadFactory, UserFactory

FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b"
ALPHABET = st.one_of(
    st.sampled_from(FORMULA_STARTS + "\t\r\n;, \"'\u200b\ufeff\u00a0\x00"), st.characters(codec="utf-8")
)


def starts_a_formula(cell: str) -> bool:
    """Say whether a spreadsheet might calculate a cell: it passes over what can't be seen."""
    visible = "".join(sign for sign in cell if unicodedata.category(sign)[0] not in "CZ")
    return unicodedata.normalize("NFKC", visible[:1])[:1] in set("=+-@") if visible else False


@given(st.text(ALPHABET, max_size=40))
@example("=cmd|'/C calc'!A0")
@example("\uff1d1+1")
@example("\t=1")
@example("\u200b=1")
@example("harmless;=1+1")
@example("harmless\n=1+1")
def test_no_text_is_a_formula_whatever_separates_the_cells(text: str):
    written = io.StringIO()
    csv.writer(written).writerow(["first", inert(text)])
    line = written.getvalue()
    cells = next(csv.reader(io.StringIO(line, newline="")))
    assert not any(starts_a_formula(cell) for cell in cells)
    for separator in ";\t":
        for part in line.replace("\r", "\n").split("\n"):
            assert not any(starts_a_formula(cell) for cell in part.split(separator))


@given(st.text(st.characters(codec="utf-8", exclude_characters="=+-@;\t\r\n", exclude_categories=["C", "Z", "S", "P"])))
def test_plain_text_stays_as_it_is(text: str):
    assert inert(text) == text


@given(st.text(ALPHABET, max_size=40))
@example("'=1")
@example("a;''=1")
@example("'\u200b=1")
def test_what_was_guarded_is_read_back_as_it_was(text: str):
    assert plain(inert(text)) == text


def test_a_formula_can_still_be_read():
    assert inert("=1+1") == "'=1+1"
    assert inert("+49 30 901820") == "'+49 30 901820"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.db
@pytest.mark.django_db
class TestSheet:
    def test_it_opens_in_excel_as_utf_8(self):
        assert "".join(leads_csv(Lead.objects.all())).startswith("\ufeffid,captured_at,")

    def test_it_holds_what_was_captured(self):
        lead = LeadFactory(
            client=ClientFactory(name="Website bot"),
            first_name="محمد",
            company="=Evil",
            source={"channel": "web", "utm": {"source": "news", "utm_campaign": "spring"}},
        )
        for revision, message in ((1, "first"), (2, "newest\nin two lines"), (3, "")):
            Activity.objects.create(lead=lead, kind="captured", revision=revision, message=message)
        (row,) = rows("".join(leads_csv(Lead.objects.all())))
        assert row["first_name"] == "محمد"
        assert row["company"] == "'=Evil"
        assert row["client"] == "Website bot"
        assert (row["channel"], row["utm_source"], row["utm_campaign"]) == ("web", "news", "spring")
        assert row["last_message"] == "newest\nin two lines"

    def test_a_source_of_the_wrong_shape_breaks_nothing(self):
        LeadFactory(source={"utm": ["no", "object"], "channel": {"a": 1}})
        assert len(rows("".join(leads_csv(Lead.objects.all())))) == 1

    def test_the_database_is_asked_once_per_page(self):
        LeadFactory()
        with CaptureQueriesContext(connection) as for_one:
            "".join(leads_csv(Lead.objects.all()))
        for _ in range(5):
            LeadFactory()
        with CaptureQueriesContext(connection) as for_many:
            "".join(leads_csv(Lead.objects.all()))
        assert len(for_many) == len(for_one)

    def test_selected_leads_are_exported_from_the_admin(self, client):
        client.force_login(UserFactory())
        wanted, _ = LeadFactory(email="wanted@example.com"), LeadFactory(email="other@example.com")
        posted = {"action": "export_csv", "_selected_action": [str(wanted.pk)]}
        answer = client.post(reverse("admin:leads_lead_changelist"), posted)
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer["Content-Disposition"]
        text = b"".join(answer.streaming_content).decode()
        assert [row["email"] for row in rows(text)] == ["wanted@example.com"]

    def test_who_may_not_see_leads_exports_none(self, client):
        client.force_login(UserFactory(is_superuser=False))
        lead = LeadFactory()
        posted = {"action": "export_csv", "_selected_action": [str(lead.pk)]}
        assert client.post(reverse("admin:leads_lead_changelist"), posted).status_code == 403
