"""Every request to HubSpot is one that its published contract allows."""

import json
from pathlib import Path

import jsonschema
import pytest

from integrations.providers.base import Contact, Enquiry
from tests.integrations.providers.hubspot.test_contacts import ANNA, AT, BEN
from tests.integrations.providers.vendors import Vendor, says

CONTRACT = Path(__file__).parents[5] / "shared" / "contracts" / "hubspot.json"
UPSERT = "/crm/v3/objects/contacts/batch/upsert"


@pytest.fixture(scope="module")
def contract():
    if not CONTRACT.is_file():
        pytest.skip(f"{CONTRACT} is absent: the vendors' contracts are no part of the repository")
    return json.loads(CONTRACT.read_text())


def problems(contract, path, body):
    schema = contract["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    checker = jsonschema.Draft202012Validator({**schema, "components": contract["components"]})
    return [error.message for error in checker.iter_errors(body)]


def test_the_contract_itself_refuses_what_is_wrong(contract):
    assert problems(contract, UPSERT, [])
    assert problems(contract, UPSERT, {"inputs": [{"id": "a", "properties": {"size": 3}}]})
    assert problems(contract, UPSERT, {"inputs": [], "unknown": 1})


def test_a_batch_keeps_to_it(contract):
    odd = Contact(
        "1", {"email": "c@example.com"}, {"vip": True, "size": 3.5, "tags": [1, None]}, [Enquiry(AT, "Hello\u0000")]
    )
    vendor = Vendor("hubspot", says(200, {"results": []}))
    vendor.provider.upsert([ANNA, BEN, odd])
    assert vendor.requests[0].url.path == UPSERT
    assert problems(contract, UPSERT, vendor.bodies()[0]) == []
