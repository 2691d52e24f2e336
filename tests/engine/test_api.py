import json

import pytest
from rest_framework.test import APIClient

from engine import attempts
from engine.models import Conversation, Faq, Turn
from gateway import shares
from gateway.models import Key
from gateway.services import client_create, key_create

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("starter")]

PAGE = "https://shop.example"
ANSWER = {
    "state",
    "answer",
    "intent",
    "confidence",
    "missing",
    "suggestions",
    "facts",
    "conversation_id",
    "request_id",
}


def caller(kind="secret", **client):
    made, _ = client_create(name=f"Bot {Key.objects.count()}", origins=[PAGE], **client)
    _, text = key_create(client=made, kind=kind)
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {text}", **({"HTTP_ORIGIN": PAGE} if kind == "publishable" else {}))
    return api


@pytest.fixture
def bot():
    return caller()


def ask(api, prompt="Check order status", **more):
    return api.post("/v1/query", {"prompt": prompt, **more}, format="json")


def test_a_query_is_answered_over_two_turns(bot, back_end):
    first = ask(bot)
    second = ask(bot, "S00042 anna@example.com", conversation_id=first.json()["conversation_id"])

    assert first.status_code == second.status_code == 200
    assert set(first.json()) == set(second.json()) == ANSWER
    assert first.json()["state"] == "needs_input"
    assert first.json()["missing"] == [
        {"slot": "order_number", "prompt": "What is your order number?"},
        {"slot": "email", "prompt": "Which e-mail address did you order with?"},
    ]
    assert second.json()["state"] == "answered"
    assert second.json()["facts"][1] == {
        "name": "status",
        "value": "shipped",
        "source": "ERP",
        "record_id": "42",
        "fetched_at": "2026-11-23T12:00:00+00:00",
        "age_seconds": 0.25,
        "cache": "miss",
    }
    assert second.json()["request_id"] == second["X-Request-Id"] == Turn.objects.last().request_id


def test_what_a_plain_fetch_sends_is_understood(bot):
    body = json.dumps({"prompt": "Check order status"})

    answer = bot.generic("POST", "/v1/query", body, content_type="text/plain;charset=UTF-8")

    assert answer.json()["state"] == "needs_input"


def test_suggestions_and_explanation(bot):
    answer = ask(bot, "S00042 anna@example.com", explain=True).json()

    assert answer["state"] == "suggestions"
    assert answer["suggestions"][0] == {"intent": "order_status", "label": "Order status"}
    assert set(answer["explanation"]) == {"because", "answer_from", "suggest_from", "matches"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "  "}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": True}, "prompt"),
        ({"prompt": ["x"]}, "prompt"),
        ({"prompt": "x" * 2_001}, "prompt"),
        ({"prompt": "x", "promt": "y"}, "promt"),
        ({"prompt": "x", "conversation_id": "nope"}, "conversation_id"),
        ({"prompt": "x", "deadline_ms": "3000"}, "deadline_ms"),
        ({"prompt": "x", "deadline_ms": 10_001}, "deadline_ms"),
        ({"prompt": "x", "deadline_ms": 0}, "deadline_ms"),
        ({"prompt": "x", "deadline_ms": True}, "deadline_ms"),
        ({"prompt": "x", "deadline_ms": 1.5}, "deadline_ms"),
        ({"prompt": "x", "explain": "true"}, "explain"),
        ({"prompt": "x", "explain": 1}, "explain"),
        ({"prompt": "x", "customer": "anna"}, "customer"),
        ({"prompt": "x", "customer": {"email": "not an address"}}, "customer.email"),
        ({"prompt": "x", "customer": {"mail": "a@example.com"}}, "customer.mail"),
        ({"prompt": "x", "customer": {"phone": 491234}}, "customer.phone"),
    ],
)
def test_a_bad_body_is_refused_with_the_name_of_the_field(bot, body, field):
    answer = bot.post("/v1/query", body, format="json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("body", ["", "[]", "null", '"x"', '{"prompt": "x"', '{"prompt": "\\u0000"}', '{"prompt":NaN}'])
def test_what_is_no_question_is_refused(bot, body):
    answer = bot.generic("POST", "/v1/query", body, content_type="application/json")

    assert answer.status_code == 400
    assert not Conversation.objects.exists()


def test_a_foreign_or_unknown_conversation_is_not_found(bot):
    mine = ask(bot).json()["conversation_id"]

    for api, id in ((caller(), mine), (bot, "01930000-0000-7000-8000-000000000000")):
        answer = ask(api, conversation_id=id)
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"


def test_a_publishable_key_asks_public_intents_from_its_page(back_end):
    widget = caller("publishable")

    assert ask(widget, "Do you have FURN_7777 in stock?").json()["state"] == "answered"
    assert ask(widget, "Check order status").json()["intent"] is None


def test_a_publishable_key_cannot_say_who_the_customer_is(back_end):
    answer = ask(caller("publishable"), customer={"email": "anna@example.com"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "customer"


def test_the_scope_is_needed():
    api = caller(scopes=["leads:write"])

    assert ask(api).status_code == 403
    assert api.get("/v1/faqs").status_code == 403
    assert APIClient().post("/v1/query", {"prompt": "x"}, format="json").status_code == 401


def test_a_customers_own_server_can_name_the_customer(bot, back_end):
    answer = ask(bot, "Where is my order S00042?", customer={"email": "ANNA@example.com", "reference": "c-1"})

    assert answer.json()["state"] == "answered"


def test_a_back_end_that_is_down_is_said_in_the_answer(bot, back_end):
    back_end.is_down = True

    answer = ask(bot, "Is FURN_7777 available?", deadline_ms=200)

    assert (answer.status_code, answer.json()["state"]) == (200, "unavailable")


def test_an_order_is_looked_up_by_number_and_proof(bot, back_end):
    by_email = bot.post("/v1/orders/lookup", {"number": "#s00042", "email": "anna@example.com"}, format="json")
    by_phone = bot.post("/v1/orders/lookup", {"number": "S00042", "phone": "+4930901820"}, format="json")

    assert by_email.status_code == by_phone.status_code == 200
    assert {fact["name"]: fact["value"] for fact in by_email.json()["facts"]}["tracking_number"] == "XYZ-987"


def test_a_wrong_proof_and_an_unknown_order_look_the_same(bot, back_end):
    wrong = bot.post("/v1/orders/lookup", {"number": "S00042", "email": "eve@example.com"}, format="json")
    unknown = bot.post("/v1/orders/lookup", {"number": "S9", "email": "anna@example.com"}, format="json")

    assert wrong.status_code == unknown.status_code == 404
    assert {**wrong.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}


def test_order_lookups_are_limited(bot, back_end):
    body = {"number": "S00042", "email": "eve@example.com"}
    for _ in range(attempts.MOST_PER_NUMBER):
        bot.post("/v1/orders/lookup", body, format="json")

    answer = bot.post("/v1/orders/lookup", {**body, "email": "anna@example.com"}, format="json")

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"number": "S00042"}, "email"),
        ({"email": "a@example.com"}, "number"),
        ({"number": 42, "email": "a@example.com"}, "number"),
        ({"number": "S" * 65, "email": "a@example.com"}, "number"),
        ({"number": "S00042", "email": "anna"}, "email"),
        ({"number": "S00042", "mail": "a@example.com"}, "mail"),
    ],
)
def test_a_bad_order_lookup_names_the_field(bot, back_end, body, field):
    answer = bot.post("/v1/orders/lookup", body, format="json")

    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert back_end.asked == []


def test_lookups_are_not_for_publishable_keys(back_end):
    widget = caller("publishable")

    assert widget.get("/v1/inventory/FURN_7777").status_code == 403
    assert widget.post("/v1/orders/lookup", {"number": "S00042", "email": "anna@example.com"}).status_code == 403


def test_stock_is_looked_up(bot, back_end):
    answer = bot.get("/v1/inventory/FURN_7777")

    assert answer.status_code == 200
    assert {fact["name"]: fact["value"] for fact in answer.json()["facts"]} == {
        "sku": "FURN_7777",
        "name": "Office Chair",
        "availability": "in stock",
        "available": 5,
        "price": {"amount": "70.00", "currency": "EUR"},
    }
    assert bot.get("/v1/inventory/NOPE-1").status_code == 404
    assert bot.get("/v1/inventory/" + "x" * 65).status_code == 404
    assert bot.get("/v1/inventory/%00").status_code == 400


def test_a_lookup_that_cannot_be_made_is_503(bot, back_end):
    back_end.is_down = True

    for answer in (
        bot.get("/v1/inventory/FURN_7777"),
        bot.post("/v1/orders/lookup", {"number": "S00042", "email": "anna@example.com"}, format="json"),
    ):
        assert answer.status_code == 503
        assert answer["Retry-After"] == "5"


def test_faqs_are_listed_and_searched(bot):
    everything = bot.get("/v1/faqs").json()["results"]
    found = bot.get("/v1/faqs", {"search": "return an article"}).json()["results"]

    assert len(everything) == Faq.objects.count()
    assert set(found[0]) == {"id", "question", "answer"}
    assert found[0]["question"] == "How can I return an article?"
    assert bot.get("/v1/faqs", {"search": "weather"}).json()["results"] == []
    assert bot.get("/v1/faqs", {"q": "x"}).json()["errors"][0]["field"] == "q"


def test_when_too_many_wait_for_back_ends_a_question_is_put_off_at_once_and_a_lead_is_taken(bot, back_end, monkeypatch):
    monkeypatch.setattr(shares, "QUERIES", shares.Share("query", 0))
    with shares.QUERIES.hold():
        put_off = ask(bot, conversation_id="01a20655-314d-767c-93c8-04e728654dd4")
        order = bot.post("/v1/orders/lookup", {"number": "S00042", "email": "anna@example.com"}, format="json")
        stock = bot.get("/v1/inventory/FURN_7777")
        lead = bot.post("/v1/leads", {"email": "anna@example.com"}, format="json")

    assert put_off.status_code == 200
    assert (put_off.json()["state"], set(put_off.json())) == ("unavailable", ANSWER)
    assert put_off.json()["conversation_id"] == "01a20655-314d-767c-93c8-04e728654dd4"
    for refused in (order, stock):
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert "Retry-After" in refused
    assert lead.status_code == 201
    assert back_end.asked == []
    assert ask(bot).json()["state"] == "needs_input"
