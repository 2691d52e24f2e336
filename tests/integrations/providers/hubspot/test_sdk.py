"""The sandbox's HubSpot as its own SDK sees it: hubspot-api-client judges the imitation."""

import pytest

from tests.sandbox import HUBSPOT_TOKEN

pytest.importorskip("hubspot")

from hubspot import HubSpot
from hubspot.crm import contacts, properties

TRACED = {"id_property": "email", "properties": {"firstname": "Anna"}}


@pytest.fixture
def sdk(sandbox):
    return HubSpot(access_token=HUBSPOT_TOKEN, host=sandbox.hubspot_url)


def upserted(sdk, *emails):
    inputs = [
        contacts.SimplePublicObjectBatchInputUpsert(**TRACED, id=email, object_write_trace_id=email) for email in emails
    ]
    return sdk.crm.contacts.batch_api.upsert(contacts.BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))


def test_it_upserts_many_and_reads_them_back(sdk):
    first, second = upserted(sdk, "anna@example.com", "ben@example.com").results
    assert (first.new, second.new) == (True, True)
    assert [result.new for result in upserted(sdk, "anna@example.com").results] == [False]
    read = sdk.crm.contacts.basic_api.get_by_id(first.id, properties=["email", "firstname"])
    assert read.properties["firstname"] == "Anna"


def test_it_is_told_who_of_a_batch_was_refused(sdk):
    told = upserted(sdk, "anna@example.com", "no address")
    assert (told.status, told.num_errors, len(told.results)) == ("COMPLETE", 1, 1)
    assert told.errors[0].context["objectWriteTraceId"] == ["no address"]


def test_it_searches_pages_and_erases(sdk):
    upserted(sdk, "anna@example.com", "ben@example.com")
    wanted = contacts.Filter(property_name="email", operator="EQ", value="anna@example.com")
    request = contacts.PublicObjectSearchRequest(filter_groups=[contacts.FilterGroup(filters=[wanted])], limit=1)
    assert sdk.crm.contacts.search_api.do_search(request).total == 1
    page = sdk.crm.contacts.basic_api.get_page(limit=1)
    assert page.paging.next.after
    gone = contacts.PublicGdprDeleteInput(object_id="anna@example.com", id_property="email")
    sdk.crm.contacts.basic_api.purge(gone)
    assert sdk.crm.contacts.search_api.do_search(request).total == 0


def test_it_reads_the_properties(sdk):
    found = {one.name: one for one in sdk.crm.properties.core_api.get_all("contacts").results}
    assert (found["email"].type, found["shopbotly_id"].has_unique_value) == ("string", True)


def test_refusals_are_errors_of_its_own(sdk):
    with pytest.raises(contacts.ApiException) as caught:
        sdk.crm.contacts.basic_api.get_by_id("5")
    assert caught.value.status == 404
    sdk.access_token = "another"
    with pytest.raises(properties.ApiException) as caught:
        sdk.crm.properties.core_api.get_all("contacts")
    assert caught.value.status == 401
