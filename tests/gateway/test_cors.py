"""Preflights are answered for every listed page; what a page may read, its credential decides."""

import pytest
from django.test import override_settings

from gateway import services
from gateway.models import Client, RequestLog
from tests.gateway.test_authentication import HTTPS
from tests.gateway.test_problems import assert_problem

pytestmark = pytest.mark.db

SHOP, BLOG, EVIL = "https://shop.example", "https://blog.example", "https://evil.example"
NOTE = {"email": "a@example.com"}


@pytest.fixture(autouse=True)
def _pages(bot):
    Client.objects.filter(pk=bot.pk).update(origins=[SHOP])
    other = services.client_create(name="Blog bot", origins=[BLOG])[0]
    return services.key_create(client=other, kind="publishable")[1]


@pytest.fixture
def published(bot):
    return services.key_create(client=bot, kind="publishable")[1]


def preflight(call, origin, path="/v1/notes", method="POST", **extra):
    asked = {"HTTP_ACCESS_CONTROL_REQUEST_METHOD": method, "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "authorization"}
    named = {} if origin is None else {"HTTP_ORIGIN": origin}
    return call(path, secret=None, method="OPTIONS", **HTTPS, **asked, **named, **extra)


@pytest.mark.parametrize("origin", [SHOP, BLOG, "https://testserver"])
def test_a_preflight_of_any_listed_page_is_answered(call, origin):
    answer = preflight(call, origin)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Access-Control-Allow-Origin"] == origin
    assert set(answer["Access-Control-Allow-Headers"].split(", ")) == {
        "Authorization",
        "Content-Type",
        "Idempotency-Key",
    }
    assert "POST" in answer["Access-Control-Allow-Methods"]
    assert int(answer["Access-Control-Max-Age"]) > 0
    assert "Origin" in answer["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize("origin", [EVIL, "null", "", None, "https://shop.example.evil", "http://shop.example", "*"])
def test_a_preflight_of_another_page_is_not(call, origin):
    answer = preflight(call, origin)
    assert_problem(answer, 403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in answer


def test_a_page_of_a_client_that_is_off_is_not_listed(call, bot):
    Client.objects.filter(pk=bot.pk).update(is_active=False)
    assert preflight(call, SHOP).status_code == 403


def test_a_preflight_is_no_call_but_a_refused_one_is_seen(call):
    preflight(call, SHOP)
    assert not RequestLog.objects.exists()
    preflight(call, EVIL)
    assert RequestLog.objects.get().code == "origin_not_allowed"


def test_options_without_a_question_are_no_preflight(call):
    assert_problem(call("/v1/notes", method="OPTIONS", HTTP_ORIGIN=SHOP, **HTTPS), 403, "secret_key_in_browser")
    assert call("/v1/notes", secret=None, method="OPTIONS", **HTTPS).status_code in {401, 405}


def test_the_page_of_the_credential_may_read(call, published):
    answer = call("/v1/notes", NOTE, secret=published, HTTP_ORIGIN=SHOP, **HTTPS)
    assert answer.status_code == 201
    assert answer["Access-Control-Allow-Origin"] == SHOP
    shown = set(answer["Access-Control-Expose-Headers"].split(", "))
    assert {"X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After", "Idempotent-Replayed"} <= shown
    assert "Origin" in answer["Vary"]


def test_a_page_listed_by_another_client_may_not(call, published):
    """The preflight let it ask; its own credential says no."""
    assert preflight(call, BLOG).status_code == 204
    answer = call("/v1/notes", NOTE, secret=published, HTTP_ORIGIN=BLOG, **HTTPS)
    assert_problem(answer, 403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in answer


def test_a_secret_key_lets_no_foreign_page_read(call):
    answer = call("/v1/notes", NOTE, HTTP_ORIGIN=SHOP, **HTTPS)
    assert_problem(answer, 403, "secret_key_in_browser")
    assert "Access-Control-Allow-Origin" not in answer


def test_a_listed_page_can_read_why_it_was_refused(call, published):
    for secret in (None, published[:-1] + "x"):
        answer = call("/v1/notes", NOTE, secret=secret, HTTP_ORIGIN=SHOP, **HTTPS)
        assert answer.status_code == 401
        assert answer["Access-Control-Allow-Origin"] == SHOP
    with override_settings(VISITOR_REQUESTS_PER_MINUTE=0):
        answer = call("/v1/notes", NOTE, secret=published, HTTP_ORIGIN=SHOP, **HTTPS)
        assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (429, SHOP)
    assert "Access-Control-Allow-Origin" not in call("/v1/notes", NOTE, secret=None, HTTP_ORIGIN=EVIL, **HTTPS)


def test_an_answer_without_a_page_still_varies_by_it(call):
    answer = call("/v1/notes", **HTTPS)
    assert "Origin" in answer["Vary"]
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.parametrize("path", ["/admin/login/", "/", "/docs/problems", "/oauth/token", "/healthz"])
def test_pages_and_tokens_are_for_no_other_origin(client, path):
    for method in (client.get, client.options):
        answer = method(path, headers={"Origin": SHOP, "Access-Control-Request-Method": "GET"}, secure=True)
        assert "Access-Control-Allow-Origin" not in answer


def test_a_request_from_a_server_costs_no_statement_more(call, key, django_assert_num_queries):
    call("/v1/notes", **HTTPS)
    with django_assert_num_queries(2):  # the key, and the request log
        call("/v1/notes", **HTTPS)
