"""What Klaviyo really answered, in our terms."""

import pytest

from integrations.providers import errors
from integrations.providers.base import Limits
from integrations.providers.klaviyo.profiles import has_bounced, has_left, inside, left_at
from integrations.providers.klaviyo.provider import Klaviyo
from integrations.sandbox.klaviyo import CODES
from tests.integrations.providers.captured import answer, reply
from tests.integrations.providers.klaviyo.test_profiles import ANNA, BEN, LIST, UNSURE
from tests.integrations.providers.vendors import Vendor


def vendor(*names, **config):
    return Vendor("klaviyo", *(answer("klaviyo", name) for name in names), config=config)


def test_a_profile_is_written_and_several_wait_for_their_job():
    [outcome] = vendor("profile__updated").provider.upsert([ANNA])
    assert (outcome.kind, outcome.external_id) == ("delivered", "01JD9Q7T5M0ZK4X8V2B6N3C1AP")
    outcomes = vendor("import__queued").provider.upsert([ANNA, BEN])
    assert [(outcome.kind, outcome.item) for outcome in outcomes] == [("accepted", "0"), ("accepted", "1")]
    # Its name has to fit into a delivery's row.
    assert len(outcomes[0].job) > 50


def test_a_job_is_asked_about_until_it_is_done_and_may_be_lost():
    assert [told.kind for told in vendor("import__queued").provider.confirm("job", ["0", "1"])] == ["accepted"] * 2
    assert [told.kind for told in vendor("import__unknown").provider.confirm("job", ["0"])] == ["unknown"]
    assert vendor("import_errors__none").provider._failed("/api/jobs/1") == []


def test_who_never_subscribed_has_neither_left_nor_bounced():
    marketing = inside(reply("klaviyo", "profile__never_subscribed").json(), "data", "attributes", "subscriptions")
    told = inside(marketing, "email", "marketing")
    assert (has_left(told, "Y6nRLr"), has_bounced(told), left_at(told)) == (False, False, "")


@pytest.mark.parametrize("contact", [ANNA, UNSURE])
def test_who_agrees_is_subscribed_to_the_connectors_list(contact):
    asked = vendor("lists__two", "profile__never_subscribed", "subscription__accepted", **LIST)
    assert [outcome.kind for outcome in asked.provider.subscribe([contact])] == ["delivered"]
    assert [request.url.path for request in asked.requests] == [
        "/api/lists",
        "/api/profile-import",
        "/api/profile-subscription-bulk-create-jobs",
    ]


def test_what_is_done_later_is_answered_by_an_empty_body():
    assert vendor("deletion__accepted").provider.erase(ANNA).kind == "delivered"
    assert [outcome.kind for outcome in vendor("subscription__accepted").provider.unsubscribe([ANNA])] == ["delivered"]


@pytest.mark.parametrize(
    ("name", "error", "code", "words"),
    [
        ("profile__conflict", errors.Refused, "conflict", "Another profile already has one of these values."),
        ("request__throttled", errors.RetryLater, "rate_limited", "Request was throttled. Expected available in 1"),
        ("request__wrong_key", errors.NotAuthorised, "not_authorised", "Incorrect authentication credentials."),
        ("request__forbidden", errors.Refused, "forbidden", "You must have Advanced KDP enabled"),
    ],
)
def test_each_refusal_is_named_by_what_to_do_next(name, error, code, words):
    with pytest.raises(error) as caught:
        vendor(name).provider.check()
    assert (type(caught.value), caught.value.code) == (error, code)
    assert caught.value.words.startswith(words)


def test_over_the_limit_a_second_is_waited():
    with pytest.raises(errors.RetryLater) as caught:
        vendor("request__throttled").provider.check()
    assert caught.value.after == 1
    # Which of its two windows is used up it doesn't say then.
    assert Klaviyo.limits(reply("klaviyo", "request__throttled")) is None


def test_what_is_left_of_a_second_is_no_reason_to_wait():
    assert Klaviyo.limits(reply("klaviyo", "import__queued")) == Limits(remaining=9, resets_in=0)


def test_the_imitation_uses_the_same_codes():
    for name, status in (("request__wrong_key", 401), ("request__forbidden", 403), ("request__throttled", 429)):
        assert reply("klaviyo", name).json()["errors"][0]["code"] == CODES[status]
