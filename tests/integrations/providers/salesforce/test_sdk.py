"""The sandbox's Salesforce as its most used Python SDK sees it: simple-salesforce judges the imitation."""

import pytest

from tests.sandbox import SALESFORCE_TOKEN

pytest.importorskip("simple_salesforce")

from simple_salesforce import Salesforce, SalesforceMalformedRequest, SalesforceResourceNotFound

from tests.integrations.providers.rerouted import session_to

HOST = "acme.my.salesforce.com"
ANNA = {"LastName": "Berg", "Company": "Berg", "Email": "anna@example.com"}


@pytest.fixture
def sdk(sandbox):
    session = session_to(HOST, sandbox.salesforce_url)
    return Salesforce(instance_url=f"https://{HOST}", session_id=SALESFORCE_TOKEN, session=session, version="62.0")


def test_it_creates_reads_changes_and_deletes(sdk):
    made = sdk.Lead.create(ANNA)
    assert made["success"]
    assert sdk.Lead.update(made["id"], {"Phone": "5"}) == 204
    assert sdk.Lead.get(made["id"])["Phone"] == "5"
    assert sdk.Lead.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sdk.Lead.get(made["id"])


def test_it_upserts_by_external_id(sdk):
    assert sdk.Lead.upsert("ShopBotly_Id__c/id-1", ANNA) == 201
    assert sdk.Lead.upsert("ShopBotly_Id__c/id-1", {**ANNA, "Phone": "5"}) == 200
    assert sdk.Lead.get_by_custom_id("ShopBotly_Id__c", "id-1")["Phone"] == "5"


def test_it_reads_descriptions_limits_and_refusals(sdk):
    assert {"LastName", "ShopBotly_Id__c"} <= {field["name"] for field in sdk.Lead.describe()["fields"]}
    sdk.restful("sobjects/Lead/describe")
    assert sdk.api_usage["api-usage"].total == 100_000
    with pytest.raises(SalesforceMalformedRequest) as caught:
        sdk.Lead.create({**ANNA, "Nosuch__c": "x"})
    assert caught.value.content[0]["errorCode"] == "INVALID_FIELD"


def test_it_upserts_a_collection(sdk):
    body = {"allOrNone": False, "records": [{"attributes": {"type": "Lead"}, "ShopBotly_Id__c": "id-1", **ANNA}]}
    [result] = sdk.restful("composite/sobjects/Lead/ShopBotly_Id__c", method="PATCH", json=body)
    assert (result["success"], result["created"], result["errors"]) == (True, True, [])
