"""The retry table."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.retries import REFUSAL, TROUBLE, Again, AskPerson, next_step


def test_trouble_is_tried_eleven_times_over_three_days():
    assert len(TROUBLE) + 1 == 11
    assert sum(TROUBLE) == pytest.approx(75.6 * 3600, rel=0.01)
    assert isinstance(next_step(refused=False, tries=10), Again)
    assert isinstance(next_step(refused=False, tries=11), AskPerson)


def test_a_refusal_is_tried_three_more_times_before_a_person_is_asked():
    waits = [next_step(refused=True, tries=tries, spread=0) for tries in (1, 2, 3, 4)]
    assert waits == [Again(timedelta(seconds=seconds)) for seconds in REFUSAL] + [AskPerson()]


@given(
    tries=st.integers(1, 10),
    retry_after=st.one_of(st.none(), st.floats(0, 1e9)),
    spread=st.floats(-1, 1),
)
def test_never_before_what_the_vendor_asked_for_and_never_more_than_a_day_later(tries, retry_after, spread):
    step = next_step(refused=False, tries=tries, retry_after=retry_after, spread=spread)
    assert isinstance(step, Again)
    asked = min(retry_after or 0, 86_400)
    assert asked <= step.after.total_seconds() + 1e-6 <= max(asked, 1.2 * TROUBLE[tries - 1]) + 1e-3
