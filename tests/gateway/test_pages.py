import json
import re

import pytest
from jsonschema import Draft202012Validator

from gateway import pages

pytestmark = pytest.mark.django_db


@pytest.fixture
def description(client):
    pages._description.cache_clear()
    yield client.get("/v1/openapi.json").json()
    pages._description.cache_clear()


def test_the_bare_address_shows_where_to_go(client):
    page = client.get("/").content.decode()
    assert '"/admin/"' in page
    assert '"/docs/"' in page


def test_each_operation_says_how_to_get_in_and_what_can_go_wrong(description):
    assert description["openapi"].startswith("3.1")
    operation = description["paths"]["/v1/notes"]["post"]
    assert operation["security"] == [
        {"secretKey": []},
        {"publishableKey": []},
        {"session": []},
        {"oauth": ["leads:write"]},
    ]
    assert {"400", "401", "403", "413", "415", "429", "503", "default"} <= operation["responses"].keys()
    assert "application/problem+json" in operation["responses"]["400"]["content"]
    assert "X-Request-Id" in operation["responses"]["400"]["headers"]
    assert "413" not in description["paths"]["/v1/notes"]["get"]["responses"]


def test_problems_are_as_described(description, call):
    problem = call("/v1/notes", {"email": "x"}).json()
    Draft202012Validator(description["components"]["schemas"]["Problem"]).validate(problem)
    assert json.dumps(description)


def test_the_docs_need_nothing_from_the_internet(client):
    page = client.get("/docs/")
    script = client.get("/docs/?script=").content.decode()
    assert page.status_code == 200
    assert "/v1/openapi.json" in script
    assert not re.findall(r"""(?:src|href)="(?!/)""", page.content.decode())
    static = re.search(r'src="(/static/[^"]+bundle.js)"', page.content.decode())
    assert client.get(static[1]).status_code == 200
