"""What a vendor says is told in bounds, and what was cut says so."""

import pytest

from engine.answers import Receipt
from engine.facts import facts_of
from runtime.clock import db_now


@pytest.mark.parametrize("value", ["x" * 1_000_000, ["x" * 1_000_000], {"a": {"b": "x" * 1_000_000}}])
@pytest.mark.django_db
def test_a_value_of_a_megabyte_is_cut_and_says_so(value):
    [fact] = facts_of(Receipt("Shop", "1", db_now(), 0.0, "miss"), told=value)

    assert len(str(fact.value)) + len(fact.text) < 5_000
    assert "1,000,0" in str(fact.value)
