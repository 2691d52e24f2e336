"""Mappings held against a vendor's live fields."""

import pytest

from integrations.mapping import Row
from integrations.mapping_checks import check_against, check_value, check_values
from integrations.providers.base import VendorField

FIELDS = [
    VendorField("LastName", "Last name", is_required=True, max_length=10),
    VendorField("Created", is_read_only=True),
    VendorField("Size", type="number"),
    VendorField("Status", type="choice", options=("new", "old")),
    VendorField("Tags", type="choices", options=("a", "b")),
    VendorField("Vip", type="boolean"),
    VendorField("Born", type="date"),
]
NAMED = Row("LastName", "last_name", "default", "Unknown")


def found(*rows):
    return [(finding.field, finding.kind) for finding in check_against([NAMED, *rows], FIELDS, "CRM")]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (Row("Nope", "email"), "unknown"),
        (Row("Created", "email"), "read_only"),
        (Row("Status", "", "fixed", "newest"), "choice"),
        (Row("Status", "x", "enum", "a = new; * = other"), "choice"),
        (Row("Size", "x", "default", "many"), "type"),
        (Row("Size", "x", "date", ""), "type"),
    ],
)
def test_what_the_vendor_would_refuse_whatever_the_lead_is_found(row, kind):
    assert found(row) == [(row.field, kind)]


def test_what_it_would_take_is_not_found():
    good = [Row("Status", "x", "enum", "a = new; * = old"), Row("Size", "attributes.size"), Row("Born", "x", "date")]
    assert found(*good) == []


def test_a_needed_field_without_a_row_is_found_and_one_that_may_be_empty_is_a_warning():
    [missing] = check_against([], FIELDS, "CRM")
    assert (missing.field, missing.kind, missing.is_warning) == ("LastName", "required", False)
    [maybe] = check_against([Row("LastName", "last_name")], FIELDS, "CRM")
    assert (maybe.kind, maybe.is_warning) == ("required", True)


def test_a_text_that_is_too_long_is_found():
    [finding] = check_against([Row("LastName", "", "fixed", "x" * 11)], FIELDS, "CRM")
    assert finding.kind == "length"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("LastName", "Berg", ""),
        ("LastName", "Bergmannstein", "length"),
        ("LastName", {"a": 1}, "type"),
        ("Size", 3.5, ""),
        ("Size", "3,5", "type"),
        ("Size", True, "type"),
        ("Status", "new", ""),
        ("Status", "New", "choice"),
        ("Tags", ["a", "b"], ""),
        ("Tags", "a;c", "choice"),
        ("Vip", True, ""),
        ("Vip", "perhaps", "type"),
        ("Born", "1990-12-24", ""),
        ("Born", "Christmas", "type"),
    ],
)
def test_values_of_a_record(name, value, kind):
    field = next(field for field in FIELDS if field.name == name)
    findings = check_value(field, value)
    assert [finding.kind for finding in findings] == ([kind] if kind else [])
    assert all("Bergmannstein" not in finding.words for finding in findings)
    assert check_values({name: value, "Elsewhere": 1}, FIELDS) == findings
