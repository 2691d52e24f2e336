"""Every request to Brevo is one that its published contract allows."""

import httpx2
import pytest

from tests.integrations.providers.brevo.test_contacts import ANNA, HELD, NOT_THERE, SET_UP, UNSURE
from tests.integrations.providers.brevo.test_imports import ACCEPTED, BEN, JOB, MANY, THERE, listed, process
from tests.integrations.providers.contracts import contract_of, problems_of
from tests.integrations.providers.vendors import Vendor, says


@pytest.fixture(scope="module")
def contract():
    return contract_of("brevo")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/contacts"),
        ("POST", "/contacts/import"),
        ("PUT", "/contacts/a%40example.com"),
        ("POST", "/contacts/doubleOptinConfirmation"),
    ],
)
def test_the_contract_itself_refuses_what_is_wrong(contract, method, path):
    for body in ([], {"nosuch": 1}):
        request = httpx2.Request(method, f"https://api.brevo.com/v3{path}", json=body)
        assert problems_of(contract, request, "/v3")


@pytest.mark.parametrize(
    ("ask", "answers"),
    [
        (lambda p: p.check(), [says(200, {"attributes": []})]),
        (lambda p: p.upsert([ANNA]), [says(204), says(200, HELD)]),
        (lambda p: p.upsert([ANNA, *MANY]), [ACCEPTED]),
        (lambda p: p.subscribe([ANNA]), [NOT_THERE, says(201, {"id": 7})]),
        (lambda p: p.subscribe([UNSURE]), [NOT_THERE, says(201)]),
        (lambda p: p.confirm(JOB, [ANNA, BEN]), [process("completed"), listed(THERE), NOT_THERE]),
        (lambda p: p.unsubscribe([ANNA]), [says(204)]),
        (lambda p: p.erase(ANNA), [says(204)]),
    ],
)
def test_what_is_sent_keeps_to_it(contract, ask, answers):
    vendor = Vendor("brevo", *answers, config={**SET_UP, "import_list_id": 7})
    ask(vendor.provider)
    assert len(vendor.requests) == len(answers)
    assert [problem for request in vendor.requests for problem in problems_of(contract, request, "/v3")] == []


def test_the_contract_itself_refuses_an_unknown_parameter(contract):
    request = httpx2.Request("GET", "https://api.brevo.com/v3/contacts?nosuch=1")
    assert problems_of(contract, request, "/v3") == ["the parameter 'nosuch' is not in the contract"]
