import time

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import override_settings

from gateway import health
from gateway.health import WORKER_SEEN_KEY

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def test_the_process_says_that_it_lives(client):
    answer = client.get("/healthz").json()
    assert answer["status"] == "ok"
    assert answer["version"] == settings.VERSION


def test_everything_works(client):
    cache.set(WORKER_SEEN_KEY, time.time(), 60)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert all(check["ok"] for check in answer.json()["checks"].values())


@pytest.mark.parametrize(("seen", "says"), [(None, "manage.py worker"), (50, "50 seconds ago")])
def test_a_missing_worker_is_said_in_words(client, seen, says):
    if seen is not None:
        cache.set(WORKER_SEEN_KEY, time.time() - seen, 60)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert says in answer.json()["checks"]["worker"]["detail"]


@pytest.mark.parametrize("url", ["redis://:hunter22@127.0.0.1:9/0", "amqp://guest:hunter22@127.0.0.1:9/"])
def test_a_broker_that_is_away_is_said_without_its_password(client, url):
    with override_settings(BROKER_URL=url):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"]["ok"] is False
    assert "hunter22" not in answer.content.decode()


def test_a_cache_that_forgets_is_said(client, monkeypatch):
    monkeypatch.setattr(cache, "get", lambda *args: None)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "request limits do not count" in answer.json()["checks"]["cache"]["detail"]


def test_a_database_that_is_away_is_said(client, monkeypatch):
    def fail():
        raise ConnectionError("password=hunter22")

    monkeypatch.setitem(health._CHECKS, "database", fail)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == {"ok": False, "detail": "It does not answer; the log says why."}
