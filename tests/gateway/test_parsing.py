import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from gateway.parsing import DEEPEST, loads

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), inner)
    ),
    max_leaves=15,
)


@given(PLAIN)
def test_ordinary_json_is_read_as_it_is(value):
    for ascii_only in (True, False):
        assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    with suppress(ParseError):
        loads(body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"email": "a@b.c",}', "Line 1, column"),
        (b'{\n  "email": "a@b.c"\n  "x": 1}', "Line 3, column 3: Expecting ',' delimiter."),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"x": {"a": 1, "a": 1}}', "'a' stands twice"),
        (b'{"a": NaN}', "NaN is not a JSON value"),
        (b"[Infinity]", "Infinity is not"),
        (b"[-Infinity]", "-Infinity is not"),
        (b"[1e999]", "too large"),
        (b"[-1e999]", "too large"),
        (b"[" + b"9" * 5000 + b"]", "too many digits"),
        (b'{"a": "x\\u0000y"}', "cannot be stored"),
        (b'{"a\\u0000": 1}', "cannot be stored"),
        (b'{"a": "\\ud800"}', "cannot be stored"),
        (b'{"a": ["\\uDFFF"]}', "cannot be stored"),
        (b'{"a": "\x00"}', "Line 1, column"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"{'a': 1}", "Line 1, column"),
        (b"", "Line 1, column 1"),
        (b"[" * 100_000, "nested more than 20"),
        (b'{"a":' * 100_000, "nested more than 20"),
    ],
)
def test_a_bad_body_is_refused_in_words(body, says):
    with pytest.raises(ParseError) as refused:
        loads(body)
    assert says in str(refused.value.detail)


def test_depth_is_bounded_exactly():
    assert loads(b"[" * DEEPEST + b"]" * DEEPEST)
    with pytest.raises(ParseError):
        loads(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))


def test_many_flat_lists_are_not_deep():
    assert len(loads(b"[" + b",".join([b"[]"] * 100) + b"]")) == 100


def test_escaped_emoji_and_backslashes_are_texts_like_any_other():
    assert loads(rb'["\ud83d\ude00", "\\u0000", "\\ud800"]') == ["😀", "\\u0000", "\\ud800"]


def test_a_byte_order_mark_is_passed_over():
    assert loads(b"\xef\xbb\xbf[1]") == [1]


def test_a_long_hostile_name_is_not_repeated_whole():
    name = "x" * 10_000
    with pytest.raises(ParseError) as refused:
        loads(f'{{"{name}": 1, "{name}": 2}}'.encode())
    assert len(str(refused.value.detail)) < 200
