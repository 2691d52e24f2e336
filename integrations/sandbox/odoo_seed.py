"""The records a new Odoo sandbox holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.sandbox.odoo_models import Record

# default_code, name, price, on hand, reserved, incoming
PRODUCTS = (
    ("MUG-RED", "Red mug", 9.5, 120.0, 8.0, 0.0),
    ("MUG-BLUE", "Blue mug", 9.5, 42.0, 2.0, 60.0),
    ("MUG-GREEN", "Green mug", 9.5, 0.0, 0.0, 48.0),
    ("TEE-S", "T-shirt, S", 19.0, 15.0, 0.0, 0.0),
    ("TEE-M", "T-shirt, M", 19.0, 31.0, 6.0, 0.0),
    ("TEE-L", "T-shirt, L", 19.0, 4.0, 4.0, 40.0),
    ("LAMP-01", "Desk lamp", 49.0, 12.0, 1.0, 0.0),
    ("LAMP-02", "Floor lamp", 129.0, 3.0, 0.0, 0.0),
    ("BAG-01", "Canvas bag", 14.9, 200.0, 20.0, 0.0),
    ("PEN-SET", "Set of three pens", 7.25, 75.0, 5.0, 0.0),
    ("NOTE-A5", "Notebook, A5", 6.8, 340.0, 12.0, 0.0),
    ("CABLE-USBC", "USB-C cable, 2 m", 12.0, 58.0, 3.0, 0.0),
)
PARTNERS = (
    ("Anna Berg", "anna@example.com", "+49 30 5550101", "Berlin"),
    ("Ben Okafor", "ben@example.com", "+44 20 7946 0102", "London"),
    ("Carla Rossi", "carla@example.com", "+39 06 555 0103", "Rome"),
    ("Dmitri Novák", "dmitri@example.com", "+420 2 5550 104", "Prague"),
)
EURO = [1, "EUR"]
STOCK = (8, "WH/Stock")
CUSTOMERS = (5, "Partners/Customers")
# address, on the blacklist; who is called Carla has left the newsletter
MAILING_CONTACTS = (("ben@example.com", False), ("carla@example.com", False), ("dmitri@example.com", True))
# name, customer's reference, partner, state, delivery status, days ago, days until delivery, lines, (tracking, state)
ORDERS: tuple[tuple[Any, ...], ...] = (
    ("S00041", "1001", 0, "sale", "full", 12, -6, ((0, 2), (6, 1)), ("XYZ-987", "done")),
    ("S00042", "1002", 1, "sale", "started", 4, 2, ((4, 3),), ("XYZ-988", "assigned")),
    ("S00043", "1003", 2, "sale", "pending", 1, 5, ((8, 10), (10, 5)), (False, "confirmed")),
    ("S00044", "1004", 0, "sale", "pending", 2, 9, ((2, 4),), (False, "waiting")),
    ("S00045", False, 3, "sent", False, 1, None, ((7, 1),), None),
    ("S00046", "1006", 1, "sale", "full", 30, -24, ((9, 2), (11, 1)), ("XYZ-951", "done")),
)


def seed() -> Iterator[tuple[str, Record]]:
    """The records of a new sandbox, their dates counted from today."""
    yield "res.currency", {"id": 1, "name": "EUR", "symbol": "€"}
    yield "res.users", {"id": 2, "name": "ShopBotly", "login": "shopbotly", "lang": "en_US", "tz": "Europe/Berlin"}
    yield from _mailing_list()
    yield from _partners()
    yield from _articles()
    for number, order in enumerate(ORDERS, 41):
        yield from _order(number, *order)


def _mailing_list() -> Iterator[tuple[str, Record]]:
    yield "mailing.list", {"id": 3, "name": "Newsletter", "active": True}
    for number, (email, is_blacklisted) in enumerate(MAILING_CONTACTS, 61):
        person = {"name": email.partition("@")[0].capitalize(), "email": email, "email_normalized": email}
        yield "mailing.contact", {"id": number, **person, "is_blacklisted": is_blacklisted}
        has_left = email.startswith("carla")
        entry = {"contact_id": [number, person["name"]], "list_id": [3, "Newsletter"], "opt_out": has_left}
        yield "mailing.subscription", {"id": number, **entry, "opt_out_datetime": False}


def _partners() -> Iterator[tuple[str, Record]]:
    for number, (name, email, phone, city) in enumerate(PARTNERS, 11):
        reached = {"email": email, "email_normalized": email, "phone": phone, "city": city}
        yield "res.partner", {"id": number, "name": name, **reached, "is_company": False, "active": True}


def _articles() -> Iterator[tuple[str, Record]]:
    yield "stock.location", {"id": STOCK[0], "name": STOCK[1], "usage": "internal"}
    yield "stock.location", {"id": CUSTOMERS[0], "name": CUSTOMERS[1], "usage": "customer"}
    for number, (code, name, price, on_hand, reserved, incoming) in enumerate(PRODUCTS, 21):
        free = on_hand - reserved
        counts = {"qty_available": on_hand, "free_qty": free, "virtual_available": free + incoming}
        described = {"name": name, "default_code": code, "barcode": False, "description_sale": False}
        sold = {"list_price": price, "currency_id": EURO, "sale_ok": True, "active": True}
        yield "product.product", {"id": number, **described, **sold, **counts}
        held = {"product_id": [number, f"[{code}] {name}"], "location_id": list(STOCK)}
        yield "stock.quant", {"id": number + 200, **held, "quantity": on_hand, "reserved_quantity": reserved}
        # What was sold is in a place, too, and none of it is in stock.
        sent = {"product_id": held["product_id"], "location_id": list(CUSTOMERS), "reserved_quantity": 0.0}
        yield "stock.quant", {"id": number + 300, **sent, "quantity": 50.0}


def _order(
    number: int,
    name: str,
    reference: Any,
    who: int,
    state: str,
    delivery: Any,
    ago: int,
    ahead: int | None,
    lines: tuple[tuple[int, int], ...],
    picking: tuple[Any, str] | None,
) -> Iterator[tuple[str, Record]]:
    partner, order_ref, total, line_ids = [11 + who, PARTNERS[who][0]], [number, name], 0.0, []
    for place, (index, quantity) in enumerate(lines):
        line_ids.append(number * 10 + place)
        code, title, price = PRODUCTS[index][:3]
        total += price * quantity
        product = [21 + index, f"[{code}] {title}"]
        sold = {"product_uom_qty": float(quantity), "price_unit": price, "price_subtotal": round(price * quantity, 2)}
        line = {"name": product[1], "order_id": order_ref, "product_id": product, **sold}
        yield "sale.order.line", {"id": line_ids[-1], **line, "qty_delivered": quantity * (delivery == "full") * 1.0}
    if picking:
        tracking, picking_state = picking
        done = _day(ahead) if picking_state == "done" else False
        sent = {"carrier_tracking_ref": tracking, "state": picking_state, "picking_type_code": "outgoing"}
        moved = {"name": f"WH/OUT/{number:05}", "origin": name, "partner_id": partner, "sale_id": order_ref, **sent}
        yield "stock.picking", {"id": number + 100, **moved, "scheduled_date": _day(ahead), "date_done": done}
    named = {"name": name, "client_order_ref": reference, "partner_id": partner, "state": state}
    dates = {"date_order": _day(-ago), "commitment_date": _day(ahead)}
    dates |= {"effective_date": _day(ahead) if delivery == "full" else False}
    paid = {"amount_total": round(total, 2), "currency_id": EURO, "order_line": line_ids}
    pickings = {"delivery_status": delivery, "picking_ids": [number + 100] if picking else []}
    yield "sale.order", {"id": number, **named, **dates, **paid, **pickings}


def _day(offset: int | None) -> str | bool:
    """Half past nine, so many days from today."""
    if offset is None:
        return False
    now = datetime.now(UTC).replace(hour=9, minute=30, second=0, microsecond=0)
    return (now + timedelta(days=offset)).strftime("%Y-%m-%d %H:%M:%S")
