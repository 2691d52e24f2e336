"""What pages may do by themselves: anybody with a publishable key, one visitor with a session."""

import time

import pytest
from rest_framework.test import APIClient

from gateway.models import IdempotentResult, Session
from gateway.services import client_create, key_create
from leads import visitors
from leads.models import Activity, Consent, Lead
from tests.factories import ConnectorFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]

PAGE = "https://shop.example"
ANNA = {"email": "anna@example.com"}
CONSENT = {"purpose": "email_marketing", "granted": True, "wording": "Yes, please.", "version": "1"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(visitors, "ANSWERED_AFTER_SECONDS", 0.0)


@pytest.fixture
def client():
    return client_create(name="Shop bot", origins=[PAGE])[0]


def calling(text, **extra):
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {text}", REMOTE_ADDR="127.0.0.1", **extra)


@pytest.fixture
def server(client):
    return calling(key_create(client=client)[1])


@pytest.fixture
def page(client):
    return calling(key_create(client=client, kind="publishable")[1], HTTP_ORIGIN=PAGE)


def capture(api, body, **headers):
    return api.post("/v1/leads", body, format="json", headers=headers)


def start(server, customer=ANNA, origin=PAGE):
    return server.post("/v1/sessions", {"origin": origin, "customer": customer}, format="json")


def visitor(server, customer=ANNA):
    return calling(start(server, customer).json()["token"], HTTP_ORIGIN=PAGE)


class TestPublishableKeys:
    def test_known_and_unknown_people_are_answered_alike(self, server, page):
        ConnectorFactory()
        capture(server, ANNA | {"first_name": "Anna"})
        known, unknown = capture(page, ANNA), capture(page, {"email": "ben@example.com"})
        assert known.status_code == unknown.status_code == 202
        assert known.json().keys() == unknown.json().keys() == {"id"}
        volatile = {"X-Request-Id", "RateLimit"}
        assert {n: v for n, v in known.items() if n not in volatile} == {
            n: v for n, v in unknown.items() if n not in volatile
        }

    def test_the_id_is_of_the_call_and_tells_nothing_of_the_person(self, server, page):
        known = capture(server, ANNA).json()["id"]
        ids = {capture(page, ANNA).json()["id"] for _ in range(2)}
        assert len(ids) == 2
        # A lead's own id would also say when the person was first heard of.
        assert not Lead.objects.filter(pk__in=ids).exists()
        assert known not in ids

    def test_no_answer_comes_before_its_time(self, page, monkeypatch):
        monkeypatch.setattr(visitors, "ANSWERED_AFTER_SECONDS", 0.15)
        for body in (ANNA, ANNA, {"email": "nonsense"}, ANNA | {"website": "x"}):
            started = time.monotonic()
            capture(page, body)
            assert time.monotonic() - started >= 0.15

    def test_it_fills_blanks_and_overwrites_nothing(self, server, page):
        capture(server, ANNA | {"first_name": "Anna", "attributes": {"size": "M"}})
        more = {"first_name": "Mallory", "company": "Acme", "attributes": {"size": "XL", "colour": "red"}}
        assert capture(page, ANNA | more | {"message": "Hello"}).status_code == 202
        lead = Lead.objects.get()
        assert (lead.first_name, lead.company) == ("Anna", "Acme")
        assert lead.attributes == {"size": "M", "colour": "red"}
        assert Activity.objects.filter(message="Hello").exists()

    def test_its_consent_is_unconfirmed(self, page):
        capture(page, ANNA | {"consent": [CONSENT]})
        assert not Consent.objects.get().is_confirmed

    def test_it_cannot_name_a_customer_by_number(self, server, page):
        capture(server, {"reference": "4711"})
        answer = capture(page, {"reference": "4711", "email": "mallory@example.com"})
        assert answer.json()["errors"][0]["field"] == "reference"
        assert Lead.objects.get().email == ""

    def test_what_falls_into_the_trap_is_answered_and_not_taken(self, page):
        assert capture(page, ANNA | {"website": ""}).status_code == 202
        assert Lead.objects.count() == 1
        trapped = capture(page, {"email": "spam@example.com", "website": "https://spam.example"})
        assert (trapped.status_code, set(trapped.json())) == (202, {"id"})
        assert Lead.objects.count() == 1

    def test_servers_have_no_trap(self, server):
        assert capture(server, ANNA | {"website": "x"}).status_code == 400

    def test_one_address_is_limited_before_it_uses_up_what_is_there_for_all(self, page, settings):
        settings.VISITOR_REQUESTS_PER_MINUTE = 2
        answers = [capture(page, ANNA) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [202, 202, 429, 429]
        assert answers[1]["RateLimit"].split(", ")[1].startswith('"client";r=598;')
        assert "client" not in answers[3]["RateLimit"]
        elsewhere = page.post("/v1/leads", ANNA, format="json", REMOTE_ADDR="127.0.0.2")
        assert elsewhere.status_code == 202

    def test_it_cannot_take_an_idempotency_key_that_the_server_will_use(self, server, page):
        key = {"Idempotency-Key": "chat-1"}
        assert capture(page, {"email": "mallory@example.com"}, **key).status_code == 202
        assert capture(server, ANNA, **key).status_code == 201
        assert IdempotentResult.objects.count() == 2

    def test_the_same_again_is_the_same_answer(self, page):
        first, second = (capture(page, ANNA, **{"Idempotency-Key": "one"}) for _ in range(2))
        assert first.json() == second.json()
        assert Activity.objects.count() == 1

    @pytest.mark.parametrize(
        ("method", "path"), [("post", "/v1/sessions"), ("post", "/v1/leads/batch"), ("get", "/v1/leads")]
    )
    def test_it_does_nothing_else(self, page, method, path):
        assert getattr(page, method)(path, {}, format="json").status_code == 403


class TestMakingSessions:
    def test_a_server_gets_a_token_for_half_an_hour(self, server):
        answer = start(server, {"email": " Anna@Example.com ", "phone": "+49 30 901820", "reference": "42"})
        assert answer.status_code == 201
        assert answer.json()["expires_in"] == 1800
        assert answer["Cache-Control"] == "no-store"
        session = Session.objects.get()
        assert (session.email, session.phone, session.reference) == ("anna@example.com", "+4930901820", "42")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"origin": PAGE}, "customer"),
            ({"origin": PAGE, "customer": {}}, "customer.email"),
            ({"origin": PAGE, "customer": {"email": ""}}, "customer.email"),
            ({"origin": PAGE, "customer": {"email": "x"}}, "customer.email"),
            ({"origin": PAGE, "customer": {"name": "Anna"}}, "customer.name"),
            ({"customer": ANNA}, "origin"),
            ({"origin": "https://evil.example", "customer": ANNA}, "origin"),
            ({"origin": "null", "customer": ANNA}, "origin"),
        ],
    )
    def test_what_is_wrong_is_named(self, server, body, field):
        answer = server.post("/v1/sessions", body, format="json")
        assert answer.status_code == 400
        assert field in [error["field"] for error in answer.json()["errors"]]
        assert not Session.objects.exists()

    def test_a_session_makes_no_session(self, server):
        assert start(visitor(server)).status_code == 403


class TestCapturingInASession:
    def test_it_captures_for_its_own_visitor(self, server):
        answer = capture(visitor(server), {"first_name": "Anna", "message": "Hello", "phone": "+4930901820"})
        assert (answer.status_code, set(answer.json())) == (202, {"id"})
        lead = Lead.objects.get()
        assert (lead.email, lead.first_name, lead.phone) == ("anna@example.com", "Anna", "+4930901820")

    def test_it_has_to_send_something(self, server):
        api = visitor(server)
        assert api.post("/v1/leads").json()["code"] == "malformed_json"
        assert not Lead.objects.exists()
        assert capture(api, {}).status_code == 202

    def test_what_its_visitor_says_of_themselves_is_taken(self, server):
        capture(server, ANNA | {"first_name": "Ann"})
        capture(visitor(server), {"first_name": "Anna", "consent": [CONSENT]})
        assert Lead.objects.get().first_name == "Anna"
        assert Consent.objects.get().is_confirmed

    def test_naming_oneself_again_is_fine(self, server):
        assert capture(visitor(server), {"email": " ANNA@example.com"}).status_code == 202

    @pytest.mark.parametrize(
        ("customer", "said", "field"),
        [
            (ANNA, {"email": "ben@example.com"}, "email"),
            (ANNA, {"reference": "42"}, "reference"),
            ({"phone": "+4930901820"}, {"phone": "+4930901821"}, "phone"),
            ({"phone": "+4930901820"}, ANNA, "email"),
            ({"reference": "42"}, {"reference": "43"}, "reference"),
        ],
    )
    def test_it_captures_for_nobody_else(self, server, customer, said, field):
        answer = capture(visitor(server, customer), said)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == field
        assert not Lead.objects.exists()

    def test_two_visitors_may_use_the_same_idempotency_key(self, server):
        for customer in (ANNA, {"email": "ben@example.com"}):
            assert capture(visitor(server, customer), {"message": "Hi"}, **{"Idempotency-Key": "1"}).status_code == 202
        assert Lead.objects.count() == 2

    def test_it_reads_no_lead(self, server):
        capture(visitor(server), {})
        lead = Lead.objects.get()
        assert visitor(server).get(f"/v1/leads/{lead.pk}").status_code == 403
        assert visitor(server).get("/v1/leads").status_code == 403
