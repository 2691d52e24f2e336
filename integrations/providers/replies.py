"""What a status says where the vendor's own words don't say more. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from integrations.providers import errors
from integrations.providers.base import Limits, Reply
from integrations.providers.values import Record

_LONGEST_RETRY_AFTER = 86_400.0
_LATER = {408, 425, 429}
# Some vendors give fractions, which the standard doesn't know.
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?")
# A reset later than this is a moment (seconds since 1970), not a span.
_LONGEST_SPAN = 10_000_000.0


def raise_for_status(reply: Reply, words: str = "") -> None:
    """Raise what a reply that is no success means by default; `words` are the vendor's, free of personal data.

    Raises: NotAuthorised (401), Refused (403 and other 4xx), EndpointGone (410), RetryLater (408, 425, 429, 5xx),
    Misconfigured (1xx, 3xx).
    """
    status = reply.status
    if 200 <= status < 300:
        return
    if status in _LATER or status >= 500:
        code = "rate_limited" if status == 429 else ""
        raise errors.RetryLater(words, code=code, status=status, after=retry_after(reply.headers))
    if status < 400:
        said = words or "The address answers with a redirect; enter the address it leads to."
        raise errors.Misconfigured(said, code="redirected", status=status)
    if status == 401:
        raise errors.NotAuthorised(words, status=status)
    if status == 410:
        raise errors.EndpointGone(words, status=status)
    raise errors.Refused(words, code="forbidden" if status == 403 else "", status=status)


def garbled(status: int | None = 200) -> errors.RetryLater:
    """Return what an answer without the parts we asked for means."""
    return errors.RetryLater("The answer lacks what was asked for.", code="garbled_reply", status=status)


def error_in(reply: Reply) -> Record:
    """Return the object that a reply without success holds; an empty one where it is something else, such as a page."""
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def only(found: Sequence[Record], words: str) -> Record | None:
    """Return the one record there is. Raises: Refused (`ambiguous`, with these words) where there are several."""
    if len(found) > 1:
        raise errors.Refused(words, code="ambiguous")
    return found[0] if found else None


def identified(found: Any) -> list[Record]:
    """Return a list of records that each have a number as `id`. Raises: RetryLater."""
    if not isinstance(found, list) or not all(isinstance(one, dict) and type(one.get("id")) is int for one in found):
        raise garbled()
    return found


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that `Retry-After` asks for, at most a day; None where it is absent or senseless.

    Source: RFC 9110, section 10.2.3 (seconds or an HTTP date).
    """
    text = (headers.get("Retry-After") or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text[:12]), _LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    seconds = (at - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


def limits_in(reply: Reply, now: datetime | None = None) -> Limits | None:
    """Return the limit that `RateLimit-Limit`, `-Remaining` and `-Reset` (also with `X-`) tell; None where they don't.

    Source: draft-ietf-httpapi-ratelimit-headers-07; the reset is a span or, by older habit, a moment.
    """
    for prefix in ("RateLimit", "X-RateLimit"):
        remaining = number_in(reply.headers, f"{prefix}-Remaining")
        if remaining is not None:
            reset = number_in(reply.headers, f"{prefix}-Reset")
            if reset is not None and reset > _LONGEST_SPAN:
                reset = max(0.0, reset - (now or datetime.now(UTC)).timestamp())
            return Limits(remaining=int(remaining), resets_in=reset, is_over=reply.status == 429)
    return None


def number_in(headers: Mapping[str, str], name: str) -> float | None:
    """Return the number that a header begins with; None where there is none."""
    found = _SECONDS.match((headers.get(name) or "").strip())
    return float(found[0][:15]) if found else None
