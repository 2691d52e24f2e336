"""What a status means by default."""

from datetime import UTC, datetime

import pytest

from integrations.providers import errors
from integrations.providers.base import Limits, Reply
from integrations.providers.replies import limits_in, raise_for_status, retry_after

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def reply(status, **headers):
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (301, errors.Misconfigured, "redirected"),
        (304, errors.Misconfigured, "redirected"),
        (400, errors.Refused, "refused"),
        (401, errors.NotAuthorised, "not_authorised"),
        (403, errors.Refused, "forbidden"),
        (404, errors.Refused, "refused"),
        (408, errors.RetryLater, "retry_later"),
        (409, errors.Refused, "refused"),
        (410, errors.EndpointGone, "endpoint_gone"),
        (422, errors.Refused, "refused"),
        (425, errors.RetryLater, "retry_later"),
        (429, errors.RetryLater, "rate_limited"),
        (500, errors.RetryLater, "retry_later"),
        (503, errors.RetryLater, "retry_later"),
        (599, errors.RetryLater, "retry_later"),
    ],
)
def test_a_status_is_named_by_what_to_do_next(status, error, code):
    with pytest.raises(errors.ProviderError) as caught:
        raise_for_status(reply(status), "words")
    assert type(caught.value) is error
    assert (caught.value.code, caught.value.status, caught.value.words) == (code, status, "words")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
def test_success_raises_nothing(status):
    raise_for_status(reply(status))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("0", 0),
        ("999999999999999999999", 86_400),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 23 Nov 2030 12:00:00 GMT", 86_400),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", 1.5),
        ("7.", 7),
        ("1e3", None),
        ("٣", None),
        ("Mon, 99 Nov 2026", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_garbage_ignored(text, seconds):
    assert retry_after({"Retry-After": text}, NOW) == seconds


@pytest.mark.parametrize("prefix", ["RateLimit", "X-RateLimit"])
def test_the_headers_that_many_vendors_share_tell_a_limit(prefix):
    headers = {f"{prefix}-Remaining": "3", f"{prefix}-Reset": "12"}
    assert limits_in(Reply(200, headers, b"")) == Limits(remaining=3, resets_in=12.0)
    headers[f"{prefix}-Reset"] = str(int(NOW.timestamp()) + 30)
    assert limits_in(Reply(429, headers, b""), NOW) == Limits(remaining=3, resets_in=30.0, is_over=True)
    assert limits_in(Reply(200, {f"{prefix}-Remaining": "none"}, b"")) is None
