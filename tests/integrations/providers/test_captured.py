"""What holds for every answer that a vendor gave: where it is from is known, and whatever is asked breaks nothing."""

import contextlib
import re
from fnmatch import fnmatch

import pytest

from integrations.providers.errors import ProviderError
from integrations.providers.registry import PROVIDERS
from tests.integrations.providers.captured import HERE, answer, answers, files, sources
from tests.integrations.providers.test_contract import uses, vendor_of
from tests.integrations.providers.vendors import says

every_answer = pytest.mark.parametrize(("key", "name"), answers())
with_fixtures = pytest.mark.parametrize("key", sorted({path.parts[-3] for path in files()}))


@with_fixtures
def test_of_each_fixture_it_is_said_where_it_is_from(key):
    names = [path.name for path in files() if path.parts[-3] == key]
    told = sources(key)
    assert [name for name in names if not any(fnmatch(name, known) for known in told)] == []
    assert [known for known in told if not any(fnmatch(name, known) for name in names)] == []
    assert key in PROVIDERS


@with_fixtures
def test_no_fixture_holds_somebody_s_address(key):
    for path in (HERE / key / "fixtures").iterdir():
        assert re.findall(r"[\w.+-]+(?:@|%40)(?!example\b)\w[\w.-]*", path.read_text()) == []


@every_answer
def test_an_answer_to_whatever_was_asked_is_an_outcome_or_an_error_of_ours(key, name):
    for use in uses(vendor_of(key, says(200)).provider, that="all"):
        with contextlib.suppress(ProviderError):
            use(vendor_of(key, answer(key, name)).provider)


@every_answer
def test_no_error_quotes_whom_an_answer_is_about(key, name):
    for use in uses(vendor_of(key, says(200)).provider, that="all"):
        try:
            use(vendor_of(key, answer(key, name)).provider)
        except ProviderError as error:
            assert "anna" not in f"{error.words} {getattr(error, 'field', '')}".lower()
