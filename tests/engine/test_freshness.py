import pytest

from engine import freshness
from integrations import lookups
from runtime.models import Event


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
