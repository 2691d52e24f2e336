"""The list of guards keeps up with the code: each can still be switched off."""

import pytest

from tests.guards.__main__ import OFF, ROOT


@pytest.mark.parametrize("off", OFF, ids=lambda off: off.guard)
def test_a_guard_stands_where_the_list_says(off):
    assert [(ROOT / file).read_text().count(text) for file, text, _ in off.changes] == [1] * len(off.changes)
    scenario = ROOT / off.scenario.partition("::")[0]
    assert scenario.exists(), "the scenario has moved"
