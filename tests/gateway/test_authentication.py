from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import override_settings

from gateway import keys, services
from gateway.models import Client, Key
from runtime import clock
from tests.gateway.test_problems import assert_problem

pytestmark = pytest.mark.db

AWAY = {"REMOTE_ADDR": "203.0.113.5"}
HTTPS = AWAY | {"wsgi.url_scheme": "https", "SERVER_PORT": "443"}


def test_a_key_opens_the_door(call, bot):
    answer = call("/v1/notes")
    assert answer.status_code == 200
    assert answer.json() == {"client": str(bot.pk), "kind": "secret", "address": "127.0.0.1"}


def test_without_a_key_the_answer_shows_the_header(call):
    answer = call("/v1/notes", secret=None)
    problem = assert_problem(answer, 401, "not_authenticated")
    assert "Authorization: Bearer $SHOPBOTLY_KEY" in problem["detail"]
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Basic dTpw", "Bearer", "Bearer ", "sb_sk_x", "Token x", "Bearer " + "x" * 2000])
def test_another_form_of_header_is_refused(call, header):
    answer = call("/v1/notes", secret=None, HTTP_AUTHORIZATION=header)
    assert assert_problem(answer, 401, "key_invalid")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_a_mistyped_key_is_told_apart_without_the_database(call, key, django_assert_num_queries):
    mistyped = key[1][:-1] + ("y" if key[1].endswith("x") else "x")
    with django_assert_num_queries(1):  # the request log's own
        problem = assert_problem(call("/v1/notes", secret=mistyped), 401, "key_invalid")
    assert "mistyped" in problem["detail"]


def test_an_unknown_key_is_refused(call):
    assert_problem(call("/v1/notes", secret=keys.generate("secret")), 401, "key_invalid")


def test_an_unknown_token_is_refused(call):
    assert_problem(call("/v1/notes", secret="no-such-token"), 401, "token_invalid")


def test_an_expired_key_is_refused(call, key):
    clock.offset = timedelta(days=90)
    problem = assert_problem(call("/v1/notes"), 401, "key_expired")
    assert key[0].prefix in problem["detail"]


def test_a_revoked_key_is_refused(call, key):
    services.key_revoke(key=key[0])
    assert_problem(call("/v1/notes"), 401, "key_revoked")


def test_a_key_revoked_elsewhere_is_refused_within_five_seconds(call, key, monkeypatch):
    ticks = [1000.0]
    monkeypatch.setattr("gateway.key_cache.time", SimpleNamespace(monotonic=lambda: ticks[0]))
    with override_settings(KEY_CACHE_SECONDS=2.0):
        assert call("/v1/notes").status_code == 200
        Key.objects.filter(pk=key[0].pk).update(revoked_at=clock.db_now())  # as another process does
        assert call("/v1/notes").status_code == 200, "the key is kept for a moment, else this test shows nothing"
        ticks[0] += 2.1
        assert_problem(call("/v1/notes"), 401, "key_revoked")


def test_a_key_revoked_here_is_refused_at_once(call, key):
    with override_settings(KEY_CACHE_SECONDS=60.0):
        assert call("/v1/notes").status_code == 200
        services.key_revoke(key=key[0])
        assert_problem(call("/v1/notes"), 401, "key_revoked")


def test_a_known_key_costs_no_query(call, key, django_assert_num_queries):
    with override_settings(KEY_CACHE_SECONDS=60.0, REQUEST_LOG_WRITER="background"):
        from gateway import request_log

        taken = []
        original, request_log.writer.put = request_log.writer.put, taken.append  # type: ignore[method-assign]
        try:
            with django_assert_num_queries(1):
                call("/v1/notes")
            with django_assert_num_queries(0):
                call("/v1/notes")
        finally:
            request_log.writer.put = original  # type: ignore[method-assign]
    assert len(taken) == 2


def test_a_switched_off_client_is_refused(call, bot):
    Client.objects.filter(pk=bot.pk).update(is_active=False)
    assert_problem(call("/v1/notes"), 403, "client_inactive")


def test_a_key_serves_only_its_kind(call, key):
    """A row whose kind was changed by hand must not turn a published key into a secret one."""
    Key.objects.filter(pk=key[0].pk).update(kind="publishable")
    assert_problem(call("/v1/notes"), 401, "key_invalid")


class TestNetworks:
    @pytest.fixture(autouse=True)
    def _office_only(self, bot):
        Client.objects.filter(pk=bot.pk).update(networks=["198.51.100.0/24", "2001:db8::/32"])

    @pytest.mark.parametrize("address", ["198.51.100.9", "2001:db8::5", "::ffff:198.51.100.9"])
    def test_inside(self, call, address):
        assert call("/v1/notes", **HTTPS | {"REMOTE_ADDR": address}).status_code == 200

    @pytest.mark.parametrize("address", ["203.0.113.5", "2001:db9::5", "127.0.0.1", "", "garbage"])
    def test_outside(self, call, address):
        answer = call("/v1/notes", **HTTPS | {"REMOTE_ADDR": address})
        assert_problem(answer, 403, "address_not_allowed")

    def test_a_list_on_trial_refuses_nobody(self, call, bot):
        Client.objects.filter(pk=bot.pk).update(networks_report_only=True)
        assert call("/v1/notes", **HTTPS).status_code == 200

    def test_a_header_moves_nobody_inside(self, call):
        answer = call("/v1/notes", HTTP_X_FORWARDED_FOR="198.51.100.9", **HTTPS)
        assert_problem(answer, 403, "address_not_allowed")

    @override_settings(TRUSTED_PROXIES=["10.0.0.0/8"])
    @pytest.mark.parametrize(
        ("forwarded", "status"),
        [("198.51.100.9", 200), ("198.51.100.9, 203.0.113.5", 403), ("203.0.113.5, 198.51.100.9", 200), ("x", 403)],
    )
    def test_behind_a_proxy(self, call, forwarded, status):
        proxy = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": forwarded}
        assert call("/v1/notes", **proxy).status_code == status


class TestSecretKeysStaySecret:
    def exposed(self, key):
        key[0].refresh_from_db()
        return key[0].exposed_at is not None

    def test_plain_http_is_refused_and_marks_the_key(self, call, key):
        assert_problem(call("/v1/notes", **AWAY), 403, "https_required")
        assert self.exposed(key)

    def test_https_is_fine(self, call, key):
        assert call("/v1/notes", **HTTPS).status_code == 200
        assert not self.exposed(key)

    @override_settings(DEMO_MODE=False)
    def test_plain_http_is_refused_on_this_machine_too_outside_demo_mode(self, call, key):
        assert_problem(call("/v1/notes"), 403, "https_required")

    def test_a_proxy_on_this_machine_does_not_count_as_local(self, call, key):
        assert_problem(call("/v1/notes", HTTP_X_FORWARDED_FOR="203.0.113.5"), 403, "https_required")

    def test_a_stranger_saying_https_is_not_believed(self, call):
        assert_problem(call("/v1/notes", HTTP_X_FORWARDED_PROTO="https", **AWAY), 403, "https_required")

    @pytest.mark.parametrize(
        "origin", ["https://shop.example", "null", "http://testserver", "https://testserver.evil.example"]
    )
    def test_a_foreign_page_is_refused_and_marks_the_key(self, call, key, origin):
        assert_problem(call("/v1/notes", HTTP_ORIGIN=origin, **HTTPS), 403, "secret_key_in_browser")
        assert self.exposed(key)

    @override_settings(ALLOWED_HOSTS=["shopbotly.example"])
    def test_our_own_page_may(self, call, key):
        ours = HTTPS | {"HTTP_HOST": "shopbotly.example", "HTTP_ORIGIN": "https://shopbotly.example"}
        assert call("/v1/notes", **ours).status_code == 200
        assert not self.exposed(key)

    @override_settings(ALLOWED_HOSTS=["shopbotly.example"])
    def test_a_name_pointed_at_us_does_not_make_a_page_our_own(self, call, key):
        theirs = HTTPS | {"HTTP_HOST": "evil.example", "HTTP_ORIGIN": "https://evil.example"}
        assert_problem(call("/v1/notes", **theirs), 403, "secret_key_in_browser")

    def test_on_this_machine_in_demo_mode_any_page_may(self, call, key):
        assert call("/v1/notes", HTTP_ORIGIN="http://localhost:3000").status_code == 200
        assert not self.exposed(key)

    @pytest.mark.parametrize(
        "where", ["/v1/notes?key={}", "/v1/{}", "/v1/notes?x=%22{}%22", "/v1/notes?authorization=Bearer%20{}"]
    )
    def test_a_key_in_the_address_is_refused_and_marked(self, call, key, where):
        answer = call(where.format(key[1]), secret=None)
        assert answer.status_code in {400, 404}
        if answer.status_code == 400:
            assert_problem(answer, 400, "key_in_url")
            assert self.exposed(key)

    def test_a_mistyped_key_in_the_address_is_refused(self, call, key):
        assert_problem(call(f"/v1/notes?key={key[1][:-1]}"), 400, "key_in_url")
        assert not self.exposed(key)

    def test_the_mark_keeps_the_first_time(self, call, key):
        call("/v1/notes", **AWAY)
        key[0].refresh_from_db()
        first = key[0].exposed_at
        call("/v1/notes", **AWAY)
        key[0].refresh_from_db()
        assert key[0].exposed_at == first


class TestPublishableKeys:
    PAGE = "https://shop.example"

    @pytest.fixture
    def published(self, bot):
        Client.objects.filter(pk=bot.pk).update(origins=[self.PAGE], scopes=["leads:read:all", "leads:write", "query"])
        return services.key_create(client=bot, kind="publishable")[1]

    def test_from_its_page_it_captures(self, call, published):
        answer = call("/v1/notes", {"email": "a@example.com"}, secret=published, HTTP_ORIGIN=self.PAGE, **HTTPS)
        assert answer.status_code == 201

    @pytest.mark.parametrize(
        "origin", [None, "null", "https://evil.example", "http://shop.example", "https://shop.example.evil"]
    )
    def test_from_elsewhere_it_does_nothing(self, call, published, origin):
        extra = HTTPS if origin is None else HTTPS | {"HTTP_ORIGIN": origin}
        assert_problem(
            call("/v1/notes", {"email": "a@example.com"}, secret=published, **extra), 403, "origin_not_allowed"
        )

    def test_it_reads_nothing_whatever_the_client_may(self, call, published):
        assert_problem(
            call("/v1/notes", secret=published, HTTP_ORIGIN=self.PAGE, **HTTPS), 403, "publishable_not_allowed"
        )

    def test_it_opens_only_views_that_take_it(self, call, published):
        answer = call("/v1/secret-only", secret=published, HTTP_ORIGIN=self.PAGE, **HTTPS)
        assert_problem(answer, 403, "publishable_not_allowed")

    def test_without_listed_pages_only_our_own_may(self, call, bot, published):
        Client.objects.filter(pk=bot.pk).update(origins=[])
        answer = call("/v1/notes", {"email": "a@example.com"}, secret=published, HTTP_ORIGIN=self.PAGE, **HTTPS)
        assert_problem(answer, 403, "origin_not_allowed")
        own = call("/v1/notes", {"email": "a@example.com"}, secret=published, HTTP_ORIGIN="https://testserver", **HTTPS)
        assert own.status_code == 201


class TestScopes:
    def test_a_missing_scope_is_named(self, call, bot):
        Client.objects.filter(pk=bot.pk).update(scopes=["query"])
        assert '"leads:read"' in assert_problem(call("/v1/notes"), 403, "scope_missing")["detail"]

    def test_all_includes_own(self, call, bot):
        Client.objects.filter(pk=bot.pk).update(scopes=["leads:read:all"])
        assert call("/v1/notes").status_code == 200
        assert call("/v1/notes", method="HEAD").status_code == 200

    def test_an_unknown_method_is_405(self, call):
        answer = call("/v1/notes", method="DELETE")
        assert_problem(answer, 405, "method_not_allowed")
        assert answer["Allow"] == "GET, POST, HEAD"

    def test_a_view_without_scopes_cannot_be_written(self):
        from gateway.api import ApiView

        with pytest.raises(TypeError, match="names no scope for GET"):
            type("Forgotten", (ApiView,), {"get": lambda self, request: None})


def test_last_used_is_noted(call, key):
    call("/v1/notes")
    key[0].refresh_from_db()
    first = key[0].last_used_at
    assert first is not None
    call("/v1/notes")
    key[0].refresh_from_db()
    assert key[0].last_used_at == first, "once a minute is enough"
