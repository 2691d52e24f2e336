"""The API's description as a whole: every operation with what it takes and gives, and examples that are true."""

import json
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator

from gateway import pages

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    pages._description.cache_clear()
    return json.loads(pages._description())


@pytest.fixture
def operations(description):
    return {
        f"{method.upper()} {path}": operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


def contents(operation):
    """Yield what an operation takes and gives: its name, and the schema with its examples."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield "request", content
    for status, response in operation["responses"].items():
        for content in response["content"].values():
            yield status, content


def test_every_operation_is_named_once_and_explained(operations):
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    assert [name for name, operation in operations.items() if not operation.get("description")] == []


def test_every_body_and_every_problem_has_an_example(operations):
    without = [
        f"{name}: {what}"
        for name, operation in operations.items()
        for what, content in contents(operation)
        if not content.get("examples")
    ]
    assert without == []


def test_every_example_is_of_the_form_it_is_an_example_of(description, operations):
    wrong = []
    for name, operation in operations.items():
        for what, content in contents(operation):
            whole = {**content["schema"], "components": description["components"]}
            validator = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
            for title, example in content.get("examples", {}).items():
                wrong += [
                    f"{name}: {what}: {title}: {error.message}" for error in validator.iter_errors(example["value"])
                ]
    # A batch shows a lead that is refused; that stands inside a free object and is no mistake of the example.
    assert wrong == []


def test_a_body_is_never_optional(operations):
    bodies = [operation["requestBody"] for operation in operations.values() if "requestBody" in operation]
    assert bodies
    assert all(body.get("required") is True for body in bodies)


def test_objects_that_are_sent_are_closed(description):
    sent = {name: schema for name, schema in description["components"]["schemas"].items() if name.endswith("Request")}
    assert len(sent) > 3
    assert [name for name, schema in sent.items() if schema["additionalProperties"] is not False] == []


def test_each_credential_is_named_and_each_operation_says_which_it_takes(description, operations):
    schemes = description["components"]["securitySchemes"]
    assert {"secretKey", "publishableKey", "oauth"} <= schemes.keys()
    taken = {name: [next(iter(one)) for one in operation.get("security", [])] for name, operation in operations.items()}
    assert taken["POST /v1/webhooks/in/{token}"] == []  # the token in the address is the credential
    assert taken["GET /v1/leads"] == ["secretKey", "oauth"]
    assert {"secretKey", "publishableKey"} <= set(taken["POST /v1/leads"])
    assert [name for name, kinds in taken.items() if not kinds] == ["POST /v1/webhooks/in/{token}"]
    assert {scheme for kinds in taken.values() for scheme in kinds} == set(schemes)


def test_only_what_vendors_sign_may_be_signed_badly(operations):
    def codes(name):
        return set(operations[name]["responses"]["401"]["content"]["application/problem+json"]["examples"])

    assert codes("POST /v1/webhooks/in/{token}") == {"bad_signature"}
    assert "bad_signature" not in codes("POST /v1/leads")


def test_what_takes_an_idempotency_key_says_so(operations):
    taking = {
        name
        for name, operation in operations.items()
        if "Idempotency-Key" in [each["name"] for each in operation.get("parameters", [])]
    }
    assert taking == {"POST /v1/leads", "POST /v1/leads/batch"}
    assert {"409", "422"} <= operations["POST /v1/leads"]["responses"].keys()
    assert "409" not in operations["POST /v1/query"]["responses"]


def test_the_reference_s_script_names_no_logo_elsewhere():
    script = Client().get("/docs/redoc.js")
    assert script["Content-Type"] == "text/javascript; charset=utf-8"
    assert b"redocly logo" in script.content
    assert b"cdn.redoc" not in script.content


@pytest.mark.parametrize("address", ["/docs/", "/docs/redoc/"])
def test_the_pages_need_nothing_from_elsewhere(address):
    page = Client().get(address)
    assert page.status_code == 200
    assert b"https://" not in page.content
    assert b"unsafe-eval" not in page.get("Content-Security-Policy", "").encode()
