"""Tryton's answers, captured from a real 8.0 server, in our terms."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from integrations.mapping import map_fields
from integrations.providers import errors
from integrations.providers.base import ORDER_STATUSES, Contact, Enquiry
from integrations.providers.tryton import records
from integrations.providers.tryton.provider import Tryton
from tests.integrations.providers.vendors import Vendor, says

FIXTURES = Path(__file__).parent / "fixtures"
SET_UP = {"database": "shop", "warehouse": "WH"}
AT = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
ANNA = {"id": "lead-1", "email": "anna@example.com", "first_name": "Anna", "phone": "+493012345678"}


def captured(name):
    fixture = json.loads((FIXTURES / f"{name}.json").read_text())
    body = fixture["body"]
    return says(fixture["status"], body.encode() if isinstance(body, str) else body)


def vendor(*names, config=SET_UP):
    """Return a Tryton that gives captured answers, named, or others, in this order."""
    answers = [captured(name) if isinstance(name, str) else name for name in names]
    return Vendor("tryton", *answers, config=config)


def contact(*messages, **values):
    told = {**ANNA, **values}
    enquiries = [Enquiry(AT, message) for message in messages]
    return Contact(str(told["id"]), told, map_fields(Tryton.default_mapping, told), enquiries)


def context_of(request):
    told = request.headers.get("X-Tryton-Context")
    return json.loads(base64.urlsafe_b64decode(told)) if told else {}


def paths(tryton):
    return [f"{request.method} {request.url.path.removeprefix('/shop/rest/model/')}" for request in tryton.requests]


def test_stock_is_asked_for_in_the_warehouse():
    tryton = vendor("warehouse__by_code", "stock__some")
    assert tryton.provider.stock("LAMP-01").available == Decimal(10)
    assert context_of(tryton.requests[1]) == {"locations": [5]}


def test_without_a_warehouse_stock_is_not_said_to_be_none():
    # What Tryton would answer: 0 of an article of which there are ten.
    tryton = vendor("stock__without_locations", config={"database": "shop"})
    with pytest.raises(errors.Misconfigured, match="Enter the warehouse"):
        tryton.provider.stock("LAMP-01")
    assert tryton.requests == []


def test_a_warehouse_that_is_not_there_is_told():
    with pytest.raises(errors.Misconfigured, match="no warehouse"):
        vendor(says(200, [])).provider.stock("LAMP-01")


def test_what_is_reserved_can_not_be_promised():
    assert vendor("warehouse__by_code", "stock__reserved").provider.stock("MUG-RED").available == Decimal(112)


@pytest.mark.parametrize(("there", "expected", "can"), [(5.0, 9.0, 5), (5.0, 2.0, 2), (0.0, -3.0, 0), (None, None, 0)])
def test_what_is_yet_to_come_is_not_promised_and_nothing_is_less_than_none(there, expected, can):
    assert records.available({"quantity": there, "forecast_quantity": expected}) == can


def test_an_article_that_is_not_there_is_none():
    assert vendor("warehouse__by_code", "stock__unknown").provider.stock("NOSUCH") is None


def test_two_articles_with_one_code_are_not_guessed_between():
    two = says(200, [{"id": 1}, {"id": 2}])
    with pytest.raises(errors.Refused, match="same code"):
        vendor("warehouse__by_code", two).provider.stock("A")


@pytest.mark.parametrize(
    ("state", "shipment_state", "status"),
    [
        ("draft", "none", "draft"),
        ("quotation", "none", "draft"),
        ("confirmed", "none", "confirmed"),
        ("processing", "waiting", "in preparation"),
        ("processing", "exception", "in preparation"),
        ("processing", "partially shipped", "partly shipped"),
        ("done", "sent", "shipped"),
        ("cancelled", "sent", "cancelled"),
        ("new in 9.0", "new in 9.0", "confirmed"),
    ],
)
def test_a_status_takes_two_fields(state, shipment_state, status):
    assert records.status(state, shipment_state) == status
    assert status in ORDER_STATUSES


def test_an_order_comes_with_its_customers_address_and_without_parcels_where_no_carrier_is_known():
    order = vendor("order__shipped", "request__unknown_field").provider.order("1001")
    assert (order.number, order.status, order.total, order.currency) == ("1", "shipped", Decimal("98.00"), "EUR")
    assert (order.email, order.phone) == ("anna@example.com", "+493012345678")
    assert order.placed_at.tzinfo is UTC
    assert order.shipments == []


def test_tracking_numbers_are_told():
    parcels = says(200, [{"id": 1, "state": "done", "shipping_reference": "XYZ-987"}, {"id": 2, "state": "done"}])
    order = vendor("order__shipped", parcels).provider.order("1001")
    assert [parcel.tracking_number for parcel in order.shipments] == ["XYZ-987"]


def test_a_draft_goes_by_its_reference():
    assert vendor("order__draft").provider.order("1003").number == "1003"


def test_a_reference_that_two_customers_use_tells_nothing():
    two = says(200, [{"id": 1, "reference": "SAME"}, {"id": 2, "reference": "SAME"}])
    assert vendor(two).provider.order("SAME") is None


def test_an_orders_own_number_wins_over_somebodys_reference():
    two = says(200, [{"id": 1, "number": "7", "reference": "5"}, {"id": 2, "number": "5"}])
    assert vendor(two).provider.order("5").record_id == "sale.sale/2"


@pytest.mark.parametrize("typed", ["'; drop", "%", '"],["id",">",0],["x'])
def test_what_a_person_types_is_bound_as_a_value(typed):
    tryton = vendor(says(200, []))
    assert tryton.provider.order(typed) is None
    assert tryton.bodies()[0]["domain"] == ["OR", ["number", "=", typed], ["reference", "=", typed]]


def test_an_address_stands_in_no_requests_address():
    tryton = vendor("party__theirs")
    tryton.provider.customer("anna@example.com")
    address = str(tryton.requests[0].url)
    assert "anna" not in address
    assert base64.urlsafe_b64encode(b"anna").decode()[:5] not in address
    assert tryton.requests[0].method == "POST"


def test_a_customer_is_who_has_exactly_this_address():
    assert vendor("party__theirs").provider.customer(" ANNA@example.com").phone == "+493012345678"
    # Tryton's “_” stands for any character.
    assert vendor("party__theirs").provider.customer("a_na@example.com") is None


def test_articles_come_with_price_currency_and_stock():
    answers = ("preferences__one_company", "warehouse__by_code", "products__all", "company__currency")
    page = vendor(*answers).provider.products()
    lamp = page.items[0]
    assert (lamp.sku, lamp.price, lamp.currency, lamp.available) == ("LAMP-01", Decimal("49.00"), "EUR", Decimal(10))
    assert page.next_cursor == ""


def test_articles_are_not_said_to_be_out_of_stock_where_nobody_counts():
    answers = ("preferences__one_company", "products__all", "company__currency")
    page = vendor(*answers, config={"database": "shop"}).provider.products()
    assert page.items[0].available is None


def test_a_full_page_of_articles_says_where_the_next_begins():
    full = says(200, [{"id": number, "code": f"A{number}"} for number in range(1, 101)])
    tryton = vendor(full, "company__currency", config={"database": "shop", "company_id": 1})
    assert tryton.provider.products().next_cursor == "100"


def test_somebody_new_is_looked_for_and_then_made_with_our_id():
    answers = (says(200, []), "party__created", says(200, []), "preferences__one_company", "lead__created")
    tryton = vendor(*answers)
    [outcome] = tryton.provider.upsert([contact("Is it in stock?")])
    assert outcome.external_id == "sale.opportunity/2"
    assert paths(tryton)[:2] == ["POST party.party/search_read", "POST party.party"]
    made = tryton.bodies()[1]
    assert made["identifiers"] == [["create", [{"type": None, "code": "ShopBotly lead-1"}]]]
    assert made["name"] == "Anna"
    lead = tryton.bodies()[-1]
    assert (lead["party"], lead["reference"], lead["company"]) == (4, "lead-1", 1)
    assert lead["comment"] == "2026-11-26 10:00 UTC: Is it in stock?"
    assert context_of(tryton.requests[-1]) == {"company": 1}


def test_somebody_who_is_known_by_our_id_is_written_and_not_made_again():
    tryton = vendor("party__ours", "party__created", "lead__found", "lead__created")
    [outcome] = tryton.provider.upsert([contact("Is it in stock?", "And in red?")])
    assert outcome.external_id == "sale.opportunity/2"
    assert paths(tryton) == [
        "POST party.party/search_read",
        "PUT party.party/4",
        "POST sale.opportunity/search_read",
        "PUT sale.opportunity/2",
    ]
    # The number is new there; what was asked before is there once.
    assert tryton.bodies()[1]["contact_mechanisms"] == [["create", [{"type": "phone", "value": "+493012345678"}]]]
    assert tryton.bodies()[3]["comment"] == "2026-11-26 10:00 UTC: Is it in stock?\n\n2026-11-26 10:00 UTC: And in red?"


def test_a_party_that_people_keep_is_left_as_it_is():
    tryton = vendor("party__theirs", says(200, []), "preferences__one_company", "lead__created")
    [outcome] = tryton.provider.upsert([contact("Hello", first_name="Mallory")])
    assert outcome.kind == "delivered"
    assert [path for path in paths(tryton) if path.startswith("PUT") or path == "POST party.party"] == []
    assert tryton.bodies()[-1]["party"] == 2


def test_somebody_elses_party_that_is_only_alike_is_not_taken():
    answers = ("party__theirs", "party__created", says(200, []), "preferences__one_company", "lead__created")
    tryton = vendor(*answers)
    tryton.provider.upsert([contact("Hello", email="a_na@example.com")])
    assert paths(tryton)[1] == "POST party.party"


@pytest.mark.parametrize("state", ["converted", "won", "lost", "cancelled"])
def test_a_lead_that_is_closed_there_stays_so_and_a_new_question_is_a_new_one(state):
    closed = says(200, [{"id": 2, "state": state, "comment": "x"}])
    tryton = vendor("party__ours", "party__created", closed)
    assert tryton.provider.upsert([contact()])[0].external_id == "sale.opportunity/2"
    assert paths(tryton)[-1] == "POST sale.opportunity/search_read"
    tryton = vendor("party__ours", "party__created", closed, "preferences__one_company", "lead__created")
    tryton.provider.upsert([contact("Again")])
    assert paths(tryton)[-1] == "POST sale.opportunity"


def test_only_parties_are_written_where_leads_are_not_wanted():
    tryton = vendor("party__ours", "party__created", config={**SET_UP, "kind": "party"})
    assert tryton.provider.upsert([contact("Hello")])[0].external_id == "party.party/4"
    assert len(tryton.requests) == 2


def test_a_lead_that_is_open_is_cancelled_before_it_is_deleted_and_our_party_goes_too():
    done = says(204, b"")
    tryton = vendor("lead__found", "lead__created", done, "party__ours", done)
    assert tryton.provider.erase(contact()).kind == "delivered"
    assert paths(tryton) == [
        "POST sale.opportunity/search_read",
        "POST sale.opportunity/2/cancel",
        "DELETE sale.opportunity/2",
        "POST party.party/search_read",
        "DELETE party.party/4",
    ]


def test_a_lead_that_became_a_sale_is_emptied():
    won = says(200, [{"id": 2, "state": "won"}])
    tryton = vendor(won, "lead__created", says(200, []))
    tryton.provider.erase(contact())
    assert tryton.bodies()[1] == {"comment": None, "description": None, "reference": None}


@pytest.mark.parametrize("answers", [("party__theirs",), ("party__ours", "party__in_use")])
def test_a_party_that_tryton_keeps_is_said_to_be_kept(answers):
    outcome = vendor(says(200, []), *answers).provider.erase(contact())
    assert (outcome.kind, outcome.reason) == ("rejected", "kept_there")


def test_who_can_not_be_erased_now_is_tried_again():
    with pytest.raises(errors.RetryLater):
        vendor(says(200, []), "party__ours", says(503, b"")).provider.erase(contact())


def test_the_fields_are_those_of_leads_and_of_parties():
    fields = {field.name: field for field in vendor("fields__party", "fields__lead").provider.fields()}
    assert sorted(fields) == [
        *("conversion_probability", "create_date", "description", "party.name", "party.website", "start_date", "state")
    ]
    assert fields["state"].is_read_only
    assert fields["state"].options == ("lead", "opportunity", "converted", "won", "lost", "cancelled")
    assert (fields["start_date"].type, fields["conversion_probability"].type) == ("date", "number")
    assert [name for name, field in fields.items() if field.is_required] == []


@pytest.mark.parametrize(
    ("fixture", "error", "code", "field"),
    [
        ("request__wrong_key", errors.NotAuthorised, "not_authorised", ""),
        ("request__unknown_field", errors.Refused, "unintelligible", ""),
        ("request__unknown_model", errors.Refused, "unintelligible", ""),
        ("request__unknown_method", errors.Refused, "forbidden", ""),
        ("party__gone", errors.Misconfigured, "misconfigured", ""),
        ("party__invalid_phone", errors.Refused, "invalid_phone", "party.phone"),
        ("lead__without_company", errors.Refused, "missing_field", ""),
    ],
)
def test_errors_are_named_by_what_to_do_next_and_quote_nobody(fixture, error, code, field):
    with pytest.raises(errors.ProviderError) as caught:
        vendor(fixture).provider.order("1001")
    assert (type(caught.value), caught.value.code) == (error, code)
    assert getattr(caught.value, "field", "") == field
    assert "123" not in caught.value.words
    assert "Anna" not in caught.value.words


def test_a_name_is_put_together_from_what_is_known():
    def name(**told):
        return map_fields(Tryton.default_mapping, {"email": "anna@example.com", **told})["party.name"]

    assert name(first_name="Anna", last_name="B.") == "Anna B."
    assert name(last_name="B.") == "B."
    assert name(company="Shop") == "Shop"
    assert name() == "anna@example.com"


def test_what_became_of_sales_is_told_from_where_it_was_left():
    tryton = vendor("changes__newest", "changes__newest", "changes__since_ever")
    begun = tryton.provider.since("")
    assert list(begun.events) == []
    first, sent, second = tryton.provider.since(begun.cursor.replace("2026-11-26", "2026-11-25")).events
    assert (first.type, first.subject, first.data) == (
        "order.updated",
        "order:1",
        {"order_number": "1", "record_id": "sale.sale/1"},
    )
    assert (sent.type, sent.dedupe_id) == ("order.shipped", "sale.sale/1:shipped")
    # The draft that was changed, too, has no number yet.
    assert (second.type, second.subject) == ("order.updated", "order:2")
    assert first.occurred_at.tzinfo is UTC
    assert tryton.bodies()[-1]["domain"][0][:2] == ["last_modified_at", ">="]


def test_that_a_sale_was_sent_long_ago_is_not_told_when_it_changes_again():
    sale = json.loads((FIXTURES / "changes__since_ever.json").read_text())["body"][0]
    today, tomorrow = records.moment(sale["last_modified_at"]), datetime(2026, 11, 27, tzinfo=UTC)
    assert [event.type for event in records.changed(sale, today)] == ["order.updated", "order.shipped"]
    assert [event.type for event in records.changed(sale, tomorrow)] == ["order.updated"]


def test_a_sale_that_was_cancelled_is_told_so_once_however_often_it_changes():
    sale = {"id": 9, "number": "9", "state": "cancelled", "last_modified_at": records.stamp(AT)}
    later = {**sale, "last_modified_at": records.stamp(AT.replace(hour=11))}
    (_, first), (_, again) = records.changed(sale, AT), records.changed(later, AT)
    assert (first.type, first.dedupe_id) == ("order.cancelled", again.dedupe_id)
