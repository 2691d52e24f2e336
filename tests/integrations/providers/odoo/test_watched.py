"""What changes at an Odoo: orders, transfers, articles, stock; over either of its APIs."""

from datetime import UTC, datetime, timedelta

import pytest

from integrations.providers import errors
from integrations.providers.odoo import records
from tests.integrations.providers.odoo.test_sandbox import NEW, OLD
from tests.integrations.providers.sandboxed import connector_to, provider_of
from tests.integrations.providers.vendors import Vendor, says
from tests.sandbox import ODOO_KEY

pytestmark = pytest.mark.django_db

SINCE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
ORDER = {"id": 41, "name": "S00041", "state": "sale", "delivery_status": "full", "write_date": "2026-11-26 09:30:00"}
SENT = {"id": 141, "state": "done", "picking_type_code": "outgoing", "date_done": "2026-11-26 09:29:58"}
PARCEL = {**SENT, "write_date": "2026-11-26 09:29:00", "carrier_tracking_ref": "XYZ-1"}
FORBIDDEN = says(403, {"name": "odoo.exceptions.AccessError", "message": "You are not allowed to access"})


@pytest.fixture(params=[NEW, OLD], ids=["json2", "jsonrpc"])
def odoo(sandbox, request):
    return provider_of(connector_to(sandbox, "odoo", ODOO_KEY, request.param))


def ask(odoo, cursor, seen=()):
    """Return what a whole pass tells that was not seen yet, and where to go on from."""
    told = []
    for _ in range(20):
        answer = odoo.since(cursor)
        told += [event for event in answer.events if event.dedupe_id not in seen]
        if answer.cursor == cursor or answer.cursor.count(" ") == 2:
            return told, answer.cursor
        cursor = answer.cursor
    raise AssertionError("the pass doesn't end")


def types(told):
    return sorted({(event.type, event.subject) for event in told})


def test_the_first_question_tells_nothing_and_the_next_nothing_new(odoo):
    told, cursor = ask(odoo, "")
    assert told == []
    assert ask(odoo, cursor)[0] == []


def test_an_order_that_is_sent_is_told_once_with_its_parcel(sandbox, odoo):
    _, cursor = ask(odoo, "")
    sandbox.change("odoo", "stock.picking", 142, state="done", carrier_tracking_ref="XYZ-9")
    told, cursor = ask(odoo, cursor)
    assert types(told) == [("order.shipped", "order:S00042"), ("order.updated", "order:S00042")]
    [sent] = [event for event in told if event.type == "order.shipped"][:1]
    assert sent.data == {"order_number": "S00042", "record_id": "sale.order/42", "tracking_number": "XYZ-9"}
    assert ask(odoo, cursor, {event.dedupe_id for event in told})[0] == []


def test_a_tracking_number_alone_is_told_though_its_order_was_not_written(sandbox, odoo):
    _, cursor = ask(odoo, "")
    before = next(row for row in sandbox.rows("odoo", "sale.order") if row["id"] == 43)
    sandbox.change("odoo", "stock.picking", 143, carrier_tracking_ref="XYZ-3")
    [event] = ask(odoo, cursor)[0]
    assert (event.type, event.data["tracking_number"]) == ("order.updated", "XYZ-3")
    assert before in sandbox.rows("odoo", "sale.order")


def test_an_order_that_is_called_off_is_told(sandbox, odoo):
    _, cursor = ask(odoo, "")
    sandbox.change("odoo", "sale.order", 44, state="cancel")
    assert types(ask(odoo, cursor)[0]) == [("order.cancelled", "order:S00044"), ("order.updated", "order:S00044")]


def test_stock_is_told_by_its_quants_though_the_article_was_not_written(sandbox, odoo):
    _, cursor = ask(odoo, "")
    sandbox.change("odoo", "stock.quant", 227, quantity=7.0)
    told, cursor = ask(odoo, cursor)
    assert [(event.type, event.data) for event in told] == [("stock.changed", {"sku": "LAMP-01", "available": "6.0"})]
    # Once more within the same second.
    written = next(row["write_date"] for row in sandbox.rows("odoo", "stock.quant") if row["id"] == 227)
    sandbox.change("odoo", "stock.quant", 227, quantity=5.0, write_date=written)
    again, _ = ask(odoo, cursor, {event.dedupe_id for event in told})
    assert [event.data["available"] for event in again] == ["4.0"]


def test_what_lies_at_a_customers_is_no_stock(sandbox, odoo):
    _, cursor = ask(odoo, "")
    sandbox.change("odoo", "stock.quant", 327, quantity=51.0)
    assert ask(odoo, cursor)[0] == []


def test_an_article_that_is_changed_or_put_away_is_told(sandbox, odoo):
    _, cursor = ask(odoo, "")
    sandbox.change("odoo", "product.product", 21, list_price=8.0)
    sandbox.change("odoo", "product.product", 22, active=False)
    told = types(ask(odoo, cursor)[0])
    assert told == [("product.changed", "product:MUG-RED"), ("product.deleted", "product:MUG-BLUE")]


def test_what_is_committed_late_is_told(sandbox, odoo):
    _, cursor = ask(odoo, "")
    sandbox.change("odoo", "product.product", 21, list_price=8.0)
    # So the newest change of the last pass is the article's.
    for _ in range(2):
        _, cursor = ask(odoo, cursor)
    began = f"{datetime.now(UTC) - timedelta(seconds=90):%Y-%m-%d %H:%M:%S}"
    sandbox.change("odoo", "sale.order", 44, state="cancel", write_date=began)
    assert ("order.cancelled", "order:S00044") in types(ask(odoo, cursor)[0])


@pytest.mark.parametrize(
    ("order", "sent", "reached"),
    [
        ({}, {}, ["order.shipped"]),
        ({}, {"date_done": "2026-11-26 08:00:00"}, []),
        # What comes back is no parcel that leaves.
        ({}, {"date_done": "2026-11-20 08:00:00", "other": {"picking_type_code": "incoming"}}, []),
        ({"delivery_status": "partial"}, {}, []),
        ({"state": "cancel"}, {"date_done": "2026-11-20 08:00:00"}, ["order.cancelled"]),
    ],
)
def test_what_an_order_has_got_to_is_told_when_it_is_news(order, sent, reached):
    more = [{**PARCEL, "id": 142, **sent["other"]}] if "other" in sent else []
    told = records.order_changed({**ORDER, **order}, [{**PARCEL, **sent}, *more], SINCE)
    assert [event.type for event in told] == ["order.updated", *reached]


def test_an_order_is_told_apart_by_the_last_change_of_it_or_its_transfers():
    first, again = (
        records.order_changed(ORDER, [{**PARCEL, "write_date": f"2026-11-26 {time}"}], SINCE)
        for time in ("09:29:00", "09:31:00")
    )
    assert (first[0].dedupe_id == again[0].dedupe_id, first[1].dedupe_id == again[1].dedupe_id) == (False, True)
    assert first[0].occurred_at == datetime(2026, 11, 26, 9, 30, tzinfo=UTC)


def test_what_the_keys_user_may_not_read_is_left_out():
    newest = says(200, [{"id": 41, "write_date": "2026-11-26 09:30:00"}])
    vendor = Vendor("odoo", FORBIDDEN, FORBIDDEN, FORBIDDEN, newest)
    assert vendor.provider.since("").cursor.startswith("2026-11-26T09:30:01")
    with pytest.raises(errors.Refused) as caught:
        Vendor("odoo", FORBIDDEN).provider.since("")
    assert caught.value.code == "forbidden"


def test_a_page_is_a_hundred_and_the_next_begins_after_its_last():
    newest, nothing = says(200, [{"id": 1, "write_date": "2026-11-26 09:30:00"}]), says(200, [])
    full = says(200, [{**ORDER, "id": number, "name": f"S{number}"} for number in range(1, 101)])
    vendor = Vendor("odoo", newest, nothing, nothing, nothing)
    cursor = vendor.provider.since("").cursor
    later = says(200, [{"id": 9, "write_date": "2026-11-26 09:31:00"}])
    vendor = Vendor("odoo", later, nothing, nothing, nothing, full, says(200, []))
    first = vendor.provider.since(cursor)
    assert len(first.events) == 200
    last = vendor.provider.since(first.cursor)
    asked = vendor.bodies()[-1]
    assert (asked["domain"], asked["order"]) == ([["write_date", ">=", "2026-11-26 09:30:01"], ["id", ">", 100]], "id")
    assert (list(last.events), last.cursor.count(" ")) == ([], 2)
    assert asked["context"] == {"active_test": False}
