"""Every document and its variables, held against Shopify's published schema."""

import contextlib
from dataclasses import replace

import pytest
from graphql import GraphQLError, build_schema, parse, validate
from graphql.execution.values import get_variable_values

from integrations.providers.errors import ProviderError
from tests.integrations.providers.contracts import FOLDER
from tests.integrations.providers.shopify.test_records import AGREED, ANNA
from tests.integrations.providers.vendors import Vendor, says

PATH = FOLDER / "shopify-admin-2026-07.graphql"
FULL = {"firstName": "Anna", "lastName": "Berg", "phone": "+49305550101", "note": "x", "locale": "de", "tags": ["a"]}
CONTACT = replace(ANNA, fields=FULL)
LEFT = replace(ANNA, statement=replace(AGREED, granted=False))
PERSON = {"id": "gid://shopify/Customer/1", "defaultEmailAddress": {"marketingState": "NOT_SUBSCRIBED"}}
KNOWN = {"data": {"customerByIdentifier": PERSON}}


@pytest.fixture(scope="module")
def schema():
    if not PATH.is_file():
        pytest.skip(f"{PATH} is absent: the vendors' contracts are no part of the repository")
    return build_schema(PATH.read_text())


def problems_of(schema, body):
    try:
        document = parse(body["query"])
    except GraphQLError as err:
        return [str(err)]
    found = [error.message for error in validate(schema, document)]
    values = get_variable_values(schema, document.definitions[0].variable_definitions or (), body["variables"])
    return found + [error.message for error in values if isinstance(values, list)]


USES = {
    "check": lambda shop: shop.check(),
    "stock": lambda shop: shop.stock("LAMP-01"),
    "order": lambda shop: shop.order("1001"),
    "first products": lambda shop: shop.products(),
    "next products": lambda shop: shop.products("abc"),
    "customer": lambda shop: shop.customer("anna@example.com"),
    "upsert": lambda shop: shop.upsert([CONTACT]),
    "subscribe": lambda shop: shop.subscribe([ANNA]),
    "unsubscribe": lambda shop: shop.unsubscribe([LEFT]),
    "erase": lambda shop: shop.erase(ANNA),
}


@pytest.mark.parametrize("use", USES)
def test_what_is_sent_keeps_to_the_schema(schema, use):
    vendor = Vendor("shopify", says(200, KNOWN))
    with contextlib.suppress(ProviderError):
        USES[use](vendor.provider)
    assert vendor.bodies()
    for body in vendor.bodies():
        assert problems_of(schema, body) == []


def test_the_schema_would_find_what_is_wrong(schema):
    wrong = [
        {"query": "{ nosuch }", "variables": {}},
        {
            "query": "query($email: Int!) { customerByIdentifier(identifier: {emailAddress: $email}) { id } }",
            "variables": {"email": 1},
        },
        {
            "query": "mutation($input: CustomerSetInput!) { customerSet(input: $input) { customer { id } } }",
            "variables": {"input": {"shoeSize": 1}},
        },
    ]
    assert all(problems_of(schema, body) for body in wrong)
