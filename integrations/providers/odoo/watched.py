"""Which records tell of changes, by `write_date`: when the transaction began that wrote one.

What an order has got to is a field of it that is kept; tracking numbers are its transfers'. An article's time is moved
by its template's, but by no stock: that is in quants, one per place, which a timer of Odoo's deletes at zero.
Source: odoo/odoo 19.0, odoo/orm/models.py, addons/product, stock and sale_stock.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from integrations.providers.base import VendorEvent
from integrations.providers.odoo import records
from integrations.providers.odoo.api import Api
from integrations.providers.polling import Kind
from integrations.providers.record_events import product_events, stock_events
from integrations.providers.values import Record, latest, utc


def watched(odoo: Api) -> list[Kind]:
    """Return what is asked for in turn."""
    return [
        _kind(odoo, "sale.order", [], records.ORDER_FIELDS, _orders),
        _kind(odoo, "stock.picking", [["sale_id", "!=", False]], ["sale_id"], _transfers),
        _kind(odoo, *records.CODED, ["default_code", "active"], _articles),
        _kind(odoo, "stock.quant", [["location_id.usage", "=", "internal"]], ["product_id"], _quants),
    ]


def _kind(odoo: Api, model: str, domain: list[Any], fields: Sequence[str], told: Callable[..., Any]) -> Kind:
    asked: dict[str, Any] = {"purpose": "changes", "context": odoo.archived_too}

    def newest() -> datetime | None:
        found = odoo.search_read(model, domain, ["write_date"], limit=1, order="write_date desc", **asked)
        return latest(found, "write_date")

    def page(since: datetime, place: str) -> tuple[list[VendorEvent], str]:
        changed = [*domain, ["write_date", ">=", f"{since:%Y-%m-%d %H:%M:%S}"]]
        page = odoo.page(model, changed, [*fields, "write_date"], place, **asked)
        return told(odoo, page.items, since), page.next_cursor

    return Kind(newest, page)


def pickings(odoo: Api, orders: Sequence[Record], purpose: str) -> list[Record]:
    """Return the transfers of orders, but for those that were called off."""
    ids = [id for order in orders for id in records.references(order.get("picking_ids"))]
    asked = ("stock.picking", [["id", "in", ids], ["state", "!=", "cancel"]], records.SHIPMENT_FIELDS)
    return odoo.search_read(*asked, purpose=purpose, limit=1000, order="id") if ids else []


def _orders(odoo: Api, found: list[Record], since: datetime) -> list[VendorEvent]:
    moved, told = pickings(odoo, found, "changes"), []
    for order in found:
        ids = records.references(order.get("picking_ids"))
        told += records.order_changed(order, [each for each in moved if each["id"] in ids], since)
    return told


def _transfers(odoo: Api, found: list[Record], since: datetime) -> list[VendorEvent]:
    here = [["id", "in", [records.reference(each.get("sale_id")) for each in found]]]
    return _orders(odoo, odoo.find("sale.order", here, *records.ORDER_FIELDS, "write_date", purpose="changes"), since)


def _articles(odoo: Api, found: list[Record], since: datetime) -> list[VendorEvent]:
    told = []
    for article in found:
        at, is_gone = utc(article.get("write_date")), article.get("active") is False
        told += product_events(records.product(article), at, is_gone=is_gone)
    return told


def _quants(odoo: Api, found: list[Record], since: datetime) -> list[VendorEvent]:
    here = [["id", "in", [records.reference(quant.get("product_id")) for quant in found]]]
    told = []
    for article in odoo.search_read("product.product", here, records.STOCK_FIELDS, purpose="changes"):
        at = latest([one for one in found if records.reference(one.get("product_id")) == article["id"]], "write_date")
        told += stock_events(records.product(article), at)
    return told
