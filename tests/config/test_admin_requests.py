"""The log of API requests as an admin reads it: found by what people have in hand, narrowed, never edited."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from gateway.models import RequestLog
from runtime.clock import db_now
from tests.factories import ClientFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

WHERE = "/admin/gateway/requestlog/"


def call(**values: Any) -> RequestLog:
    usual = {"request_id": str(uuid.uuid4()), "method": "POST", "route": "/v1/leads", "status": 201, "duration_ms": 4.0}
    return RequestLog.objects.create(**usual | values)


def found(browser: Client, **asked: str) -> set[int]:
    """Return the ids of the calls that the list shows."""
    page = browser.get(WHERE, asked)
    assert page.status_code == 200
    return {int(id) for id in re.findall(rf"{WHERE}(\d+)/change/", page.content.decode())}


@pytest.fixture
def refused() -> RequestLog:
    values = {"route": "/v1/query", "status": 403, "code": "scope_missing", "key_prefix": "sb_sk_Ab12Cd"}
    call()
    return call(client=ClientFactory(name="Website bot"), **values)


def test_it_is_found_by_what_the_answer_told_or_the_log_shows(admin_browser: Client, refused: RequestLog):
    own = call(request_id="order-desk-17")
    for asked in (refused.request_id, "/v1/query", "scope_missing", "sb_sk_Ab12Cd"):
        assert found(admin_browser, q=asked) == {refused.pk}, asked
    assert found(admin_browser, q="order-desk-17") == {own.pk}
    assert found(admin_browser, q=str(uuid.uuid4())) == set()
    assert len(found(admin_browser)) == 3


def test_it_is_narrowed_by_client_outcome_and_day(admin_browser: Client, refused: RequestLog):
    broken = call(status=500, duration_ms=1500.0)
    RequestLog.objects.filter(pk=broken.pk).update(at=db_now() - timedelta(days=3))
    assert found(admin_browser, client__id__exact=str(refused.client_id)) == {refused.pk}
    assert found(admin_browser, outcome="refused") == {refused.pk}
    assert found(admin_browser, outcome="failed") == found(admin_browser, outcome="slow") == {broken.pk}
    assert len(found(admin_browser, outcome="ok")) == 1
    assert broken.pk not in found(admin_browser, at__gte=(db_now() - timedelta(days=1)).isoformat())


def test_its_page_tells_everything_and_changes_nothing(admin_browser: Client, refused: RequestLog):
    RequestLog.objects.filter(pk=refused.pk).update(request_body='{"a": "<script>"}', address="203.0.113.9")
    page = admin_browser.get(f"{WHERE}{refused.pk}/change/").content.decode()
    for told in ("POST /v1/query", "403", "scope_missing", "Website bot", "sb_sk_Ab12Cd", "203.0.113.9"):
        assert told in page
    assert refused.request_id in page
    assert "<script>" not in page.replace("<script src", "").partition("sb-body")[2].partition("</pre>")[0]
    assert admin_browser.post(f"{WHERE}{refused.pk}/change/", {"status": "200"}).status_code == 403
    assert admin_browser.post(f"{WHERE}{refused.pk}/delete/", {"post": "yes"}).status_code == 403


def test_an_address_that_does_not_exist_is_said_to_be_none(admin_browser: Client):
    call(method="GET", route="", status=404)
    assert "GET (no such address)" in admin_browser.get(WHERE).content.decode()
