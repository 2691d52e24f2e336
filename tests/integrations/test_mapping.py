"""Filling a vendor's fields."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.mapping import check_mapping, map_fields
from integrations.providers.errors import Misconfigured

VALUES = {
    "email": "anna@example.com",
    "first_name": "Anna",
    "last_name": "",
    "source": {"channel": "chat", "utm": {"campaign": "spring"}},
    "attributes": {"size": 3, "tags": ["a", "b"], "vip": False},
}


def test_fields_are_filled_and_empty_ones_left_out():
    mapping = {
        "a": "first_name",
        "b": "last_name",
        "c": "source.utm.campaign",
        "d": "attributes.nothing",
        "e": "nope.x",
    }
    assert map_fields(mapping, VALUES) == {"a": "Anna", "c": "spring"}


def test_expressions_may_compute():
    mapping = {
        "full": "join(' ', [first_name, email])",
        "tags": "attributes.tags",
        "size": "to_string(attributes.size)",
        "fixed": "'chatbot'",
        "or": "last_name || first_name",
        "vip": "attributes.vip",
    }
    assert map_fields(mapping, VALUES) == {
        "full": "Anna anna@example.com",
        "tags": ["a", "b"],
        "size": "3",
        "fixed": "chatbot",
        "or": "Anna",
        "vip": False,
    }


def test_long_texts_are_cut():
    assert len(map_fields({"a": "message"}, {"message": "x" * 100_000})["a"]) == 20_000


@pytest.mark.parametrize(
    "expression",
    ["first_name[", "", "x" * 501, "nosuch(@)", "length(`1`)", 5, None, "(" * 400, "join(' ', [email, `1`])"],
)
def test_a_mapping_that_can_not_work_names_its_field_and_no_value(expression):
    with pytest.raises(Misconfigured, match="hs_field") as caught:
        map_fields({"hs_field": expression}, VALUES)
    assert "anna" not in caught.value.words


@pytest.mark.parametrize(
    "expression",
    [
        "[@,@]" + "|[@,@]" * 60,
        "[@,@]" + "|[@,@][]" * 40,
        "[@,@]" + "|[@,@]" * 40 + "|to_string(@)",
        "[@,@,@,@,@,@,@,@,@,@]" + "|[@,@,@,@,@,@,@,@,@,@]" * 15,
        "{a:@,b:@}" + "|{a:@,b:@}" * 40,
    ],
)
def test_an_expression_that_explodes_is_stopped(expression):
    started = time.thread_time()
    with pytest.raises(Misconfigured, match="too"):
        map_fields({"bomb": expression}, VALUES)
    assert time.thread_time() - started < 0.25


def test_a_mapping_is_checked_before_it_is_stored():
    check_mapping({"a": "first_name", "b": "join(' ', [first_name, last_name])"})
    for wrong in ({"a": "first_name["}, {"a": ""}, ["a"], "a", {"a": {"b": "c"}}):
        with pytest.raises(Misconfigured):
            check_mapping(wrong)


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_expression_breaks_anything_but_its_own_field(expression):
    try:
        map_fields({"f": expression}, VALUES)
    except Misconfigured as err:
        assert "f" in err.words
