"""What a real Odoo answered, in our terms."""

import pytest

from integrations.providers import errors
from tests.integrations.providers.captured import answer
from tests.integrations.providers.odoo.test_jsonrpc import BY_NUMBER
from tests.integrations.providers.odoo.test_leads import contact
from tests.integrations.providers.vendors import Vendor


def written(name):
    return Vendor("odoo", answer("odoo", name), config=BY_NUMBER).provider.upsert([contact("Hello")])


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("rpc__no_model", errors.Misconfigured, "Odoo knows no crm.lead: is the app that brings it installed"),
        ("rpc__unknown_field", errors.Refused, "Odoo does not know the field referred of crm.lead."),
        ("rpc__done_without_a_value", errors.RetryLater, "The answer lacks what was asked for."),
    ],
)
def test_each_refusal_is_named_by_what_to_do_next(name, error, words):
    with pytest.raises(error) as caught:
        written(name)
    assert caught.value.words.startswith(words)
    assert "Berg" not in caught.value.words
    assert "Traceback" not in caught.value.words
