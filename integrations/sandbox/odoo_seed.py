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
    now = datetime.now(UTC).replace(hour=9, minute=30, second=0, microsecond=0)

    def day(offset: int | None) -> str | bool:
        return False if offset is None else (now + timedelta(days=offset)).strftime("%Y-%m-%d %H:%M:%S")

    yield "mailing.list", {"id": 3, "name": "Newsletter", "active": True}
    for number, (email, is_blacklisted) in enumerate(MAILING_CONTACTS, 61):
        person = {"name": email.partition("@")[0].capitalize(), "email": email, "email_normalized": email}
        yield "mailing.contact", {"id": number, **person, "is_blacklisted": is_blacklisted}
        entry = {
            "contact_id": [number, person["name"]],
            "list_id": [3, "Newsletter"],
            "opt_out": email.startswith("carla"),
        }
        yield "mailing.subscription", {"id": number, **entry, "opt_out_datetime": False}
    euro = [1, "EUR"]
    yield "res.currency", {"id": 1, "name": "EUR", "symbol": "€"}
    yield "res.users", {"id": 2, "name": "ShopBotly", "login": "shopbotly", "lang": "en_US", "tz": "Europe/Berlin"}
    for number, (name, email, phone, city) in enumerate(PARTNERS, 11):
        yield (
            "res.partner",
            {"id": number, "name": name, "email": email, "email_normalized": email, "phone": phone, "city": city}
            | {"is_company": False, "active": True},
        )
    for number, (code, name, price, on_hand, reserved, incoming) in enumerate(PRODUCTS, 21):
        stock = {
            "qty_available": on_hand,
            "free_qty": on_hand - reserved,
            "virtual_available": on_hand - reserved + incoming,
        }
        yield (
            "product.product",
            {"id": number, "name": name, "default_code": code, "list_price": price, "currency_id": euro, "active": True}
            | {"sale_ok": True, "barcode": False, "description_sale": False, **stock},
        )
    line_id = 100
    for number, order in enumerate(ORDERS, 41):
        name, reference, who, state, delivery, ago, ahead, lines, picking = order
        partner, order_ref, total, line_ids = [11 + who, PARTNERS[who][0]], [number, name], 0.0, []
        for index, quantity in lines:
            line_id += 1
            line_ids.append(line_id)
            code, title, price = PRODUCTS[index][:3]
            total += price * quantity
            product = [21 + index, f"[{code}] {title}"]
            yield (
                "sale.order.line",
                {"id": line_id, "name": product[1], "order_id": order_ref, "product_id": product, "price_unit": price}
                | {"product_uom_qty": float(quantity), "price_subtotal": round(price * quantity, 2)}
                | {"qty_delivered": float(quantity) if delivery == "full" else 0.0},
            )
        if picking:
            tracking, picking_state = picking
            yield (
                "stock.picking",
                {"id": number + 100, "name": f"WH/OUT/{number:05}", "origin": name, "partner_id": partner}
                | {"carrier_tracking_ref": tracking, "state": picking_state, "sale_id": order_ref}
                | {"scheduled_date": day(ahead), "date_done": day(ahead) if picking_state == "done" else False},
            )
        yield (
            "sale.order",
            {"id": number, "name": name, "client_order_ref": reference, "partner_id": partner, "state": state}
            | {"delivery_status": delivery, "date_order": day(-ago), "commitment_date": day(ahead)}
            | {"effective_date": day(ahead) if delivery == "full" else False, "amount_total": round(total, 2)}
            | {"currency_id": euro, "order_line": line_ids, "picking_ids": [number + 100] if picking else []},
        )
