from uuid import uuid4

import pytest

from engine import freshness
from engine.models import Confirmation, Conversation
from integrations import lookups
from runtime.models import Event
from tests.factories import ClientFactory, ConnectorFactory


@pytest.fixture
def forgotten(monkeypatch):
    dropped = set()
    monkeypatch.setattr(lookups, "forget", lambda kind, key: dropped.add((kind, key)))
    return dropped


@pytest.mark.parametrize(
    ("type", "subject", "expected"),
    [
        ("order.shipped", "order:s00042", {("order", "s00042"), ("order", "S00042")}),
        ("stock.changed", "stock:mug-red", {("stock", "mug-red"), ("stock", "MUG-RED")}),
        ("product.changed", "product:MUG-RED", {("stock", "MUG-RED")}),
        ("order.shipped", "", set()),
        ("order.shipped", "order:", set()),
        ("lead.captured", "lead:1", set()),
    ],
)
def test_an_event_drops_what_was_looked_up_under_every_spelling(forgotten, type, subject, expected):
    freshness.forget(Event(type=type, subject=subject))

    assert forgotten == expected


@pytest.mark.django_db
def test_a_change_that_was_done_drops_what_it_was_told(forgotten, monkeypatch):
    changed = []
    monkeypatch.setattr(lookups, "forget_operations", changed.append)
    row = Confirmation.objects.create(
        id=uuid4(),
        conversation=Conversation.objects.create(client=ClientFactory()),
        connector=ConnectorFactory(),
        arguments={"order_number": "r-1001"},
    )
    freshness.forget(Event(type="change.done", subject=f"change:{row.pk}"))

    assert {("order", "r-1001"), ("order", "R-1001"), ("stock", "R-1001")} <= forgotten
    assert changed == [row.connector_id]
