"""Odoo's models and their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its type, its label, the model it points to, the values it may have."""

    kind: str
    label: str
    relation: str = ""
    selection: tuple[tuple[str, str], ...] = ()
    is_required: bool = False
    is_computed: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """One model and what outsiders may do with it."""

    name: str
    label: str
    fields: dict[str, Field]
    can_write: bool = False
    unique: tuple[str, ...] = ()
    """Fields whose values no two records share."""


def _chars(**labels: str) -> dict[str, Field]:
    return {name: Field("char", label) for name, label in labels.items()}


def _floats(**labels: str) -> dict[str, Field]:
    return {name: Field("float", label) for name, label in labels.items()}


def _times(**labels: str) -> dict[str, Field]:
    return {name: Field("datetime", label) for name, label in labels.items()}


def _model(
    name: str, label: str, fields: dict[str, Field], *, can_write: bool = False, unique: tuple[str, ...] = ()
) -> Model:
    own = {
        "id": Field("integer", "ID", is_computed=True),
        "display_name": Field("char", "Display Name", is_computed=True),
        "create_date": Field("datetime", "Created on", is_computed=True),
        "write_date": Field("datetime", "Last Updated on", is_computed=True),
    }
    return Model(name, label, {**own, **fields}, can_write, unique)


ORDER_STATES = (("draft", "Quotation"), ("sent", "Quotation Sent"), ("sale", "Sales Order"), ("cancel", "Cancelled"))
DELIVERY = (
    ("pending", "Not Delivered"),
    ("started", "Started"),
    ("partial", "Partially Delivered"),
    ("full", "Fully Delivered"),
)
PICKING_STATES = (
    ("draft", "Draft"),
    ("waiting", "Waiting Another Operation"),
    ("confirmed", "Waiting"),
    ("assigned", "Ready"),
    ("done", "Done"),
    ("cancel", "Cancelled"),
)
PICKING_TYPES = (("incoming", "Receipt"), ("outgoing", "Delivery"), ("internal", "Internal Transfer"))
PLACES = (("supplier", "Vendor Location"), ("internal", "Internal Location"), ("customer", "Customer Location"))
CURRENCY = Field("many2one", "Currency", "res.currency")
CUSTOMER = Field("many2one", "Customer", "res.partner")
ACTIVE = Field("boolean", "Active")

MODELS = {
    model.name: model
    for model in (
        _model("res.currency", "Currency", _chars(name="Currency", symbol="Symbol")),
        _model("res.users", "User", _chars(name="Name", login="Login", lang="Language", tz="Timezone")),
        _model(
            "res.partner",
            "Contact",
            {
                **_chars(name="Name", email="Email", email_normalized="Normalized Email", phone="Phone", city="City"),
                "is_company": Field("boolean", "Is a Company"),
                "active": ACTIVE,
            },
        ),
        _model("mailing.list", "Mailing List", {**_chars(name="Mailing List"), "active": ACTIVE}),
        _model(
            "mailing.contact",
            "Mailing Contact",
            {
                **_chars(name="Name", company_name="Company Name", email="Email"),
                "email_normalized": Field("char", "Normalized Email", is_computed=True),
                "is_blacklisted": Field("boolean", "Blacklist", is_computed=True),
                "subscription_ids": Field("one2many", "Subscriptions", "mailing.subscription", is_computed=True),
            },
            can_write=True,
        ),
        _model(
            "mailing.subscription",
            "Mailing List Subscription",
            {
                "contact_id": Field("many2one", "Contact", "mailing.contact", is_required=True),
                "list_id": Field("many2one", "Mailing List", "mailing.list", is_required=True),
                "opt_out": Field("boolean", "Opt Out"),
                "opt_out_datetime": Field("datetime", "Unsubscription Date", is_computed=True),
            },
            can_write=True,
            unique=("contact_id", "list_id"),
        ),
        _model(
            "product.product",
            "Product Variant",
            {
                **_chars(name="Name", default_code="Internal Reference", barcode="Barcode"),
                **_floats(qty_available="Quantity On Hand", free_qty="Free To Use Quantity"),
                **_floats(virtual_available="Forecasted Quantity", list_price="Sales Price"),
                "description_sale": Field("text", "Sales Description"),
                "currency_id": CURRENCY,
                "sale_ok": Field("boolean", "Sales"),
                "active": ACTIVE,
            },
        ),
        _model(
            "sale.order",
            "Sales Order",
            {
                **_chars(name="Order Reference", client_order_ref="Customer Reference"),
                **_times(date_order="Order Date", commitment_date="Delivery Date", effective_date="Effective Date"),
                "partner_id": CUSTOMER,
                "state": Field("selection", "Status", selection=ORDER_STATES),
                "delivery_status": Field("selection", "Delivery Status", selection=DELIVERY),
                "amount_total": Field("monetary", "Total"),
                "currency_id": CURRENCY,
                "order_line": Field("one2many", "Order Lines", "sale.order.line"),
                "picking_ids": Field("one2many", "Transfers", "stock.picking"),
            },
        ),
        _model(
            "sale.order.line",
            "Sales Order Line",
            {
                "name": Field("text", "Description"),
                **_floats(product_uom_qty="Quantity", qty_delivered="Delivery Quantity", price_unit="Unit Price"),
                "price_subtotal": Field("monetary", "Subtotal"),
                "order_id": Field("many2one", "Order Reference", "sale.order"),
                "product_id": Field("many2one", "Product", "product.product"),
            },
        ),
        _model(
            "stock.picking",
            "Transfer",
            {
                **_chars(name="Reference", origin="Source Document", carrier_tracking_ref="Tracking Reference"),
                **_times(scheduled_date="Scheduled Date", date_done="Date of Transfer"),
                "state": Field("selection", "Status", selection=PICKING_STATES),
                "picking_type_code": Field("selection", "Type of Operation", selection=PICKING_TYPES),
                "partner_id": Field("many2one", "Contact", "res.partner"),
                "sale_id": Field("many2one", "Sales Order", "sale.order"),
            },
        ),
        _model(
            "stock.location",
            "Inventory Locations",
            {"name": Field("char", "Location Name"), "usage": Field("selection", "Location Type", selection=PLACES)},
        ),
        _model(
            "stock.quant",
            "Quants",
            {
                "product_id": Field("many2one", "Product", "product.product"),
                "location_id": Field("many2one", "Location", "stock.location"),
                **_floats(quantity="Quantity", reserved_quantity="Reserved Quantity"),
            },
        ),
        _model(
            "crm.lead",
            "Lead",
            {
                "name": Field("char", "Opportunity", is_required=True),
                **_chars(contact_name="Contact Name", partner_name="Company Name", email_from="Email", phone="Phone"),
                "email_normalized": Field("char", "Normalized Email", is_computed=True),
                **_chars(function="Job Position", website="Website", street="Street", city="City", zip="Zip"),
                **_chars(referred="Referred By", x_shopbotly_id="ShopBotly id"),
                "description": Field("html", "Notes"),
                "probability": Field("float", "Probability"),
                "type": Field("selection", "Type", selection=(("lead", "Lead"), ("opportunity", "Opportunity"))),
                "user_id": Field("many2one", "Salesperson", "res.users"),
                "active": ACTIVE,
            },
            can_write=True,
        ),
    )
}


# Method: required and optional arguments, and whether it is called on records (`ids`).
METHODS: dict[str, tuple[tuple[str, ...], tuple[str, ...], bool]] = {
    "search": (("domain",), ("offset", "limit", "order"), False),
    "search_read": ((), ("domain", "fields", "offset", "limit", "order"), False),
    "search_count": (("domain",), ("limit",), False),
    "read": ((), ("fields", "load"), True),
    "fields_get": ((), ("allfields", "attributes"), False),
    "create": (("vals_list",), (), False),
    "write": (("vals",), (), True),
    "unlink": ((), (), True),
}


def check_field(model: Model, name: Any) -> None:
    """Raises: ValueError where the model has no such field."""
    if not isinstance(name, str) or name not in model.fields:
        raise ValueError(f"Invalid field {name!r} on {model.name!r}")


def check_path(model: Model, path: str, term: Any) -> None:
    """The same for a dotted path inside a domain."""
    current: Model | None = model
    for name in path.split("."):
        if current is None or name not in current.fields:
            where = (current or model).name
            raise ValueError(f"Invalid field {where}.{name} in condition {tuple(term)!r}")
        current = MODELS.get(current.fields[name].relation)


def checked(model: Model, vals: Any) -> Record:
    """The values of a create or write that count. Raises: ValueError, TypeError."""
    if not isinstance(vals, dict):
        raise TypeError(f"'{type(vals).__name__}' object is not a mapping")
    for name, value in vals.items():
        check_field(model, name)
        spec: Field = model.fields[name]
        if spec.selection and value and value not in dict(spec.selection):
            raise ValueError(f"Wrong value for {model.name}.{name}: {value!r}")
    kept = {name: value for name, value in vals.items() if not model.fields[name].is_computed}
    return {name: False if value in (None, "") else value for name, value in kept.items()}


def described(model: Model, arguments: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """As `fields_get` gives it."""
    wanted, attributes = arguments.get("allfields"), arguments.get("attributes")
    fields = {}
    for name, spec in model.fields.items():
        whole: dict[str, Any] = {"type": spec.kind, "string": spec.label, "required": spec.is_required}
        whole |= {"readonly": spec.is_computed, "store": name != "display_name", "name": name}
        whole |= {"relation": spec.relation} if spec.relation else {}
        whole |= {"selection": [list(pair) for pair in spec.selection]} if spec.selection else {}
        if not wanted or name in wanted:
            fields[name] = {key: value for key, value in whole.items() if not attributes or key in attributes}
    return fields
