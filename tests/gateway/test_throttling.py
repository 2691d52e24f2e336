import subprocess
import sys
import textwrap
import time

import pytest
from django.conf import settings
from django.core.cache import cache
from django_ratelimit.core import _get_window

from gateway import keys
from gateway.models import Client
from tests.gateway.test_problems import assert_problem

pytestmark = pytest.mark.db


@pytest.fixture(autouse=True)
def _one_window(monkeypatch):
    """Have one window of the limit last for the whole test: where its edge falls must not decide."""
    ends_at = int(time.time()) + 60
    monkeypatch.setattr("django_ratelimit.core._get_window", lambda value, period: ends_at)


def test_over_the_limit_is_429_with_what_to_wait(call, bot):
    Client.objects.filter(pk=bot.pk).update(rate_per_minute=2)
    for left in ("1", "0"):
        answer = call("/v1/notes")
        assert answer.status_code == 200
        assert answer["RateLimit-Policy"] == '"client";q=2;w=60'
        assert answer["RateLimit"].startswith(f'"client";r={left};t=')
    answer = call("/v1/notes")
    assert_problem(answer, 429, "rate_limited")
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert answer["RateLimit"].startswith('"client";r=0;t=')


def test_clients_are_counted_apart(call, bot):
    from gateway import services

    Client.objects.filter(pk=bot.pk).update(rate_per_minute=0)
    other = services.key_create(client=services.client_create(name="Other")[0])[1]
    assert_problem(call("/v1/notes"), 429, "rate_limited")
    assert call("/v1/notes", secret=other).status_code == 200


def test_guessing_from_one_address_is_slowed_down(call, key):
    tries = range(settings.WRONG_CREDENTIALS_PER_MINUTE + 1)
    guesses = [call("/v1/notes", secret=keys.generate("secret")) for _ in tries]
    assert {answer.status_code for answer in guesses[:-1]} == {401}
    assert_problem(guesses[-1], 429, "rate_limited")
    assert call("/v1/notes").status_code == 200, "a right key from there still works"


@pytest.mark.parametrize("broken", ["add", "incr"])
def test_a_cache_that_is_down_limits_nothing_and_breaks_nothing(call, monkeypatch, broken):
    def fail(*args, **kwargs):
        raise ConnectionError("redis is gone")

    call("/v1/notes")
    monkeypatch.setattr(type(cache._connections[cache._alias]), broken, fail)
    assert call("/v1/notes").status_code == 200


def test_four_processes_together_let_through_exactly_the_limit(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from django.conf import settings
        settings.configure(CACHES={"default": {"BACKEND": "runtime.cache.FileCache", "LOCATION": sys.argv[1]}})
        from gateway.throttling import count
        usages = [count(None, "client", sys.argv[2], 100) for _ in range(50)]
        print(sum(1 for usage in usages if not usage["should_limit"]))
        """
    )
    name = next(name for name in map(str, range(1000)) if _get_window(name, 60) - time.time() > 40)
    command = [sys.executable, "-c", script, str(tmp_path / "counters.sqlite3"), name]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert sum(int(process.communicate(timeout=120)[0]) for process in processes) == 100
