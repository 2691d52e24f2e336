from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.sandbox.client import Client


def names(client: Client, domain: list[Any], model: str = "sale.order") -> list[str]:
    reply = client.odoo(model, "search_read", domain=domain, fields=["name"])
    assert reply.status_code == 200, reply.text
    return [record["name"] for record in reply.json()]


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        ([["name", "=", "S00041"]], ["S00041"]),
        ([["client_order_ref", "=", "1002"]], ["S00042"]),
        ([["client_order_ref", "=", False]], ["S00045"]),
        ([["partner_id.email", "=", "anna@example.com"]], ["S00041", "S00044"]),
        ([["partner_id.email", "=ilike", "ANNA@%"], ["state", "=", "sale"]], ["S00041", "S00044"]),
        (["|", ["name", "=", "S00041"], ["name", "=", "S00045"]], ["S00041", "S00045"]),
        (["!", ["state", "=", "sale"]], ["S00045"]),
        (["&", ["state", "=", "sale"], "|", ["name", "ilike", "43"], ["name", "ilike", "46"]], ["S00043", "S00046"]),
        ([["name", "in", ["S00042", "S00099"]]], ["S00042"]),
        ([["state", "!=", "sale"]], ["S00045"]),
        ([["state", "not in", ["sale", "draft"]]], ["S00045"]),
        ([["amount_total", ">=", 183], ["amount_total", "<", 184]], ["S00043"]),
        ([["picking_ids.carrier_tracking_ref", "=", "XYZ-987"]], ["S00041"]),
        ([["picking_ids", "=", False]], ["S00045"]),
        ([["partner_id", "=", 12]], ["S00042", "S00046"]),
        ([["partner_id", "ilike", "okafor"]], ["S00042", "S00046"]),
        ([[1, "=", 1], ["name", "=", "S00041"]], ["S00041"]),
        ([["name", "ilike", "(S000.*"]], []),
    ],
)
def test_domain_finds_what_odoo_would(client: Client, domain: list[Any], found: list[str]) -> None:
    assert names(client, domain) == found


def test_order_comes_in_odoos_shapes(client: Client) -> None:
    fields = ["name", "partner_id", "delivery_status", "date_order", "currency_id", "amount_total", "picking_ids"]
    [order] = client.odoo("sale.order", "search_read", domain=[["name", "=", "S00041"]], fields=fields).json()
    [quote] = client.odoo("sale.order", "search_read", domain=[["name", "=", "S00045"]], fields=fields).json()

    assert order["partner_id"] == [11, "Anna Berg"]
    assert order["currency_id"] == [1, "EUR"]
    assert order["amount_total"] == 68.0
    assert len(order["date_order"]) == len("2026-01-01 09:30:00")
    assert quote["delivery_status"] is False
    [picking] = client.odoo("stock.picking", "read", ids=order["picking_ids"]).json()
    assert (picking["carrier_tracking_ref"], picking["state"]) == ("XYZ-987", "done")


def test_stock_of_a_sku_and_of_none(client: Client) -> None:
    fields = ["default_code", "qty_available", "free_qty"]
    arguments = {"domain": [["default_code", "=", "TEE-L"]], "fields": fields, "limit": 2}
    [tee] = client.odoo("product.product", "search_read", **arguments).json()

    assert (tee["qty_available"], tee["free_qty"]) == (4.0, 0.0)
    assert names(client, [["default_code", "=", "NOPE"]], "product.product") == []


def test_order_limit_offset_and_count(client: Client) -> None:
    arguments = {"domain": [], "fields": ["name"], "order": "list_price desc, name", "offset": 1, "limit": 2}
    found = client.odoo("product.product", "search_read", **arguments).json()

    assert [record["name"] for record in found] == ["Desk lamp", "T-shirt, L"]
    assert client.odoo("product.product", "search_count", domain=[]).json() == 12


def test_lead_is_created_found_written_and_removed(client: Client) -> None:
    vals = {"name": "Question", "email_from": "Anna@Example.com", "x_shopbotly_id": "l1", "description": "<b>hi"}
    [lead_id] = client.odoo("crm.lead", "create", vals_list=[vals]).json()
    domain = [["email_normalized", "=", "anna@example.com"]]

    assert names(client, domain, "crm.lead") == ["Question"]
    assert client.odoo("crm.lead", "write", ids=[lead_id], vals={"phone": "+49301"}).json() is True
    [lead] = client.odoo("crm.lead", "read", ids=[lead_id], fields=["phone", "partner_name"]).json()
    assert lead == {"id": lead_id, "phone": "+49301", "partner_name": False}
    assert client.odoo("crm.lead", "unlink", ids=[lead_id]).json() is True
    assert names(client, domain, "crm.lead") == []
    operations = [operation for operation, _ in client.effects("odoo")]
    assert operations == ["crm.lead.create", "crm.lead.write", "crm.lead.unlink"]


def test_two_leads_of_one_person_are_two(client: Client) -> None:
    vals = {"name": "Question", "email_from": "anna@example.com"}
    assert len(client.odoo("crm.lead", "create", vals_list=[vals, vals]).json()) == 2


@pytest.mark.parametrize(
    ("model", "method", "arguments", "status", "name"),
    [
        ("sale.order", "search_read", {"domain": [["foo", "=", 1]]}, 500, "builtins.ValueError"),
        ("sale.order", "search_read", {"fields": ["foo"]}, 500, "builtins.ValueError"),
        ("sale.order", "search_read", {"fields": ["partner_id.email"]}, 500, "builtins.ValueError"),
        ("sale.order", "search_read", {"domain": ["|", ["name", "=", 1]]}, 500, "builtins.ValueError"),
        ("crm.lead", "create", {"vals_list": [{"name": "x", "foo": 1}]}, 500, "builtins.ValueError"),
        ("crm.lead", "create", {"vals_list": [{"phone": "1"}]}, 422, "odoo.exceptions.ValidationError"),
        ("crm.lead", "write", {"ids": [999], "vals": {}}, 404, "odoo.exceptions.MissingError"),
        ("sale.order", "write", {"ids": [41], "vals": {}}, 403, "odoo.exceptions.AccessError"),
        ("sale.order", "search_read", {"colour": 1}, 422, "werkzeug.exceptions.UnprocessableEntity"),
        ("sale.order", "search_read", {"ids": [41]}, 422, "werkzeug.exceptions.UnprocessableEntity"),
        ("sale.order", "explode", {}, 404, "werkzeug.exceptions.NotFound"),
        ("no.model", "read", {}, 404, "werkzeug.exceptions.NotFound"),
        ("sale.order", "_search", {}, 403, "odoo.exceptions.AccessError"),
    ],
)
def test_mistakes_are_answered_as_odoo_does(
    client: Client, model: str, method: str, arguments: dict[str, Any], status: int, name: str
) -> None:
    reply = client.odoo(model, method, **arguments)

    assert (reply.status_code, reply.json()["name"]) == (status, name)
    assert set(reply.json()) == {"name", "message", "arguments", "context", "debug"}
    assert reply.json()["debug"].startswith("Traceback")
    assert client.effects("odoo") == []


def test_wrong_key_is_401(client: Client) -> None:
    reply = client.http.post("/odoo/json/2/res.users/context_get", json={}, headers={"Authorization": "bearer x"})
    assert (reply.status_code, reply.json()["message"]) == (401, "Invalid apikey")


def test_read_only_key_may_read_and_not_write(client: Client) -> None:
    headers = {"Authorization": "bearer odoo-sandbox-readonly"}
    read = client.http.post("/odoo/json/2/res.users/context_get", json={}, headers=headers)
    body = {"vals_list": [{"name": "x"}]}
    assert read.json()["uid"] == 2
    assert client.http.post("/odoo/json/2/crm.lead/create", json=body, headers=headers).status_code == 403


def test_fields_get_describes_the_model(client: Client) -> None:
    fields = client.odoo("crm.lead", "fields_get", attributes=["type", "required", "selection"]).json()
    assert fields["name"] == {"type": "char", "required": True}
    assert fields["type"]["selection"] == [["lead", "Lead"], ["opportunity", "Opportunity"]]


def rpc(client: Client, service: str, method: str, *args: Any) -> Any:
    body = {"jsonrpc": "2.0", "method": "call", "id": 5, "params": {"service": service, "method": method, "args": args}}
    reply = client.http.post("/odoo/jsonrpc", json=body)
    assert reply.status_code == 200
    assert (reply.json()["jsonrpc"], reply.json()["id"]) == ("2.0", 5)
    return reply.json()


def execute(client: Client, model: str, method: str, *args: Any, key: str = "odoo-sandbox-key", **named: Any) -> Any:
    return rpc(client, "object", "execute_kw", "sandbox", 2, key, model, method, args, named)


def test_json_rpc_signs_in_by_login_and_key(client: Client) -> None:
    assert rpc(client, "common", "login", "sandbox", "shopbotly", "odoo-sandbox-key")["result"] == 2
    assert rpc(client, "common", "login", "sandbox", "shopbotly", "wrong")["result"] is False
    assert rpc(client, "common", "version")["result"]["server_version"] == "18.0"


def test_json_rpc_calls_the_same_methods_on_the_same_records(client: Client) -> None:
    [lead_id] = execute(client, "crm.lead", "create", [{"name": "Question", "email_from": "Anna@Example.com"}])[
        "result"
    ]
    domain = [["email_normalized", "=", "anna@example.com"]]
    assert names(client, domain, "crm.lead") == ["Question"]
    assert execute(client, "crm.lead", "write", [lead_id], {"phone": "+49301"})["result"] is True
    found = execute(client, "crm.lead", "search_read", domain=domain, fields=["phone"])["result"]
    assert found == [{"id": lead_id, "phone": "+49301"}]
    assert execute(client, "crm.lead", "search_read", domain, ["phone"])["result"] == found
    assert execute(client, "crm.lead", "unlink", [lead_id])["result"] is True


@pytest.mark.parametrize(
    ("model", "method", "named", "name"),
    [
        ("sale.order", "search_read", {"fields": ["foo"]}, "builtins.ValueError"),
        ("no.model", "search_read", {}, "odoo.exceptions.UserError"),
        ("sale.order", "create", {"vals_list": [{}]}, "odoo.exceptions.AccessError"),
        ("crm.lead", "create", {"vals_list": [{"phone": "1"}]}, "odoo.exceptions.ValidationError"),
    ],
)
def test_json_rpc_tells_mistakes_with_status_200(
    client: Client, model: str, method: str, named: dict[str, Any], name: str
) -> None:
    error = execute(client, model, method, **named)["error"]
    assert (error["code"], error["message"], error["data"]["name"]) == (200, "Odoo Server Error", name)
    assert error["data"]["debug"].startswith("Traceback")


def test_json_rpc_lets_nobody_in_with_a_wrong_key_or_database(client: Client) -> None:
    denied = execute(client, "sale.order", "search_read", key="wrong")["error"]["data"]
    assert (denied["name"], denied["message"]) == ("odoo.exceptions.AccessDenied", "Access Denied")
    assert execute(client, "crm.lead", "create", [{"name": "x"}], key="odoo-sandbox-readonly")["error"]["data"][
        "name"
    ].endswith("AccessError")
    assert "does not exist" in rpc(client, "common", "login", "nosuch", "shopbotly", "x")["error"]["data"]["message"]


def test_a_person_is_on_a_list_once_and_leaves_it_with_a_date(client: Client) -> None:
    [person] = client.odoo("mailing.contact", "create", vals_list=[{"name": "A", "email": "A@Example.com"}]).json()
    entry = {"contact_id": person, "list_id": 3}
    [number] = client.odoo("mailing.subscription", "create", vals_list=[entry]).json()
    twice = client.odoo("mailing.subscription", "create", vals_list=[entry])
    assert (twice.status_code, twice.json()["name"]) == (422, "odoo.exceptions.ValidationError")
    client.odoo("mailing.subscription", "write", ids=[number], vals={"opt_out": True})
    domain = [["contact_id.email_normalized", "=", "a@example.com"]]
    [row] = client.odoo("mailing.subscription", "search_read", domain=domain).json()
    assert (row["contact_id"], row["list_id"], row["opt_out"]) == ([person, "A"], [3, "Newsletter"], True)
    assert row["opt_out_datetime"]
    client.odoo("mailing.contact", "unlink", ids=[person])
    assert client.odoo("mailing.subscription", "search_count", domain=domain).json() == 0


def test_a_link_to_a_record_that_is_not_there_is_refused(client: Client) -> None:
    reply = client.odoo("mailing.subscription", "create", vals_list=[{"contact_id": 999, "list_id": 3}])
    assert (reply.status_code, reply.json()["name"]) == (404, "odoo.exceptions.MissingError")
