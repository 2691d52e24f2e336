"""What a changed order is told to be, to who asks."""

from datetime import UTC, datetime

import pytest

from integrations.providers.woocommerce.events import changed

SINCE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ORDER = {"id": 7, "number": "1007", "date_modified_gmt": "2026-11-23T09:30:00", "meta_data": []}


@pytest.mark.parametrize(
    ("status", "sent_at", "types"),
    [
        ("processing", None, ["order.updated"]),
        ("completed", "2026-11-23T09:29:00", ["order.updated", "order.shipped"]),
        ("completed", "2026-11-01T10:00:00", ["order.updated"]),
        ("cancelled", None, ["order.updated", "order.cancelled"]),
    ],
)
def test_that_it_was_sent_is_told_when_it_is_news(status, sent_at, types):
    told = changed({**ORDER, "status": status, "date_completed_gmt": sent_at}, SINCE)
    assert [event.type for event in told] == types
    assert {event.subject for event in told} == {"order:1007"}


def test_it_is_told_apart_by_when_it_was_changed_and_sent_once():
    order = {**ORDER, "status": "completed", "date_completed_gmt": "2026-11-23T09:29:00"}
    first = [event.dedupe_id for event in changed(order, SINCE)]
    again = [event.dedupe_id for event in changed({**order, "date_modified_gmt": "2026-11-23T09:31:00"}, SINCE)]
    assert first[0] != again[0]
    assert first[1] == again[1]
