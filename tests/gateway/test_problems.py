import ast
from pathlib import Path

import pytest
from django.db import OperationalError
from rest_framework.exceptions import ErrorDetail

from gateway.problems import CODES, Problem, as_problem, flatten

pytestmark = pytest.mark.db
ROOT = Path(__file__).parents[2]
ROOMS = ["config", "engine", "gateway", "integrations", "leads", "runtime", "webhooks"]


def assert_problem(answer, status, code):
    """Check the shape that every refusal has, and return the document."""
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= problem.keys()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"] == f"/docs/problems#{code}"
    assert problem["request_id"] == answer["X-Request-Id"]
    assert code in CODES
    assert "Traceback" not in str(problem)
    return problem


def raised_codes():
    """Yield (file, code) of every `Problem(…, "code", …)` and `not_authenticated("code", …)` of the code base."""
    for file in (file for room in ROOMS for file in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = {"Problem": 1, "not_authenticated": 0, "_refuse": 1}.get(name)
            found = [keyword.value for keyword in node.keywords if place is not None and keyword.arg == "code"]
            if place is not None and len(node.args) > place:
                found.append(node.args[place])
            for value in found:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield file.relative_to(ROOT), value.value


def test_every_code_that_is_raised_is_explained():
    unlisted = [(str(file), code) for file, code in raised_codes() if code not in CODES]
    assert not unlisted


def test_every_explained_code_is_raised():
    assert CODES.keys() == {code for _, code in raised_codes()}


def test_the_page_has_a_place_for_each_code(client):
    page = client.get("/docs/problems").content.decode()
    assert all(f'id="{code}"' in page for code in CODES)


def test_errors_are_flat_and_named_by_path():
    detail = {
        "email": [ErrorDetail("Wrong.")],
        "consent": [{}, {"purpose": ["Missing."], "at": ["No time."]}],
        "source": {"utm": {"campaign": ["Too long."]}},
        "tags": {2: ["Not a text."]},
        "non_field_errors": ["Nobody."],
    }
    assert list(flatten(detail)) == [
        {"field": "email", "message": "Wrong."},
        {"field": "consent[1].purpose", "message": "Missing."},
        {"field": "consent[1].at", "message": "No time."},
        {"field": "source.utm.campaign", "message": "Too long."},
        {"field": "tags[2]", "message": "Not a text."},
        {"field": "", "message": "Nobody."},
    ]


def test_fields_are_named(call):
    answer = call("/v1/notes", {"email": "nobody", "emial": 1, "consent": [{"purpose": "x"}, {"purpos": "y"}]})
    errors = {each["field"]: each["message"] for each in assert_problem(answer, 400, "validation_failed")["errors"]}
    assert errors.keys() == {"email", "emial", "consent[1].purpose", "consent[1].purpos"}
    assert errors["emial"] == "Unknown field; did you mean email?"


@pytest.mark.parametrize("data", [[], "text", 1, None])
def test_something_other_than_an_object_is_refused(call, data):
    import json

    assert_problem(call("/v1/notes", json.dumps(data).encode()), 400, "validation_failed")


def test_hostile_input_is_not_repeated_whole(call):
    strange = {f"{'x' * 5000}{n}": 1 for n in range(100)} | {"\u202e\x07": 1, "email": "y" * 10_000}
    answer = call("/v1/notes", strange)
    assert_problem(answer, 400, "validation_failed")
    assert len(answer.content) < 10_000
    assert "\u202e" not in answer.content.decode()


def test_a_fault_of_ours_tells_nothing(call):
    answer = call("/v1/broken")
    problem = assert_problem(answer, 500, "internal_error")
    assert "hunter22" not in str(problem)


@pytest.mark.parametrize("path", ["/v1/nowhere", "/v1/", "/v1/notes/", "/oauth/token/x"])
def test_an_unknown_address_is_a_problem(call, path):
    assert_problem(call(path), 404, "not_found")


@pytest.mark.parametrize("path", ["/v1/notes?x=%00", "/v1/a%00b"])
def test_a_nul_in_the_address_is_refused(call, path):
    assert_problem(call(path), 400, "bad_request")


def test_people_get_a_page(client, db):
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/html", "application/xml"]
)
def test_what_is_not_json_is_told_how_to_be(call, kind):
    answer = call("/v1/notes", b"email=a@b.c", content_type=kind)
    assert "Content-Type: application/json" in assert_problem(answer, 415, "unsupported_media_type")["detail"]


def test_another_encoding_is_refused(call):
    answer = call("/v1/notes", b"{}", content_type="application/json; charset=utf-16")
    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=UTF-8", "application/ld+json", "text/plain;charset=UTF-8", ""],
)
def test_json_is_read_however_fetch_declares_it(call, kind):
    assert call("/v1/notes", {"email": "a@example.com"}, content_type=kind).status_code == 201


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense"])
def test_the_answer_is_json_whatever_is_accepted(call, accept):
    assert call("/v1/notes", HTTP_ACCEPT=accept).json()["kind"] == "secret"


def test_malformed_json_says_where(call):
    problem = assert_problem(call("/v1/notes", b'{"email": "a@b.c",\n}'), 400, "malformed_json")
    assert "ine 1, column" in problem["detail"] or "ine 2, column" in problem["detail"]


def test_a_database_that_is_away_is_503():
    problem = as_problem(OperationalError("connection to 10.0.0.7 failed, password=x"))
    assert isinstance(problem, Problem)
    assert problem.status == 503
    assert "Retry-After" in problem.headers
    assert "10.0.0.7" not in str(problem.document("id"))
