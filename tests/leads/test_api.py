"""The leads API, as a chatbot meets it."""

import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from gateway.models import IdempotentResult
from gateway.services import key_create
from integrations.models import Delivery
from leads.models import Activity, Lead
from tests.factories import ClientFactory, ConnectorFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

CONSENT = {"purpose": "email_marketing", "granted": True, "wording": "Yes, please.", "version": "1"}


def bot(**values):
    _, key = key_create(client=ClientFactory(**values))
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {key}", REMOTE_ADDR="127.0.0.1")


@pytest.fixture
def api():
    return bot()


def post(api, body, **headers):
    return api.post("/v1/leads", body, format="json", headers=headers)


def test_a_new_lead_is_201_and_a_known_one_200(api):
    ConnectorFactory(name="CRM")
    first = post(api, {"email": " Anna@Example.com ", "first_name": "Anna"})
    second = post(api, {"email": "anna@example.com", "company": "Acme"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == {
        "id": str(Lead.objects.get().pk),
        "created": True,
        "possible_duplicate": False,
        "deliveries": [{"connector": "CRM", "operation": "upsert", "state": "waiting"}],
    }
    assert second.json()["id"] == first.json()["id"]
    assert Lead.objects.get().company == "Acme"
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"first_name": "Anna"}, "email"),
        ({"email": "not-an-address"}, "email"),
        ({"email": 7}, "email"),
        ({"phone": "12"}, "phone"),
        ({"email": "anna@example.com", "nickname": "A"}, "nickname"),
        ({"email": "anna@example.com", "first_name": ["Anna"]}, "first_name"),
        ({"email": "anna@example.com", "first_name": "A\r\nBcc: x"}, "first_name"),
        ({"email": "anna@example.com", "source": {"utm": {"sauce": "x"}}}, "source.utm.sauce"),
        ({"email": "anna@example.com", "attributes": {"deep": {"er": 1}}}, "attributes"),
        ({"email": "anna@example.com", "consent": [{"purpose": "email_marketing"}]}, "consent[0].granted"),
        ({"email": "anna@example.com", "company": 7}, "company"),
        ({"email": "anna@example.com", "conversation_id": 7}, "conversation_id"),
        ({"email": "anna@example.com", "consent": [CONSENT | {"granted": "yes"}]}, "consent[0].granted"),
        ({"email": "anna@example.com", "consent": [CONSENT | {"at": "2026-03-01T12:00:00"}]}, "consent[0].at"),
        ({"email": "anna@example.com", "consent": [CONSENT | {"at": "0001-01-01T00:00:00+14:00"}]}, "consent[0].at"),
        ({"email": "anna@example.com", "conversation_id": "7"}, "conversation_id"),
    ],
)
def test_bad_input_names_the_field_and_writes_nothing(api, body, field):
    answer = post(api, body)
    assert answer.status_code in (400, 422)
    assert answer["Content-Type"] == "application/problem+json"
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert not Lead.objects.exists()


@pytest.mark.parametrize(
    "body", [b"{", b"[1,2]", b'"text"', b'{"email": NaN}', b'{"email":"a@b.example","email":"c@d.example"}']
)
def test_malformed_json_writes_nothing(api, body):
    answer = api.post("/v1/leads", body, content_type="application/json")
    assert answer.status_code == 400
    assert not Lead.objects.exists()


def test_a_body_of_three_megabytes_is_refused(api):
    answer = api.post("/v1/leads", b'{"message": "' + b"x" * 3_000_000 + b'"}', content_type="application/json")
    assert answer.status_code == 413
    assert not Lead.objects.exists()


def test_the_same_request_again_gets_the_same_answer(api):
    ConnectorFactory()
    first = post(api, {"email": "anna@example.com"}, **{"Idempotency-Key": "one"})
    second = post(api, {"email": "anna@example.com"}, **{"Idempotency-Key": "one"})
    assert (second.status_code, second.json()) == (201, first.json())
    assert second["Idempotent-Replayed"] == "true"
    assert Activity.objects.count() == 1
    assert "anna" not in str(IdempotentResult.objects.values())


def test_a_key_used_with_another_body_is_refused(api):
    post(api, {"email": "anna@example.com"}, **{"Idempotency-Key": "one"})
    assert post(api, {"email": "ben@example.com"}, **{"Idempotency-Key": "one"}).status_code == 422
    assert Lead.objects.count() == 1


def test_twenty_equal_requests_at_once_have_one_effect():
    client = ClientFactory()
    _, key = key_create(client=client)
    statuses: list[int] = []
    start = threading.Barrier(20)

    def send() -> None:
        start.wait()
        api = APIClient(HTTP_AUTHORIZATION=f"Bearer {key}", REMOTE_ADDR="127.0.0.1")
        statuses.append(post(api, {"email": "anna@example.com"}, **{"Idempotency-Key": "one"}).status_code)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert Activity.objects.count() == 1


def test_a_client_reads_the_leads_it_captured_and_no_others(api):
    mine = post(api, {"email": "anna@example.com", "reference": "42"}).json()["id"]
    answer = api.get(f"/v1/leads/{mine}")
    assert (answer.status_code, answer.json()["reference"]) == (200, "42")
    assert bot().get(f"/v1/leads/{mine}").status_code == 404
    assert bot(scopes=["leads:read", "leads:read:all"]).get(f"/v1/leads/{mine}").status_code == 200


def test_a_publishable_key_is_not_told_whom_we_know():
    client = ClientFactory(origins=["https://shop.example"])
    _, key = key_create(client=client, kind="publishable")
    page = APIClient(HTTP_AUTHORIZATION=f"Bearer {key}", HTTP_ORIGIN="https://shop.example", REMOTE_ADDR="127.0.0.1")
    first, second = (post(page, {"email": "anna@example.com"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert set(first.json()) == set(second.json()) == {"id"}
    assert first.json()["id"] != second.json()["id"]
    assert page.get(f"/v1/leads/{Lead.objects.get().pk}").status_code == 403


def statements(captured):
    """Return what was run, each statement of a message by itself."""
    return [sql for query in captured for sql in query["sql"].split("; ")]


def test_a_capture_alone_takes_at_most_eight_statements(api):
    ConnectorFactory()
    body = {
        "email": "anna@example.com",
        "consent": [{"purpose": "email_marketing", "granted": True, "wording": "Yes", "version": "1"}],
    }
    with CaptureQueriesContext(connection) as captured:
        assert post(api, body, **{"Idempotency-Key": "one"}).status_code == 201
    # The key is looked up every other second only, and the request log is written behind the request's back.
    elsewhere = ("gateway_key", "gateway_requestlog", "BEGIN", "COMMIT", "lock_timeout")
    own = [sql for sql in statements(captured) if not any(name in sql for name in elsewhere)]
    assert len(own) <= 8, own


def test_a_batch_takes_what_is_in_order_and_names_what_is_not(api):
    ConnectorFactory()
    leads = [{"email": "anna@example.com"}, {"email": "nonsense"}, {"email": "ben@example.com", "nickname": "B"}]
    leads.append({"email": "anna@example.com", "first_name": "Anna"})
    answer = api.post("/v1/leads/batch", {"leads": leads}, format="json")
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 400, 400, 200]
    assert [error["field"] for result in results[1:3] for error in result["errors"]] == ["email", "nickname"]
    assert Lead.objects.get().first_name == "Anna"


def test_a_batch_of_which_nothing_is_in_order_says_so_of_each(api):
    answer = api.post("/v1/leads/batch", {"leads": [{}, {"email": "x"}]}, format="json")
    assert answer.status_code == 200
    assert [result["status"] for result in answer.json()["results"]] == [400, 400]
    assert not Lead.objects.exists()


def test_a_batch_sent_twice_has_its_effect_once(api):
    ConnectorFactory()
    body = {"leads": [{"email": f"lead{n}@example.com", "message": "Hi"} for n in range(20)]}
    first, second = (
        api.post("/v1/leads/batch", body, format="json", headers={"Idempotency-Key": "b"}) for _ in range(2)
    )
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    assert Activity.objects.count() == 20


def test_a_batch_takes_less_than_two_statements_a_lead(api):
    ConnectorFactory()
    body = {"leads": [{"email": f"lead{n}@example.com", "message": "Hi"} for n in range(100)]}
    with CaptureQueriesContext(connection) as captured:
        assert api.post("/v1/leads/batch", body, format="json").status_code == 200
    assert len(statements(captured)) <= 200


@pytest.mark.parametrize("leads", [[], "x", [7], [{"email": "a@b.example"}] * 501])
def test_a_batch_of_the_wrong_size_or_shape_is_refused(api, leads):
    answer = api.post("/v1/leads/batch", {"leads": leads}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith("leads")
