"""Figures for Prometheus: what they count, and who may read them."""

import re
import subprocess
import sys
import time

import pytest
from django.core.cache import cache
from django.test import override_settings

from gateway.health import WORKER_SEEN_KEY
from runtime import metrics
from tests.factories import ConnectorFactory, DeliveryFactory
from tests.gateway.test_problems import assert_problem

pytestmark = [pytest.mark.db, pytest.mark.django_db]

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.7", "secret": None}
TOKEN = "a-token-of-twenty-characters"


def figure(call, name, **labels):
    """Return a figure as a scrape reads it; None where it is absent."""
    text = call("/metrics", secret=None).content.decode()
    for line in text.splitlines():
        found = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
        if found and dict(re.findall(r'(\w+)="([^"]*)"', found[1] or "")) == labels:
            return float(found[2])
    return None


def test_requests_are_counted_by_pattern_and_status(call):
    of = {"method": "GET", "route": "/v1/notes", "status": "200"}
    before = figure(call, "shopbotly_requests_total", **of) or 0
    seconds = figure(call, "shopbotly_request_seconds_count", route="/v1/notes") or 0
    call("/v1/notes")
    assert figure(call, "shopbotly_requests_total", **of) == before + 1
    assert figure(call, "shopbotly_request_seconds_count", route="/v1/notes") == seconds + 1


def test_strangers_make_no_names(call):
    call("/v1/anna@example.com", method="BREW", secret=None)
    call("/v1/notes", method="BREW", secret=None)
    text = call("/metrics", secret=None).content.decode()
    assert "anna" not in text
    assert "BREW" not in text
    assert figure(call, "shopbotly_requests_total", method="other", route="unknown", status="404") >= 1


def test_what_another_process_counted_is_in_it(call, tmp_path):
    count = "from integrations.metrics import LOOKUPS; LOOKUPS.labels('stock', 'another').inc(3)"
    settings = "import django, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'; django.setup(); "
    subprocess.run([sys.executable, "-c", settings + count], check=True)
    assert figure(call, "shopbotly_lookups_total", kind="stock", cache="another") == 3


def test_deliveries_are_told_by_connector_and_state_with_the_age_of_the_queue(call, later):
    connector = ConnectorFactory(name='CRM "1"')
    for state in ("waiting", "needs_you", "needs_you", "delivered"):
        DeliveryFactory(connector=connector, state=state)
    later(seconds=90)
    text = call("/metrics", secret=None).content.decode()
    assert 'shopbotly_deliveries{connector="CRM \\"1\\"",state="needs_you"} 2.0' in text
    assert 'shopbotly_deliveries{connector="CRM \\"1\\"",state="waiting"} 1.0' in text
    assert re.search(r'^shopbotly_deliveries\{.*state="delivered"', text, re.MULTILINE) is None
    age = re.search(r'shopbotly_queue_age_seconds\{connector="CRM \\"1\\""\} (\S+)', text)
    assert 90 <= float(age[1]) < 120


def test_a_worker_that_is_away_is_absent(call):
    assert figure(call, "shopbotly_worker_seen_age_seconds") is None
    cache.set(WORKER_SEEN_KEY, time.time() - 7, 60)
    assert 7 <= figure(call, "shopbotly_worker_seen_age_seconds") < 30


def test_counters_are_told_while_the_database_is_away(call, monkeypatch):
    from django.db import OperationalError

    def fail():
        raise OperationalError("password=hunter22")

    monkeypatch.setattr(metrics, "_gauges", [fail, *metrics._gauges])
    call("/v1/notes")
    answer = call("/metrics", secret=None)
    assert answer.status_code == 200
    assert b"shopbotly_requests_total" in answer.content
    assert b"shopbotly_info" in answer.content


def test_others_may_not_read_it(call, key):
    assert_problem(call("/metrics", **ELSEWHERE), 403, "permission_denied")
    assert_problem(call("/metrics", **ELSEWHERE | {"secret": key[1]}), 403, "permission_denied")
    with override_settings(DEMO_MODE=False):
        assert_problem(call("/metrics", secret=None), 403, "permission_denied")


def test_a_proxy_on_this_machine_opens_it_to_nobody(call):
    assert_problem(call("/metrics", secret=None, HTTP_X_FORWARDED_FOR="203.0.113.7"), 403, "permission_denied")


@override_settings(METRICS_NETWORKS=["203.0.113.0/24"], TRUSTED_PROXIES=["127.0.0.1"])
def test_listed_networks_may_read_it_also_through_a_trusted_proxy(call):
    assert call("/metrics", **ELSEWHERE).status_code == 200
    assert call("/metrics", secret=None, HTTP_X_FORWARDED_FOR="203.0.113.7").status_code == 200
    spoofed = "203.0.113.7, 198.51.100.9"
    assert_problem(call("/metrics", secret=None, HTTP_X_FORWARDED_FOR=spoofed), 403, "permission_denied")


@override_settings(METRICS_TOKEN=TOKEN)
def test_the_token_opens_it_over_https_alone(call):
    https = {"wsgi.url_scheme": "https"}
    assert call("/metrics", **ELSEWHERE | {"secret": TOKEN}, **https).status_code == 200
    for wrong in (TOKEN[:-1], "é" * 20, ""):
        assert_problem(call("/metrics", **ELSEWHERE | {"secret": wrong}, **https), 403, "permission_denied")
    assert_problem(call("/metrics", **ELSEWHERE | {"secret": TOKEN}), 403, "permission_denied")


@override_settings(METRICS_TOKEN="")
def test_no_token_is_no_key(call):
    https = {"wsgi.url_scheme": "https"}
    assert_problem(call("/metrics", **ELSEWHERE | {"secret": ""}, **https), 403, "permission_denied")


def test_it_is_read_only(call):
    assert call("/metrics", {}, secret=None).status_code == 405
