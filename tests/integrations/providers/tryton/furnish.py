"""Fills an empty Tryton with what a small shop has; runs in Tryton's own environment, not in ours.

    TRYTOND_CONFIG=<file> python furnish.py <database>

Prints `{"key", "read_only_key", "company", "warehouse", "sku", "order", ...}` as JSON.
"""

import datetime
import json
import sys
from decimal import Decimal

from proteus import Model, config
from trytond.modules.account.tests.tools import create_chart
from trytond.modules.company.tests.tools import create_company, get_company
from trytond.modules.currency.tests.tools import get_currency

ARTICLES = {
    "LAMP-01": ("Desk lamp", "49.00", 12),
    "MUG-RED": ("Red mug", "9.50", 120),
    "CAP-GREY": ("Grey cap", "15.00", 0),
}


def furnish() -> dict[str, object]:
    """Set up a company, articles in stock, a customer with two orders, and a key."""
    user = Model.get("res.user")(config.get_config().user)
    shop = Model.get("party.party")(name="Shop")
    shop.save()
    create_company(party=shop, currency=get_currency("EUR"))
    company = get_company()
    create_chart(company)
    product = {code: article(code, *told) for code, told in ARTICLES.items()}
    take_stock(product)
    anna = Model.get("party.party")(name="Anna")
    anna.contact_mechanisms.new(type="email", value="anna@example.com")
    anna.contact_mechanisms.new(type="phone", value="+493012345678")
    anna.save()
    shipped = order(anna, "1001", product["LAMP-01"], 2)
    ship(shipped)
    waiting = order(anna, "1002", product["MUG-RED"], 8)
    draft = order(anna, "1003", product["MUG-RED"], 1, process=False)
    # Two customers may use the same reference.
    ben = Model.get("party.party")(name="Another customer")
    ben.save()
    order(anna, "SAME", product["MUG-RED"], 1, process=False)
    order(ben, "SAME", product["MUG-RED"], 1, process=False)
    return {
        "key": application(user),
        "company": company.id,
        "warehouse": Model.get("stock.location").find([("code", "=", "WH")])[0].id,
        "orders": {"shipped": shipped.number, "waiting": waiting.number, "draft": draft.number},
        "parties": {"anna": anna.id, "ben": ben.id},
    }


def article(code: str, name: str, price: str, _count: int) -> Model:
    """Make an article that is kept in stock and sold."""
    unit = Model.get("product.uom").find([("name", "=", "Unit")])[0]
    template = Model.get("product.template")(name=name, default_uom=unit, type="goods", salable=True)
    template.list_price = Decimal(price)
    template.products[0].suffix_code = code
    template.save()
    return template.products[0]


def take_stock(products: dict[str, Model]) -> None:
    """Put what there is on the shelf."""
    inventory = Model.get("stock.inventory")()
    inventory.location = Model.get("stock.location").find([("code", "=", "STO")])[0]
    for code, product in products.items():
        line = inventory.lines.new(product=product)
        line.quantity, line.expected_quantity = float(ARTICLES[code][2]), 0.0
    inventory.click("confirm")


def order(party: Model, reference: str, product: Model, count: int, *, process: bool = True) -> Model:
    """Sell something; it is shipped later."""
    sale = Model.get("sale.sale")()
    sale.party, sale.reference, sale.invoice_method = party, reference, "manual"
    sale.shipping_date = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=3)
    line = sale.lines.new()
    line.product = product
    line.quantity = float(count)
    sale.save()
    if process:
        for button in ("quote", "confirm", "process"):
            sale.click(button)
    sale.reload()
    return sale


def ship(sale: Model) -> None:
    """Send an order off."""
    shipment = sale.shipments[0]
    for button in ("assign_force", "pick", "pack", "do"):
        shipment.click(button)


def application(user: Model) -> str:
    """Make a key for the REST API."""
    made = Model.get("res.user.application")(user=user, application="rest")
    made.save()
    return str(made.key)


if __name__ == "__main__":
    config.set_trytond(sys.argv[1])
    print(json.dumps(furnish()))
