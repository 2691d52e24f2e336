"""A back end at the look-ups' seam, and what the starter can answer."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine import orders
from engine.starter import starter_install
from integrations import lookups
from integrations.lookups import Found
from integrations.providers.base import Order, Shipment, Stock

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class BackEnd:
    """Orders and stock by number; `asked` lists what was looked up, `is_down` makes it not answer."""

    orders: dict[str, Order] = field(default_factory=dict)
    stocks: dict[str, Stock] = field(default_factory=dict)
    asked: list[tuple[str, str, float]] = field(default_factory=list)
    is_down: bool = False

    def order(self, number: str, *, deadline: float) -> Found[Order]:
        return self._found("order", self.orders, number, deadline)

    def stock(self, sku: str, *, deadline: float) -> Found[Stock]:
        return self._found("stock", self.stocks, sku, deadline)

    def _found(self, kind, rows, key, deadline):
        self.asked.append((kind, key, deadline))
        if self.is_down:
            raise lookups.Unavailable("deadline")
        row = rows.get(key)
        return Found(row, "ERP", row.record_id if row else "", AT, 0.25, "miss")


@pytest.fixture(autouse=True)
def _refusals_at_once(monkeypatch):
    monkeypatch.setattr(orders, "REFUSED_AFTER_SECONDS", 0.0)


@pytest.fixture
def back_end(monkeypatch):
    shipment = Shipment("XYZ-987", "DHL", "sent")
    placed = datetime(2026, 11, 20, tzinfo=UTC)
    known = BackEnd(
        orders={
            "S00042": Order(
                "S00042",
                "shipped",
                "42",
                email="Anna@Example.com",
                phone="+49 30 901820",
                placed_at=placed,
                total=Decimal(120),
                currency="EUR",
                shipments=[shipment],
            ),
            "S00043": Order("S00043", "confirmed", "43", email="anna@example.com"),
        },
        stocks={"FURN_7777": Stock("FURN_7777", "Office Chair", Decimal(5), "7", Decimal("70.00"), "EUR")},
    )
    monkeypatch.setattr(lookups, "order", known.order)
    monkeypatch.setattr(lookups, "stock", known.stock)
    return known


@pytest.fixture
def starter(db):
    starter_install()
