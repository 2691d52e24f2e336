"""The sandbox's HubSpot answers are what HubSpot's published shapes say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.integrations.sandbox.client import Client

CONTRACT = Path(__file__).parents[4] / "shared" / "contracts" / "hubspot.json"
CONTACTS = "/crm/v3/objects/contacts"


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    if not CONTRACT.is_file():
        pytest.skip(f"{CONTRACT} is absent: the vendors' contracts are no part of the repository")
    loaded: dict[str, Any] = json.loads(CONTRACT.read_text())
    return loaded


def problems(contract: dict[str, Any], method: str, path: str, status: int, value: Any) -> list[str]:
    responses = contract["paths"][path][method]["responses"]
    schema = responses.get(str(status), responses["default"])["content"]["application/json"]["schema"]
    whole = {**schema, "components": contract["components"]}
    checker = jsonschema.Draft7Validator(whole, format_checker=jsonschema.FormatChecker())
    return [error.message for error in checker.iter_errors(value)]


def test_contract_refuses_a_wrong_root(contract: dict[str, Any]) -> None:
    """A validator that can't resolve the schema would accept everything below."""
    assert problems(contract, "post", f"{CONTACTS}/batch/upsert", 200, [])
    assert problems(contract, "post", f"{CONTACTS}/batch/upsert", 200, {"results": [{}]})


@pytest.mark.parametrize("emails", [["a@example.com", "b@example.com"], ["a@example.com", "bad"]])
def test_upsert_answers_by_contract(client: Client, contract: dict[str, Any], emails: list[str]) -> None:
    reply = client.upsert(*emails, firstname="A", lastname="B")
    assert reply.status_code in (200, 207)
    assert problems(contract, "post", f"{CONTACTS}/batch/upsert", reply.status_code, reply.json()) == []


def test_refused_batch_answers_by_contract(client: Client, contract: dict[str, Any]) -> None:
    for reply in (client.upsert("bad", trace=False), client.upsert("a@example.com", "a@example.com")):
        assert problems(contract, "post", f"{CONTACTS}/batch/upsert", reply.status_code, reply.json()) == []


def test_single_operations_answer_by_contract(client: Client, contract: dict[str, Any]) -> None:
    properties = {"email": "a@example.com", "firstname": "A", "lastname": "B"}
    created = client.hubspot("POST", CONTACTS, {"properties": properties})
    contact_id = created.json()["id"]
    read = client.hubspot("GET", f"{CONTACTS}/{contact_id}")
    changed = client.hubspot("PATCH", f"{CONTACTS}/{contact_id}", {"properties": {"city": "Rome"}})
    twice = client.hubspot("POST", CONTACTS, {"properties": properties})

    assert problems(contract, "post", CONTACTS, 201, created.json()) == []
    assert problems(contract, "get", f"{CONTACTS}/{{contactId}}", 200, read.json()) == []
    assert problems(contract, "patch", f"{CONTACTS}/{{contactId}}", 200, changed.json()) == []
    assert problems(contract, "post", CONTACTS, 409, twice.json()) == []


def test_search_answers_by_contract(client: Client, contract: dict[str, Any]) -> None:
    client.upsert("a@example.com", "b@example.com", firstname="A", lastname="B")
    found = client.hubspot("POST", f"{CONTACTS}/search", {"limit": 1, "properties": ["email"]}).json()
    listed = client.hubspot("GET", f"{CONTACTS}?limit=1").json()

    assert found["paging"]["next"]["after"] == "1"
    assert problems(contract, "post", f"{CONTACTS}/search", 200, found) == []
    assert problems(contract, "get", CONTACTS, 200, listed) == []


def test_token_answers_by_contract(client: Client, contract: dict[str, Any]) -> None:
    form = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    issued = client.http.post("/hubspot/oauth/v1/token", data=form)
    refused = client.http.post("/hubspot/oauth/v1/token", data={})

    assert problems(contract, "post", "/oauth/v1/token", 200, issued.json()) == []
    assert problems(contract, "post", "/oauth/v1/token", 400, refused.json()) == []


def test_property_list_has_what_a_mapping_needs(client: Client) -> None:
    """The property list is not in the contract: these are the members a connector reads."""
    listed = client.hubspot("GET", "/crm/v3/properties/contacts").json()["results"]
    schema = {
        "type": "object",
        "required": ["name", "label", "type", "fieldType", "options", "hasUniqueValue", "modificationMetadata"],
        "properties": {
            "type": {"enum": ["string", "number", "enumeration", "date", "datetime", "bool"]},
            "options": {"type": "array", "items": {"type": "object", "required": ["label", "value"]}},
            "hasUniqueValue": {"type": "boolean"},
        },
    }
    for item in listed:
        jsonschema.validate(item, schema)
    assert {item["name"] for item in listed} >= {"email", "firstname", "lastname", "phone", "message", "shopbotly_id"}
    assert [item["name"] for item in listed if item["hasUniqueValue"]] == ["shopbotly_id", "hs_object_id"]
