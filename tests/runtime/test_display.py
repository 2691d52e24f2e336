"""How pages show times, states and bodies."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from runtime import display
from runtime.clock import db_now
from runtime.forms import LinesField, PairsField


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "just now"),
        (-50, "a minute ago"),
        (-150, "2 minutes ago"),
        (-3600, "1 hour ago"),
        (-2 * 86400, "2 days ago"),
        (-400 * 86400, "1 year ago"),
        (20, "in moments"),
        (90, "in 1 minute"),
        (14 * 86400, "in 14 days"),
    ],
)
def test_times_are_said_as_people_say_them(seconds: int, words: str):
    assert display.relative(timedelta(seconds=seconds)) == words


@pytest.mark.django_db
def test_the_exact_time_is_one_hover_away(settings):
    settings.TIME_ZONE = "UTC"
    shown = display.ago(datetime(2026, 11, 3, 14, 5, 9, tzinfo=UTC))
    assert 'title="3 Nov 2026, 14:05:09 UTC"' in shown
    assert 'datetime="2026-11-03T14:05:09+00:00"' in shown


@pytest.mark.django_db
def test_what_never_happened_is_said_so():
    assert "never" in display.ago(None)
    assert "just now" in display.ago(db_now())


@pytest.mark.parametrize("state", list(display.TONES))
def test_a_state_is_words_and_a_symbol_not_only_a_colour(state: str):
    shown = display.badge(state)
    assert state.replace("_", " ") in shown
    assert 'aria-hidden="true"' in shown


@pytest.mark.parametrize(("milliseconds", "words"), [(None, "–"), (38.4, "38 ms"), (1400, "1.4 s"), (180_000, "3 min")])
def test_durations_have_a_unit_that_fits(milliseconds: float | None, words: str):
    assert display.milliseconds(milliseconds) == words


def test_a_body_is_set_in_lines_and_escaped():
    assert "&lt;script&gt;" in display.body('{"a": "<script>"}')
    assert "\n  &quot;a&quot;" in display.body('{"a": 1}')
    assert "&lt;b&gt; not JSON" in display.body("<b> not JSON")
    assert "empty" in display.body("")


@pytest.mark.parametrize("points", [[], [0], [0, 0, 0], [1, 5, 2, 1e9]])
def test_a_line_is_drawn_for_any_week(points: list[float]):
    shown = display.line(points, "a <week>")
    assert "a &lt;week&gt;" in shown
    assert "nan" not in shown


def test_lines_are_entries_each_once():
    assert LinesField().clean(" b \n\na\nb\n") == ["b", "a"]
    assert LinesField().prepare_value(["a", "b"]) == "a\nb"


def test_a_line_that_is_refused_is_named():
    def refuse(text: str) -> str:
        raise ValueError("no good.")

    with pytest.raises(ValidationError, match="“x”: no good"):
        LinesField(check=refuse).clean("x")


def test_pairs_are_an_object():
    assert PairsField().clean("email = email\nnote= a == b") == {"email": "email", "note": "a == b"}
    assert PairsField().prepare_value({"a": "b"}) == "a = b"


@pytest.mark.parametrize(
    ("text", "words"), [("no equals", "name = value"), ("= x", "name = value"), ("a=1\na=2", "twice")]
)
def test_pairs_that_cannot_be_read_are_named(text: str, words: str):
    with pytest.raises(ValidationError, match=words):
        PairsField().clean(text)


class TestFolding:
    @pytest.mark.parametrize("text", ["", "Is it\nback?", "x" * 400, "\n".join("12345678")])
    def test_a_short_text_is_whole(self, text: str):
        assert "<details" not in display.folded(text)

    @pytest.mark.parametrize("text", ["word " * 1600, "x" * 8000, "\n" * 60, "line\n" * 60, "🎉" * 401, 10**500])
    def test_a_long_one_shows_its_beginning_and_keeps_the_rest(self, text: object):
        summary, _, rest = display.folded(text).partition("</summary>")
        assert len(re.sub("<[^>]*>", "", summary)) < 300
        assert summary.count("<br>") < 4
        assert "<br>".join(str(text).splitlines()) in rest

    def test_it_is_cut_between_words(self):
        assert '<summary><span class="sb-beginning">' + "word " * 47 + "word… " in display.folded("word " * 1600)

    @pytest.mark.parametrize("times", [1, 400])
    def test_whatever_its_length_it_is_escaped(self, times: int):
        shown = display.folded("<script>alert(1)</script>" * times)
        assert "<script" not in shown
        assert shown.count("&lt;script&gt;") >= times
