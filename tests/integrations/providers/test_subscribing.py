"""What vendors of newsletters share."""

import pytest

from integrations.providers.errors import Misconfigured
from integrations.providers.registry import provider_class
from integrations.providers.subscribing import list_id

HOSTILE = ["../x", "x/../y", "a b", 'x"]', "x" * 33, "ä"]


@pytest.mark.parametrize("id", HOSTILE)
@pytest.mark.parametrize("key", ["klaviyo", "mailchimp"])
def test_a_list_that_would_lead_elsewhere_is_refused_by_the_form(key, id):
    assert "list_id" in provider_class(key).config_form({"list_id": id}).errors


@pytest.mark.parametrize("id", [*HOSTILE, "x\n", "", None, 5.5])
def test_a_list_that_would_lead_elsewhere_is_asked_for_nowhere(id):
    with pytest.raises(Misconfigured, match="audience"):
        list_id({"list_id": id}, "audience")
