"""The sandbox's Brevo as its own SDK sees it: brevo-python judges the imitation."""

import pytest

from tests.sandbox import BREVO_KEY

pytest.importorskip("brevo")

from brevo import Brevo
from brevo.core.api_error import ApiError


@pytest.fixture
def sdk(sandbox):
    return Brevo(api_key=BREVO_KEY, base_url=f"{sandbox.brevo_url}/v3", max_retries=0)


def test_it_creates_updates_reads_and_deletes(sdk):
    made = sdk.contacts.create_contact(email="anna@example.com", attributes={"FIRSTNAME": "Anna"}, list_ids=[2])
    sdk.contacts.create_contact(email="anna@example.com", attributes={"FIRSTNAME": "Anne"}, update_enabled=True)
    read = sdk.contacts.get_contact_info("anna@example.com")
    assert (read.id, read.attributes.FIRSTNAME, read.list_ids) == (made.id, "Anne", [2])
    sdk.contacts.update_contact("anna@example.com", email_blacklisted=True)
    assert sdk.contacts.get_contact_info("anna@example.com").email_blacklisted
    sdk.contacts.delete_contact("anna@example.com")
    with pytest.raises(ApiError) as caught:
        sdk.contacts.get_contact_info("anna@example.com")
    assert caught.value.status_code == 404


def test_it_asks_for_a_confirmation(sdk, sandbox):
    page = "https://shop.example.com/thanks"
    sdk.contacts.create_doi_contact(email="anna@example.com", include_list_ids=[2], template_id=5, redirection_url=page)
    [row] = sandbox.rows("brevo", "contacts")
    assert (row["listIds"], row["awaits"]) == ([], [2])


def test_it_reads_the_attributes(sdk):
    found = {one.name: one for one in sdk.contacts.get_attributes().attributes}
    assert [value.label for value in found["SALUTATION"].enumeration] == ["Ms", "Mr"]


def test_refusals_are_errors_of_its_own(sdk, sandbox):
    sdk.contacts.create_contact(email="anna@example.com")
    with pytest.raises(ApiError) as caught:
        sdk.contacts.create_contact(email="anna@example.com")
    assert (caught.value.status_code, caught.value.body["code"]) == (400, "duplicate_parameter")
    with pytest.raises(ApiError) as caught:
        Brevo(api_key="another", base_url=f"{sandbox.brevo_url}/v3").contacts.get_attributes()
    assert caught.value.status_code == 401


def test_it_imports_and_asks_what_became_of_that(sdk, sandbox):
    sandbox.fault(vendor="brevo", partial={"emails": ["ben@example.com"]})
    people = [{"email": f"{name}@example.com", "attributes": {"FIRSTNAME": name}} for name in ("anna", "ben")]
    begun = sdk.contacts.import_contacts(json_body=people, list_ids=[7], update_existing_contacts=True)
    assert sdk.process.get_process(begun.process_id).status == "queued"
    done = sdk.process.get_process(begun.process_id)
    assert (done.status, done.name) == ("completed", "IMPORTUSER")
    assert done.info.import_.invalid_emails
    found = sdk.contacts.get_contacts(list_ids=[7], modified_since="2026-01-01T00:00:00.000Z", limit=1000)
    assert [(each.email, each.list_ids) for each in found.contacts] == [("anna@example.com", [7])]
    with pytest.raises(ApiError) as caught:
        sdk.contacts.import_contacts(json_body=people)
    assert caught.value.body["code"] == "missing_parameter"
