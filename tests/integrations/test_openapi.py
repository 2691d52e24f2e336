"""OpenAPI documents from anywhere: what they describe is found, what they are up to is not done."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import openapi, suggestions
from integrations.providers.endpoint_checks import check_endpoint
from integrations.providers.endpoints import USES
from integrations.providers.errors import Misconfigured

DOCUMENT = Path(openapi.__file__).parent / "sandbox" / "rest_openapi.json"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["get", "post", "parameters", "schema", "properties", "allOf", "items", "$ref", "type", "content", "/a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@pytest.fixture
def document():
    return openapi.read(DOCUMENT.read_bytes())


def described(paths, **more):
    return {"openapi": "3.0.3", "paths": paths, **more}


def test_operations_are_found_and_searched(document):
    assert len(openapi.operations(document)) == 9
    assert [each.key for each in openapi.operations(document, "get order")] == ["GET /v1/orders/{orderNumber}"]
    assert openapi.operations(document, "no such words") == []
    assert openapi.server(document) == "https://api.backoffice.example/rest"


def test_what_is_put_together_is_taken_apart(document):
    told = openapi.details(document, "POST /v1/contacts")
    assert {"email", "name.first", "newsletter"} <= {field.path for field in told.body}
    assert {"id", "name.last"} <= {field.path for field in told.answer}
    assert [field.path for field in told.body if field.is_required] == ["email"]


@pytest.mark.parametrize(
    ("key", "use", "path", "record", "found"),
    [
        ("GET /v1/orders/{orderNumber}", "order", "/v1/orders/{number}", "data", ("email", "customer.email")),
        ("GET /v1/items/{itemCode}/stock", "stock", "/v1/items/{sku}/stock", "item", ("available", "available")),
        ("GET /v1/contacts", "customer", "/v1/contacts", "items", ("first_name", "name.first")),
        ("POST /v1/contacts", "lead", "/v1/contacts", "", ("external_id", "id")),
        ("GET /v1/stores", "read", "/v1/stores", "stores", ("opening_hours", "opening_hours")),
        ("POST /v1/returns", "write", "/v1/returns", "", ("label_url", "label_url")),
    ],
)
def test_an_endpoint_is_drafted_as_far_as_names_tell(document, key, use, path, record, found):
    told = openapi.details(document, key)
    assert suggestions.guess(told.operation) == use
    drafted = suggestions.draft(told, use)
    assert (drafted.path, drafted.record) == (path, record)
    assert found in [(row.field, row.source) for row in drafted.answer]


def test_a_lead_is_suggested_field_by_field(document):
    drafted = suggestions.draft(openapi.details(document, "POST /v1/contacts"), "lead")
    assert drafted.suggested["name.last"] == "last_name"
    assert drafted.suggested["note"] == "message"
    assert {field.name: field.type for field in drafted.fields}["newsletter"] == "boolean"
    assert drafted.idempotency_header == "Idempotency-Key"


def test_yaml_is_read_too():
    text = "openapi: 3.1.0\npaths:\n  /orders/{id}:\n    get: {summary: An order, responses: {200: {}}}\n"
    assert [each.summary for each in openapi.operations(openapi.read(text.encode()))] == ["An order"]


BOMB = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no OpenAPI 3"),
        (b"<html>", "no OpenAPI 3"),
        (b"{", "not JSON"),
        (b"[]", "no OpenAPI 3"),
        (b'{"swagger": "2.0", "paths": {}}', "Swagger 2 is older"),
        (b'{"openapi": "3.0.0"}', "no paths"),
        (b"{" * 100_000, "not JSON"),
        (json.dumps({"openapi": "3.0.0", "paths": {}}).encode() + b" " * openapi.MOST_BYTES, "larger than 5 MB"),
        (('{"a":' * 200 + "1" + "}" * 200).encode(), "nested too deeply"),
        (f"openapi: 3.0.0\npaths: {{}}\n{BOMB}".encode(), "aliases"),
        (b"openapi: 3.0.0\npaths: !!python/object/apply:os.system ['true']\n", "neither JSON nor YAML"),
        (b"openapi: 3.0.0\npaths: " + b"[" * 100 + b"]" * 100, "nested too deeply"),
        (b"openapi: " + b"9" * 5_000, "is none"),
        (b"a: b: c", "neither JSON nor YAML"),
        (b"# " + b"x" * openapi.MOST_YAML_BYTES, "1 MB"),
    ],
)
def test_what_is_no_document_says_why(content, said):
    with pytest.raises(openapi.NotADocument) as caught:
        openapi.read(content)
    assert said in str(caught.value)


def test_nothing_outside_the_document_is_followed_and_a_circle_ends():
    schema = {"$ref": "https://evil.example/schema.json"}
    loop = {"type": "object", "properties": {"id": {"type": "string"}, "parent": {"$ref": "#/components/schemas/Loop"}}}
    answers = {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Loop"}}}}}
    document = described(
        {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}, "responses": answers}}},
        components={"schemas": {"Loop": loop, "Self": {"$ref": "#/components/schemas/Self"}}},
    )
    told = openapi.details(document, "POST /a")
    assert told.body == ()
    assert [field.path for field in told.answer][:2] == ["id", "parent.id"]
    assert len(told.answer) <= 10


def test_schemas_that_multiply_end_at_a_fixed_number_of_steps(monkeypatch):
    steps = []
    resolved = openapi._Walk.resolved
    monkeypatch.setattr(openapi._Walk, "resolved", lambda walk, node: steps.append(1) or resolved(walk, node))
    many = {f"p{n}": {"$ref": "#/components/schemas/Many"} for n in range(50)}
    parts = {"allOf": [{"$ref": "#/components/schemas/Parts"}] * 20}
    both = {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/Many"}, "b": parts}}
    document = described(
        {"/a": {"get": {"responses": {"200": {"content": {"application/json": {"schema": both}}}}}}},
        components={"schemas": {"Many": {"type": "object", "properties": many}, "Parts": parts}},
    )
    assert openapi.details(document, "GET /a") is not None
    # A step more for each member whose parent was still within the limit.
    assert len(steps) < 10 * openapi._MOST_STEPS


def test_what_is_large_and_put_together_again_and_again_ends_too():
    large = {"properties": {f"p{count}": {"type": "string"} for count in range(5_000)}}
    parts = {"type": "string", "allOf": [{"$ref": "#/components/schemas/Large"}] * 20}
    schema = {"properties": {f"q{count}": {"$ref": "#/components/schemas/Parts"} for count in range(200)}}
    paths = {"/x": {"get": {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}}}
    document = described(paths, components={"schemas": {"Large": large, "Parts": parts}})
    walk = openapi._Walk(document)
    walk.fields(schema, "writeOnly")
    assert walk._steps < 0


@given(JSON)
def test_any_description_drafts_something_that_is_checked_or_nothing(paths):
    document = described(paths if isinstance(paths, dict) else {"/a": paths})
    for operation in openapi.operations(document)[:5]:
        told = openapi.details(document, operation.key)
        for use in USES:
            try:
                check_endpoint(suggestions.draft(told, use))
            except Misconfigured:
                continue
