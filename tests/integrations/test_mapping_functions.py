"""What a mapping may do to a value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.mapping import Row, check_rows, map_rows
from integrations.mapping_functions import FUNCTIONS
from integrations.providers.errors import Misconfigured

VALUES = {
    "email": "anna@example.com",
    "first_name": "Anna",
    "last_name": "",
    "phone": "030 555 0101",
    "attributes": {
        "full_name": "Anna Maria Berg",
        "born": "24.12.1990",
        "at": "2026-11-23T09:30:00+01:00",
        "land": "Deutschland",
        "size": 3,
        "vip": True,
        "city": "Łódź",
    },
}


def mapped(source, function, argument=""):
    row = Row("f", source, function, argument)
    check_rows([row])
    return map_rows([row], VALUES).get("f")


@pytest.mark.parametrize(
    ("source", "function", "argument", "expected"),
    [
        ("last_name", "default", "Unknown", "Unknown"),
        ("first_name", "default", "Unknown", "Anna"),
        ("attributes.none", "default", "Unknown", "Unknown"),
        ("", "fixed", "chatbot", "chatbot"),
        ("first_name", "concat", "last_name, attributes.city", "Anna Łódź"),
        ("last_name", "concat", "attributes.none", None),
        ("attributes.full_name", "split_name", "first", "Anna Maria"),
        ("attributes.full_name", "split_name", "last", "Berg"),
        ("first_name", "split_name", "first", "Anna"),
        ("first_name", "split_name", "last", None),
        ("phone", "e164", "de", "+49305550101"),
        ("phone", "e164", "", None),
        ("email", "e164", "DE", None),
        ("attributes.land", "country", "", "DE"),
        ("attributes.land", "country", "name", "Germany"),
        ("attributes.city", "country", "code", None),
        ("attributes.born", "date", "", "1990-12-24"),
        ("attributes.at", "date", "DD.MM.YYYY", "23.11.2026"),
        ("attributes.at", "date", "milliseconds", 1795392000000),
        ("first_name", "date", "", None),
        ("attributes.vip", "enum", "true = yes; false = no", "yes"),
        ("attributes.size", "enum", "1 = small; * = large", "large"),
        ("attributes.size", "enum", "1 = small", None),
    ],
)
def test_values_are_changed_as_said(source, function, argument, expected):
    assert mapped(source, function, argument) == expected


def test_country_is_read_by_code_and_name_in_any_case():
    for text in ("de", "DE", "germany", "Allemagne", "ドイツ"):
        values = {"attributes": {"land": text}}
        assert map_rows([Row("f", "attributes.land", "country")], values) == {"f": "DE"}


@pytest.mark.parametrize(
    "row",
    [
        Row("", "email"),
        Row("f", ""),
        Row("f", "email", "nosuch"),
        Row("f", "email["),
        Row("f", "email", "default", ""),
        Row("f", "email", "date", "%Y"),
        Row("f", "email", "e164", "Germany"),
        Row("f", "email", "country", "flag"),
        Row("f", "email", "split_name", "middle"),
        Row("f", "email", "enum", "just text"),
        Row("f", "email", "enum", ""),
        Row("f", "email", "concat", "a, b["),
        Row("f", "email", "fixed", "x" * 2_001),
        Row("f" * 121, "email"),
    ],
)
def test_a_row_that_can_not_work_is_refused_before_it_is_stored(row):
    with pytest.raises(Misconfigured):
        check_rows([row])


def test_a_field_stands_there_once_and_rows_have_a_limit():
    with pytest.raises(Misconfigured, match="twice"):
        check_rows([Row("a", "email"), Row("a", "phone")])
    with pytest.raises(Misconfigured, match="at most"):
        check_rows([Row(f"f{number}", "email") for number in range(201)])


def test_all_rows_of_a_record_share_a_quarter_of_a_second(monkeypatch):
    ticks = iter([0.0, *[1.0] * 1_000])
    monkeypatch.setattr("integrations.mapping.time.monotonic", lambda: next(ticks))
    with pytest.raises(Misconfigured, match="takes too long"):
        map_rows([Row("f", "join(' ', [first_name, email])")], VALUES)


@given(st.sampled_from(sorted(FUNCTIONS)), st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_value_and_no_argument_breaks_anything_but_its_own_field(function, value, argument):
    try:
        map_rows([Row("f", "attributes.x", function, argument)], {"attributes": {"x": value}})
    except Misconfigured as err:
        assert value not in err.words or len(value) < 3
