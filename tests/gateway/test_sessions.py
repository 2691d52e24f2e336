"""A visitor's session: one page, one visitor, half an hour; it ends with what made it."""

from datetime import timedelta

import pytest
from django.test import override_settings

from gateway import keys, services, sessions
from gateway.models import Client, Session
from runtime import clock
from tests.gateway.test_authentication import HTTPS
from tests.gateway.test_problems import assert_problem

pytestmark = pytest.mark.db

PAGE = "https://shop.example"


@pytest.fixture
def session(bot, key):
    Client.objects.filter(pk=bot.pk).update(origins=[PAGE], scopes=["query", "leads:read:all", "leads:write"])
    return sessions.session_create(client=bot, key=key[0], origin=PAGE, email="anna@example.com")


@pytest.fixture
def visit(call, session):
    def send(path="/v1/notes", data=None, *, origin=PAGE, **extra):
        data = {"email": "a@example.com"} if data is None else data
        named = {} if origin is None else {"HTTP_ORIGIN": origin}
        return call(path, data, secret=session[1], **HTTPS, **named, **extra)

    return send


def test_it_opens_the_door_for_half_an_hour(visit):
    assert visit().status_code == 201
    clock.offset = timedelta(minutes=29, seconds=50)
    assert visit().status_code == 201
    clock.offset = timedelta(minutes=30, seconds=1)
    assert_problem(visit(), 401, "session_ended")


def test_its_token_is_stored_as_a_digest(session):
    row, token = session
    assert token.startswith("sb_vs_")
    assert row.digest == keys.digest(token)
    assert token not in str(list(Session.objects.values()))


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://shop.example", "https://testserver"])
def test_it_belongs_to_its_page(visit, origin):
    assert_problem(visit(origin=origin), 403, "origin_not_allowed")


def test_our_own_page_reads_without_naming_itself(call, bot, key):
    """Browsers leave the header out where a page reads from its own origin."""
    _, token = sessions.session_create(client=bot, key=key[0], origin="https://testserver", email="a@example.com")
    answer = call("/v1/notes", {"email": "a@example.com"}, secret=token, **HTTPS)
    assert answer.status_code == 201


def test_it_ends_with_its_key(visit, key):
    services.key_revoke(key=key[0])
    assert_problem(visit(), 401, "session_ended")


def test_it_never_outlives_its_key(bot):
    key, _ = services.key_create(client=bot, days=1)
    clock.offset = timedelta(hours=23, minutes=50)
    session, _ = sessions.session_create(client=bot, key=key, origin=PAGE, email="a@example.com")
    assert session.expires_at == key.expires_at


def test_it_ends_with_its_client(visit, bot):
    Client.objects.filter(pk=bot.pk).update(is_active=False)
    assert_problem(visit(), 403, "client_inactive")


def test_it_does_what_sessions_do_and_nothing_else_its_client_may(visit, call, session):
    assert_problem(visit("/v1/secret-only", {}), 405, "method_not_allowed")
    for path in ("/v1/notes", "/v1/secret-only"):
        answer = call(path, secret=session[1], HTTP_ORIGIN=PAGE, **HTTPS)
        assert_problem(answer, 403, "session_not_allowed")


def test_a_scope_taken_from_the_client_is_gone_from_its_sessions(visit, bot):
    Client.objects.filter(pk=bot.pk).update(scopes=["query"])
    assert_problem(visit(), 403, "scope_missing")


def test_it_is_for_visitors_wherever_they_are(visit, bot):
    Client.objects.filter(pk=bot.pk).update(networks=["198.51.100.0/24"])
    assert visit().status_code == 201


def test_plain_http_is_refused(call, session):
    away = {"REMOTE_ADDR": "203.0.113.5", "HTTP_ORIGIN": PAGE}
    assert_problem(call("/v1/notes", {}, secret=session[1], **away), 403, "https_required")


def test_its_token_in_the_address_is_refused(call, session):
    assert_problem(call(f"/v1/notes?token={session[1]}", secret=None), 400, "key_in_url")


def test_a_mistyped_token_is_told_apart(call, session):
    assert_problem(call("/v1/notes", secret=session[1][:-1] + "x", **HTTPS), 401, "key_invalid")


def test_each_visitor_has_a_limit_of_its_own(visit, call, bot, key):
    with override_settings(VISITOR_REQUESTS_PER_MINUTE=2):
        answers = [visit() for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert answers[0]["RateLimit-Policy"] == '"visitor";q=2;w=60, "client";q=600;w=60'
        _, other = sessions.session_create(client=bot, key=key[0], origin=PAGE, phone="+4930901820")
        assert call("/v1/notes", {"email": "a@example.com"}, secret=other, HTTP_ORIGIN=PAGE, **HTTPS).status_code == 201


def test_ended_sessions_are_deleted(session):
    assert sessions.prune_sessions() == 0
    clock.offset = timedelta(minutes=31)
    assert sessions.prune_sessions() == 1
