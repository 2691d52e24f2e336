"""What HubSpot's answers say of its limits."""

from integrations.providers.base import Limits, Reply
from integrations.providers.hubspot.provider import HubSpot

TOLD = {
    "X-HubSpot-RateLimit-Max": "190",
    "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
    "X-HubSpot-RateLimit-Remaining": "187",
    "X-HubSpot-RateLimit-Daily": "650000",
    "X-HubSpot-RateLimit-Daily-Remaining": "649990",
}


def test_a_private_apps_answer_tells_window_and_day():
    told = Limits(requests=190, seconds=10.0, remaining=187, daily=650_000, daily_remaining=649_990)
    assert HubSpot.limits(Reply(200, TOLD, b"{}")) == told


def test_the_days_limit_is_told_apart_from_the_windows():
    body = b'{"status":"error","errorType":"RATE_LIMIT","policyName":"DAILY"}'
    said = HubSpot.limits(Reply(429, {}, body))
    assert said is not None
    assert (said.daily_remaining, said.is_over) == (0, True)
    assert HubSpot.limits(Reply(429, {}, body.replace(b"DAILY", b"TEN_SECONDLY_ROLLING"))) is None


def test_what_is_no_number_or_not_there_is_not_told():
    assert HubSpot.limits(Reply(200, {}, b"")) is None
    assert HubSpot.limits(Reply(429, {"X-HubSpot-RateLimit-Max": "many"}, b"[]")) is None
