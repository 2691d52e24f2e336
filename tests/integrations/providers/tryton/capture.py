"""Asks a real Tryton what the fixtures hold, and writes them: `python -m tests.integrations.providers.tryton.capture`.

TEST_DATABASE_URL names the PostgreSQL server. What it answers is kept as it is, but for what differs each time.
"""

import base64
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from integrations.providers.tryton import records
from tests.integrations.providers.tryton.server import TrytonServer

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
FIXTURES = Path(__file__).parent / "fixtures"
ANNA = {"contact_mechanisms": [["create", [{"type": "email", "value": "anna@example.com"}]]]}
IDENTIFIER = {"identifiers": [["create", [{"type": None, "code": "ShopBotly lead-1"}]]]}


def ask(
    server: TrytonServer, method: str, path: str, body: Any = None, *, key: str = "", **context: Any
) -> dict[str, Any]:
    """Return an answer as a fixture holds it: `{"status", "headers", "body"}`."""
    told = base64.urlsafe_b64encode(json.dumps(context).encode()).decode()
    headers = {"Authorization": f"Bearer {key or server.told['key']}", "Accept": "application/json"}
    headers |= {"Accept-Language": "en", "X-Tryton-Context": told, "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    url = f"{server.url}/{server.database}/rest/model/{path}"
    request = urllib.request.Request(url, content, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        reply = opener.open(request, timeout=60)
    except urllib.error.HTTPError as refused:
        reply = refused
    text, kind = reply.read().decode(), reply.headers["Content-Type"]
    return {
        "status": reply.status,
        "headers": {"Content-Type": kind},
        "body": json.loads(text) if "json" in kind else text,
    }


def search(
    server: TrytonServer,
    model: str,
    domain: list[Any],
    fields: Any,
    *,
    limit: int = 2,
    order: Any = None,
    **context: Any,
) -> dict[str, Any]:
    """Return what a search answers."""
    asked = {"domain": domain, "fields_names": list(fields), "limit": limit, "order": order or [["id", "ASC"]]}
    return ask(server, "POST", f"{model}/search_read", asked, **context)


def captured(server: TrytonServer) -> dict[str, dict[str, Any]]:
    """Return every fixture by its name."""
    company, warehouse = server.told["company"], server.told["warehouse"]
    places = {"locations": [warehouse]}
    lamp, nothing = [["code", "=", "LAMP-01"]], [["code", "=", "NOSUCH"]]
    here = {"company": company}
    lead = {"reference": "lead-1", "comment": "2026-11-26 10:00 UTC: Is it in stock?", "company": company}
    found = {
        "preferences__one_company": ask(server, "POST", "res.user/get_preferences", {"context_only": True}),
        "warehouse__by_code": search(server, "stock.location", [["code", "=", "WH"]], ["code"]),
        "stock__some": search(server, "product.product", lamp, records.STOCK_FIELDS, **places),
        "stock__reserved": search(
            server, "product.product", [["code", "=", "MUG-RED"]], records.STOCK_FIELDS, **places
        ),
        "stock__without_locations": search(server, "product.product", lamp, records.STOCK_FIELDS),
        "stock__unknown": search(server, "product.product", nothing, records.STOCK_FIELDS, **places),
        "products__all": search(server, "product.product", [], records.PRODUCT_FIELDS, limit=100, **places, **here),
        "company__currency": search(server, "company.company", [], ["currency.code"]),
        "lead__without_company": ask(server, "POST", records.LEAD, {"reference": "x"}),
        "lead__created": ask(server, "POST", records.LEAD, lead, **here),
        "lead__found": search(server, records.LEAD, [["reference", "=", "lead-1"]], records.LEAD_FIELDS),
        "fields__lead": ask(
            server,
            "POST",
            f"{records.LEAD}/fields_get",
            {"fields_names": ["description", "state", "party", "start_date", "conversion_probability", "create_date"]},
        ),
        "fields__party": ask(
            server, "POST", f"{records.PARTY}/fields_get", {"fields_names": ["name", "email", "website"]}
        ),
        "party__created": ask(server, "POST", records.PARTY, {"name": "Anna", **IDENTIFIER, **ANNA}, **here),
        "party__invalid_phone": ask(server, "POST", records.PARTY, {"name": "Anna", "phone": "123"}, **here),
        "party__gone": ask(server, "PUT", f"{records.PARTY}/999999", {"name": "Anna"}),
        "party__in_use": ask(server, "DELETE", f"{records.PARTY}/{server.told['parties']['anna']}"),
        "request__unknown_field": search(server, records.PARTY, [], ["nosuch"]),
        "request__unknown_model": search(server, "no.such", [], ["id"]),
        "request__unknown_method": ask(server, "POST", f"{records.PARTY}/nosuch", {}),
        "request__wrong_key": ask(server, "POST", f"{records.PARTY}/search_read", {"domain": []}, key="wrong"),
    }
    for name, number in server.told["orders"].items():
        domain = [["number", "=", number]] if number else [["reference", "=", "1003"]]
        found[f"order__{name}"] = search(server, "sale.sale", domain, records.ORDER_FIELDS)
    changed = [["last_modified_at", ">=", records.stamp(BEGINNING)], ["id", ">", 0]]
    found["changes__since_ever"] = search(server, "sale.sale", changed, records.CHANGED_FIELDS, limit=3)
    newest = [["last_modified_at", "DESC"]]
    found["changes__newest"] = search(server, "sale.sale", [], ["last_modified_at"], limit=1, order=newest)
    by_id = [["identifiers.code", "=", "ShopBotly lead-1"]]
    found["party__ours"] = search(server, records.PARTY, by_id, records.PARTY_FIELDS)
    theirs = [["id", "=", server.told["parties"]["anna"]]]
    found["party__theirs"] = search(server, records.PARTY, theirs, records.PARTY_FIELDS)
    return found


def main() -> None:
    """Write every fixture."""
    FIXTURES.mkdir(exist_ok=True)
    with TrytonServer() as server:
        for name, answer in captured(server).items():
            (FIXTURES / f"{name}.json").write_text(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
