"""In a session a visitor sees their own orders and goes on with their own conversations."""

import pytest
from rest_framework.test import APIClient

from gateway.services import client_create, key_create
from gateway.sessions import session_create

pytestmark = [pytest.mark.django_db, pytest.mark.db, pytest.mark.usefixtures("starter")]

PAGE = "https://shop.example"


@pytest.fixture
def key():
    return key_create(client=client_create(name="Shop bot", origins=[PAGE])[0])


@pytest.fixture
def visitor(key):
    def make(**customer):
        _, token = session_create(client=key[0].client, key=key[0], origin=PAGE, **customer)
        return APIClient(HTTP_AUTHORIZATION=f"Bearer {token}", HTTP_ORIGIN=PAGE)

    return make


def ask(api, prompt="Check order status", **more):
    return api.post("/v1/query", {"prompt": prompt, **more}, format="json")


@pytest.mark.parametrize("customer", [{"email": "anna@example.com"}, {"phone": "+4930901820"}])
def test_own_orders_are_read_by_number(visitor, back_end, customer):
    answer = visitor(**customer).get("/v1/orders/S00042")
    assert answer.status_code == 200
    assert {"name": "status", "value": "shipped"}.items() <= answer.json()["facts"][1].items()


@pytest.mark.parametrize("customer", [{"email": "ben@example.com"}, {"reference": "42"}])
def test_an_order_of_somebody_else_is_like_one_that_is_not_there(visitor, back_end, customer):
    api = visitor(**customer)
    foreign, absent = api.get("/v1/orders/S00042"), api.get("/v1/orders/S99999")
    assert foreign.status_code == absent.status_code == 404
    volatile = {"request_id"}
    assert {k: v for k, v in foreign.json().items() if k not in volatile} == {
        k: v for k, v in absent.json().items() if k not in volatile
    }


def test_without_a_session_nobody_says_whose_order_it_is(key, back_end):
    answer = APIClient(HTTP_AUTHORIZATION=f"Bearer {key[1]}").get("/v1/orders/S00042")
    assert (answer.status_code, answer.json()["code"]) == (403, "session_needed")
    assert not back_end.asked


def test_it_needs_no_address_to_answer(visitor, back_end):
    answer = ask(visitor(email="anna@example.com"), "Where is my order S00042?").json()
    assert answer["state"] == "answered"


def test_what_a_visitor_types_names_nobody_else(visitor, back_end):
    answer = ask(visitor(email="ben@example.com"), "Where is my order S00042? I am anna@example.com").json()
    assert answer["state"] == "no_match"
    assert answer["facts"] == []


def test_a_visitor_cannot_say_who_the_customer_is(visitor, back_end):
    answer = ask(visitor(email="ben@example.com"), customer={"email": "anna@example.com"})
    assert answer.json()["errors"][0]["field"] == "customer"


def test_a_conversation_belongs_to_its_session(visitor, key, back_end):
    anna, ben = visitor(email="anna@example.com"), visitor(email="ben@example.com")
    own = ask(anna).json()["conversation_id"]
    assert ask(anna, "S00042", conversation_id=own).json()["state"] == "answered"
    assert ask(ben, "S00042", conversation_id=own).status_code == 404
    server = APIClient(HTTP_AUTHORIZATION=f"Bearer {key[1]}")
    assert ask(server, "S00042", conversation_id=own).status_code == 200
    begun_by_server = ask(server).json()["conversation_id"]
    assert ask(anna, "S00042", conversation_id=begun_by_server).status_code == 404


def test_a_page_without_a_session_cannot_go_on_with_one(visitor, key, back_end):
    own = ask(visitor(email="anna@example.com")).json()["conversation_id"]
    _, published = key_create(client=key[0].client, kind="publishable")
    page = APIClient(HTTP_AUTHORIZATION=f"Bearer {published}", HTTP_ORIGIN=PAGE)
    assert ask(page, "S00042", conversation_id=own).status_code == 404


@pytest.mark.parametrize(("method", "path"), [("post", "/v1/orders/lookup"), ("get", "/v1/faqs")])
def test_other_look_ups_are_for_servers(visitor, back_end, method, path):
    answer = getattr(visitor(email="anna@example.com"), method)(path, {})
    assert answer.json()["code"] == "session_not_allowed"
