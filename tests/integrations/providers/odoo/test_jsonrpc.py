"""Odoo up to 18: one address, the key in the body, errors with status 200."""

import json
from datetime import date
from decimal import Decimal

import httpx2
import pytest

from integrations.calls import CallLog
from integrations.egress.session import HttpSession
from integrations.models import Connector
from integrations.providers import errors
from integrations.providers.base import KEY_IN_BODY
from integrations.providers.odoo.provider import Odoo
from runtime.scrubbing import remember
from tests.integrations.providers.odoo.test_leads import contact
from tests.integrations.providers.test_contract import uses
from tests.integrations.providers.vendors import Vendor, says

OLD = {"version": "17", "database": "live", "user": "bot@example.com", "mailing_list": "Newsletter"}
BY_NUMBER = {**OLD, "user": "7"}


def result(value):
    return says(200, {"jsonrpc": "2.0", "id": 1, "result": value})


def failure(name, message="", code=200):
    data = {"name": name, "message": message, "arguments": [message], "context": {}, "debug": "Traceback: s3cret"}
    return says(200, {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "Odoo Server Error", "data": data}})


def params(odoo):
    return [body["params"] for body in odoo.bodies()]


def test_a_user_signs_in_once_and_asks_by_number():
    odoo = Vendor("odoo", result(7), result([{"id": 1, "default_code": "A", "free_qty": 3.0}]), config=OLD)
    assert odoo.provider.stock("A").available == 3
    odoo.provider.stock("A")
    assert [told["method"] for told in params(odoo)] == ["login", "execute_kw", "execute_kw"]
    assert params(odoo)[0]["args"][:2] == ["live", "bot@example.com"]
    database, user_id, _, model, method, placed, named = params(odoo)[1]["args"]
    assert (database, user_id, model, method, placed) == ("live", 7, "product.product", "search_read", [])
    assert named["domain"] == [["default_code", "=", "A"]]
    assert {request.url.path for request in odoo.requests} == {"/jsonrpc"}


def test_who_is_named_by_number_needs_no_sign_in():
    odoo = Vendor("odoo", result([]), config=BY_NUMBER)
    odoo.provider.stock("A")
    assert [told["method"] for told in params(odoo)] == ["execute_kw"]


def test_records_and_what_is_created_are_told_by_place():
    odoo = Vendor("odoo", result([]), result([8]), config=BY_NUMBER)
    assert odoo.provider.upsert([contact("Hello")])[0].external_id == "crm.lead/8"
    [values] = params(odoo)[1]["args"][5][0]
    assert values["referred"] == "ShopBotly lead-1"
    assert params(odoo)[1]["args"][6] == {}
    lead = {"id": 8, "referred": "ShopBotly lead-1", "active": True}
    odoo = Vendor("odoo", result([lead]), result(True), config=BY_NUMBER)
    odoo.provider.upsert([contact("Hello")])
    assert params(odoo)[1]["args"][5] == [[8]]


def test_the_key_is_in_the_body_and_not_in_the_log():
    sent = []

    def respond(request):
        sent.append(json.loads(request.content))
        return result([])

    remember("s3cret-key-of-odoo")
    calls = CallLog(Connector(name="ERP"))
    session = HttpSession(
        "https://erp.example.com", calls=calls, key="s3cret-key-of-odoo", transport=httpx2.MockTransport(respond)
    )
    Odoo(session, BY_NUMBER).stock("A")
    assert sent[0]["params"]["args"][2] == "s3cret-key-of-odoo"
    assert "s3cret" not in calls.rows[0].request_body
    assert "execute_kw" in calls.rows[0].request_body


def test_nothing_but_the_mark_itself_becomes_the_key():
    told = []

    def respond(request):
        told.append(json.loads(request.content))
        return result([])

    transport = httpx2.MockTransport(respond)
    session = HttpSession(
        "https://erp.example.com", calls=CallLog(Connector(name="ERP")), key="s3cret", transport=transport
    )
    told_by_people = {"text": str(KEY_IN_BODY), "day": date(2026, 11, 26), "price": Decimal("9.50")}
    session.request("POST", "/jsonrpc", purpose="write", json={"key": KEY_IN_BODY, **told_by_people})
    assert told == [{"key": "s3cret", "text": str(KEY_IN_BODY), "day": "2026-11-26", "price": "9.50"}]


@pytest.mark.parametrize("setting", ["database", "user"])
def test_without_database_or_user_it_says_what_to_enter(setting):
    odoo = Vendor("odoo", result(7), config={**OLD, setting: ""})
    with pytest.raises(errors.Misconfigured, match="Enter the database and the user"):
        odoo.provider.stock("A")
    assert odoo.requests == []


def test_a_wrong_key_is_told_wherever_it_is_noticed():
    with pytest.raises(errors.NotAuthorised):
        Vendor("odoo", result(False), config=OLD).provider.stock("A")
    with pytest.raises(errors.NotAuthorised):
        Vendor("odoo", failure("odoo.exceptions.AccessDenied", "Access Denied"), config=BY_NUMBER).provider.stock("A")


@pytest.mark.parametrize(
    ("name", "message", "error", "code"),
    [
        ("builtins.ValueError", "Invalid field 'free_qty' on model 'product.product'", errors.Refused, "unknown_field"),
        ("builtins.ValueError", "something else", errors.Refused, "refused"),
        ("odoo.exceptions.AccessError", "You are not allowed\nto x", errors.Refused, "forbidden"),
        ("odoo.exceptions.ValidationError", "anna@example.com is taken", errors.Refused, "refused"),
        ("odoo.exceptions.UserError", "Object product.product doesn't exist", errors.Misconfigured, "misconfigured"),
        ("werkzeug.exceptions.NotFound", "404: Not Found", errors.Misconfigured, "misconfigured"),
        ("psycopg2.OperationalError", 'database "live" does not exist', errors.RetryLater, "retry_later"),
        ("", "", errors.RetryLater, "retry_later"),
    ],
)
def test_errors_that_come_with_200_are_errors(name, message, error, code):
    odoo = Vendor("odoo", failure(name, message), config=BY_NUMBER)
    with pytest.raises(error) as caught:
        odoo.provider.stock("A")
    assert caught.value.code == code
    assert "anna" not in caught.value.words
    assert "Traceback" not in caught.value.words
    assert "s3cret" not in odoo.calls.rows[0].response_body


def test_every_use_of_it_fails_where_odoo_says_so():
    """What the contract suite asks of the newer API: here a failure may look like a success."""
    for config in (OLD, BY_NUMBER):
        for use in uses(Vendor("odoo", result([]), config=config).provider, that="all"):
            for answer in (
                failure("psycopg2.errors.SerializationFailure"),
                failure("odoo.exceptions.AccessDenied"),
                says(200, {"jsonrpc": "2.0", "id": 1}),
                says(200, {"jsonrpc": "2.0", "id": 1, "error": "x"}),
                says(200, []),
                says(200, b"<html>"),
                says(503, b""),
                says(404, b"<html>"),
            ):
                with pytest.raises(errors.ProviderError):
                    use(Vendor("odoo", answer, config=config).provider)


def test_the_list_has_its_older_name_up_to_16():
    entries = result([{"id": 1, "opt_out": False}])
    odoo = Vendor("odoo", result([{"id": 3}]), entries, result(True), config={**BY_NUMBER, "version": "14"})
    odoo.provider.unsubscribe([contact()])
    assert [told["args"][3] for told in params(odoo)] == [
        "mailing.list",
        "mailing.contact.subscription",
        "mailing.contact.subscription",
    ]
