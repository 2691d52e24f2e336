"""What a changed record is told to be, whoever's it is."""

from dataclasses import replace
from datetime import UTC, datetime

from integrations.providers.base import Order, Shipment
from integrations.providers.record_events import order_events

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_two_changes_of_an_order_in_one_second_are_two():
    sent = Order(number="S1", status="shipped", record_id="7", shipments=(Shipment(""),))
    tracked = replace(sent, shipments=(Shipment("XYZ-987"),))
    ids = {order_events(order, AT, f"7:{AT}", "7:shipped")[0].dedupe_id for order in (sent, tracked, tracked)}
    assert len(ids) == 2
