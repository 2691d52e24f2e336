"""Spans of time as they are typed and said."""

import pytest

from integrations import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10 s, 5 m, 2 h", [10, 300, 7200]),
        ("10s,1min , 1.5 h", [10, 60, 5400]),
        ("", []),
        (" , ", []),
        ("0.5 m", [30]),
    ],
)
def test_typed_spans_become_seconds(text: str, seconds: list[float]):
    assert durations.parse_all(text) == seconds


@pytest.mark.parametrize("text", ["5", "m", "5 days", "-5 m", "5 m 3 s", "1e9 s", "5m; 3m", "٥ x"])
def test_what_is_no_span_is_named(text: str):
    with pytest.raises(ValueError, match=text[:5].replace("+", r"\+")):
        durations.parse_all(text)


@pytest.mark.parametrize("seconds", [[10, 60, 300, 1800, 7200], [90], [86_400], [1.5]])
def test_what_was_typed_is_shown_so_that_it_means_the_same(seconds: list[float]):
    assert durations.parse_all(durations.typed(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (10, "10 seconds"),
        (90, "90 seconds"),
        (3600, "1 hour"),
        (272_160, "3 days"),
        (0.5, "0.5 seconds"),
    ],
)
def test_spans_are_said_in_the_unit_that_fits(seconds: float, words: str):
    assert durations.said(seconds) == words
