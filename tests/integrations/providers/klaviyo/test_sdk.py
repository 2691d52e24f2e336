"""The sandbox's Klaviyo as its own SDK sees it: klaviyo-api judges the imitation."""

import pytest

from tests.sandbox import KLAVIYO_KEY

KlaviyoAPI = pytest.importorskip("klaviyo_api").KlaviyoAPI

ANNA = {"type": "profile", "attributes": {"email": "anna@example.com", "first_name": "Anna"}}


@pytest.fixture
def sdk(sandbox):
    return KlaviyoAPI(KLAVIYO_KEY, max_retries=1, test_host=f"{sandbox.url}/klaviyo")


def test_it_writes_and_reads_a_profile(sdk):
    made = sdk.Profiles.create_or_update_profile({"data": ANNA})
    read = sdk.Profiles.get_profile(made.data.id)
    assert read.data.attributes.first_name == "Anna"


def test_it_imports_many_and_reads_what_went_wrong(sdk):
    bad = {"type": "profile", "attributes": {"email": "no address"}}
    body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": [ANNA, bad]}}}}
    job = sdk.Profiles.bulk_import_profiles(body).data.id
    sdk.Profiles.get_bulk_import_profiles_job(job)
    done = sdk.Profiles.get_bulk_import_profiles_job(job).data.attributes
    assert (done.status, done.completed_count, done.failed_count) == ("complete", 1, 1)
    [error] = sdk.Profiles.get_errors_for_bulk_import_profiles_job(job).data
    assert error.attributes.source.pointer == "/data/attributes/profiles/data/1/attributes/email"


def test_it_reads_the_lists(sdk):
    processes = [item.attributes.opt_in_process for item in sdk.Lists.get_lists().data]
    assert processes == ["double_opt_in", "single_opt_in"]
