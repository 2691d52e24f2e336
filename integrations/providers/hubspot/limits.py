"""HubSpot's limits as its answers tell them. Pure.

Source: https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines (answers to OAuth tokens don't
tell the daily limit; it renews at midnight of the account's time zone).
"""

import json

from integrations.providers.base import Limits, Reply
from integrations.providers.replies import number_in

_PREFIX = "X-HubSpot-RateLimit"


def limits(reply: Reply) -> Limits | None:
    """Return the window and the daily budget, as far as they are told."""
    requests, milliseconds, remaining, daily, daily_remaining = (
        number_in(reply.headers, f"{_PREFIX}-{name}")
        for name in ("Max", "Interval-Milliseconds", "Remaining", "Daily", "Daily-Remaining")
    )
    if reply.status == 429 and _policy(reply) == "DAILY":
        daily_remaining = 0
    if requests is None and remaining is None and daily_remaining is None:
        return None
    return Limits(
        requests=_whole(requests),
        seconds=milliseconds / 1000 if milliseconds else None,
        remaining=_whole(remaining),
        daily=_whole(daily),
        daily_remaining=_whole(daily_remaining),
        is_over=reply.status == 429,
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _policy(reply: Reply) -> str:
    """Return which of the limits a 429 is about: `DAILY`, `TEN_SECONDLY_ROLLING`, …"""
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return ""
    return str(body.get("policyName") or "") if isinstance(body, dict) else ""
