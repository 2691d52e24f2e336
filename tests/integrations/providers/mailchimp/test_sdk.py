"""The sandbox's Mailchimp as its own SDK sees it: mailchimp-marketing judges the imitation."""

import pytest

from integrations.providers.mailchimp.members import member_hash
from tests.sandbox import MAILCHIMP_KEY

pytest.importorskip("mailchimp_marketing")

from mailchimp_marketing import Client
from mailchimp_marketing.api_client import ApiClientError

LIST = "3f2a91bc07"
ANNA = member_hash("anna@example.com")
BODY = {"email_address": "anna@example.com", "status_if_new": "subscribed", "merge_fields": {"FNAME": "Anna"}}


@pytest.fixture
def sdk(sandbox):
    client = Client({"api_key": MAILCHIMP_KEY})
    client.api_client.host = f"{sandbox.mailchimp_url}/3.0"
    return client.lists


def test_it_writes_reads_tags_and_deletes(sdk):
    made = sdk.set_list_member(LIST, ANNA, BODY)
    assert (made["id"], made["status"]) == (ANNA, "subscribed")
    changed = sdk.set_list_member(LIST, ANNA, {**BODY, "status_if_new": "pending"})
    assert changed["status"] == "subscribed"
    sdk.update_list_member_tags(LIST, ANNA, {"tags": [{"name": "Shop", "status": "active"}]})
    assert [tag["name"] for tag in sdk.get_list_member(LIST, ANNA)["tags"]] == ["Shop"]
    sdk.delete_list_member_permanent(LIST, ANNA)
    with pytest.raises(ApiClientError) as caught:
        sdk.get_list_member(LIST, ANNA)
    assert caught.value.status_code == 404


def test_it_changes_a_status_but_brings_nobody_back(sdk):
    sdk.set_list_member(LIST, ANNA, BODY)
    assert sdk.update_list_member(LIST, ANNA, {"status": "unsubscribed"})["status"] == "unsubscribed"
    with pytest.raises(ApiClientError) as caught:
        sdk.update_list_member(LIST, ANNA, {"status": "subscribed"})
    assert caught.value.status_code == 400


def test_it_reads_the_audience_and_its_fields(sdk):
    assert sdk.get_list(LIST)["name"] == "Newsletter"
    assert {"FNAME", "LNAME"} <= {field["tag"] for field in sdk.get_list_merge_fields(LIST)["merge_fields"]}


def test_a_wrong_key_is_refused(sdk):
    sdk.api_client.api_key = "another-us21"
    with pytest.raises(ApiClientError) as caught:
        sdk.get_list(LIST)
    assert caught.value.status_code == 401
