"""Odoo's records in our terms."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from integrations.providers import errors, values
from integrations.providers.base import ORDER_STATUSES
from integrations.providers.odoo import records
from tests.integrations.providers.vendors import Vendor, says

ORDER = {"id": 41, "name": "S00041", "client_order_ref": "1001", "state": "sale", "delivery_status": "full"}


@pytest.mark.parametrize(
    ("state", "delivery_status", "status"),
    [
        ("draft", "", "draft"),
        ("sent", "", "draft"),
        ("sale", "", "confirmed"),
        ("sale", "pending", "confirmed"),
        ("sale", "started", "in preparation"),
        ("sale", "partial", "partly shipped"),
        ("sale", "full", "shipped"),
        ("cancel", "full", "cancelled"),
        ("sale", "new_in_odoo_20", "confirmed"),
    ],
)
def test_a_status_takes_two_fields(state, delivery_status, status):
    assert records.status(state, delivery_status) == status
    assert status in ORDER_STATUSES


def test_false_is_empty_and_times_are_aware():
    assert (values.text(False), records.label(False), values.number(False), values.utc(False)) == ("", "", None, None)
    assert records.label([1, "EUR"]) == "EUR"
    assert values.number(9.95) == Decimal("9.95")
    assert values.number(float("inf")) is None
    assert values.utc("2026-11-23 09:30:00") == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    assert (records.reference([7, "x"]), records.reference(False), records.references(False)) == (7, None, [])


def test_stock_without_any_number_is_not_told():
    assert records.product({"id": 1, "default_code": "A", "name": False, "free_qty": False}).stock is None


@pytest.mark.parametrize("typed", ["1001", "'; drop", "%", "*", '"],["id",">",0],["x', "S00041' OR 1=1"])
def test_what_a_person_types_is_bound_as_a_value(typed):
    vendor = Vendor("odoo", says(200, []))
    assert vendor.provider.order(typed) is None
    assert vendor.bodies()[0]["domain"] == ["|", ["name", "=", typed], ["client_order_ref", "=", typed]]


@pytest.mark.parametrize("typed", ["", "x" * 65])
def test_what_can_not_be_a_number_is_not_asked_for(typed):
    vendor = Vendor("odoo", says(200, []))
    assert vendor.provider.order(typed) is None
    assert vendor.provider.stock(typed) is None
    assert vendor.requests == []


def test_a_reference_that_two_customers_use_tells_nothing():
    two = [{**ORDER, "id": 41}, {**ORDER, "id": 42, "name": "S00042"}]
    assert Vendor("odoo", says(200, two)).provider.order("1001") is None


def test_an_orders_own_number_wins_over_somebodys_reference():
    two = [{**ORDER, "id": 42, "name": "S1"}, {**ORDER, "id": 41, "name": "1001"}]
    assert Vendor("odoo", says(200, two), says(200, [])).provider.order("1001").record_id == "sale.order/41"


def test_two_articles_with_one_reference_are_not_guessed_between():
    with pytest.raises(errors.Refused, match="same internal reference"):
        Vendor("odoo", says(200, [{"id": 1}, {"id": 2}])).provider.stock("A")


def test_an_order_is_known_without_the_app_for_carriers():
    unknown = {
        "name": "builtins.ValueError",
        "message": "Invalid field 'carrier_tracking_ref' on 'stock.picking'",
        "debug": "x",
    }
    order = {**ORDER, "picking_ids": [141], "partner_id": False}
    answers = (says(200, [order]), says(200, []), says(500, unknown), says(200, [{"id": 141, "state": "done"}]))
    vendor = Vendor("odoo", *answers)
    found = vendor.provider.order("1001")
    assert "carrier_tracking_ref" not in vendor.bodies()[-1]["fields"]
    assert (found.number, found.shipments) == ("S00041", [])


def test_database_and_company_are_told_when_configured():
    vendor = Vendor("odoo", says(200, []), config={"database": "live", "company_id": 3})
    vendor.provider.stock("A")
    assert vendor.requests[0].headers["X-Odoo-Database"] == "live"
    assert vendor.bodies()[0]["context"] == {"allowed_company_ids": [3]}
    plain = Vendor("odoo", says(200, []))
    plain.provider.stock("A")
    assert "X-Odoo-Database" not in plain.requests[0].headers
    assert "context" not in plain.bodies()[0]


@pytest.mark.parametrize(
    ("status", "name", "message", "error", "code"),
    [
        (500, "builtins.ValueError", "Invalid field 'free_qty' on 'product.product'", errors.Refused, "unknown_field"),
        (
            500,
            "builtins.ValueError",
            "Invalid field sale.order.free_qty in condition ('x', '=', 'y')",
            errors.Refused,
            "unknown_field",
        ),
        (500, "builtins.ValueError", "something else", errors.Refused, "refused"),
        (500, "psycopg2.OperationalError", "connection closed", errors.RetryLater, "retry_later"),
        (404, "werkzeug.exceptions.NotFound", "the model 'x' does not exist", errors.Misconfigured, "misconfigured"),
        (422, "werkzeug.exceptions.UnprocessableEntity", "missing a required argument", errors.Refused, "refused"),
        (403, "odoo.exceptions.AccessError", "You are not allowed\nto x", errors.Refused, "forbidden"),
        (401, "werkzeug.exceptions.Unauthorized", "Invalid apikey", errors.NotAuthorised, "not_authorised"),
    ],
)
def test_errors_are_named_by_what_to_do_next_and_tell_no_traceback(status, name, message, error, code):
    vendor = Vendor("odoo", says(status, {"name": name, "message": message, "debug": "Traceback: s3cret"}))
    with pytest.raises(errors.ProviderError) as caught:
        vendor.provider.stock("A")
    assert isinstance(caught.value, error)
    assert caught.value.code == code
    assert "Traceback" not in caught.value.words
    assert "s3cret" not in vendor.calls.rows[0].response_body
    if code == "unknown_field":
        assert caught.value.field == "free_qty"
