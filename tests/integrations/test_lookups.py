"""Look-ups: cached, asked once, in time."""

import threading
import time
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connections

from integrations import credentials, lookups, services, single_flight
from integrations.models import Call, ConnectorState
from tests.demo import wait_for
from tests.factories import ConnectorFactory, CredentialFactory
from tests.sandbox import ODOO_KEY

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db]


@pytest.fixture
def make_erp(sandbox):
    def make(name="ERP", **values):
        credential = CredentialFactory.build(name=f"key of {name}", provider="odoo", host="127.0.0.1")
        credentials.seal(credential, {"api_key": ODOO_KEY})
        credential.save()
        given = {"provider": "odoo", "base_url": sandbox.odoo_url, "credential": credential, "operations": []}
        return ConnectorFactory(**{"name": name, **given, **values})

    return make


@pytest.fixture
def erp(make_erp):
    return make_erp()


def test_a_fact_comes_with_its_receipt(erp):
    found = lookups.order("1001", deadline=5)
    assert (found.value.number, found.value.email) == ("S00041", "anna@example.com")
    assert (found.source, found.record_id, found.cache) == ("ERP", "sale.order/41", "miss")
    assert 0 <= found.age_seconds < 5
    assert {call.purpose for call in Call.objects.all()} == {"order", "customer", "shipments"}
    assert ConnectorState.objects.get(connector=erp).last_success_at


def test_what_is_fresh_is_told_from_the_cache_and_what_is_not_is_asked_again(erp, later):
    first = lookups.stock("MUG-RED", deadline=5)
    again = lookups.stock(" MUG-RED ", deadline=5)
    assert (first.cache, again.cache, again.value.available) == ("miss", "hit", Decimal("112.0"))
    assert Call.objects.count() == 1
    later(seconds=31)
    assert lookups.stock("MUG-RED", deadline=5).cache == "miss"
    assert Call.objects.count() == 2


def test_nobody_has_it_is_an_answer_kept_for_a_short_time(erp, later):
    assert lookups.order("9999", deadline=5).value is None
    assert lookups.order("9999", deadline=5).cache == "hit"
    assert Call.objects.count() == 1
    later(seconds=6)
    assert lookups.order("9999", deadline=5).cache == "miss"


def test_old_stock_is_told_when_nobody_can_say_now_but_not_too_old_and_never_an_old_order(erp, sandbox, later):
    lookups.stock("MUG-RED", deadline=5)
    lookups.order("1001", deadline=5)
    sandbox.fault(vendor="odoo", status=500)
    later(minutes=5)
    found = lookups.stock("MUG-RED", deadline=5)
    assert (found.cache, found.value.available) == ("stale", Decimal("112.0"))
    assert found.age_seconds >= 300
    with pytest.raises(lookups.Unavailable):
        lookups.order("1001", deadline=5)
    later(minutes=6)
    with pytest.raises(lookups.Unavailable) as caught:
        lookups.stock("MUG-RED", deadline=5)
    assert caught.value.reason == "failed"


def test_the_deadline_holds_when_a_vendor_hangs(erp, sandbox):
    sandbox.fault(vendor="odoo", hang=True)
    started = time.monotonic()
    with pytest.raises(lookups.Unavailable) as caught:
        lookups.order("1001", deadline=0.5)
    sandbox.clear_faults()
    assert caught.value.reason == "deadline"
    assert time.monotonic() - started < 10
    assert Call.objects.get().error.startswith("no_answer")


def test_an_error_tells_nothing_about_the_vendor(erp, sandbox):
    sandbox.fault(vendor="odoo", status=500, body="Traceback: secret")
    with pytest.raises(lookups.Unavailable) as caught:
        lookups.order("1001", deadline=5)
    assert str(caught.value) == "failed"


def test_without_a_source_nothing_can_be_said():
    with pytest.raises(lookups.Unavailable) as caught:
        lookups.order("1001", deadline=1)
    assert caught.value.reason == "no_source"


def test_the_lowest_in_order_is_asked_first_and_the_next_when_it_fails(make_erp, sandbox):
    make_erp("Second", lookup_order=20)
    make_erp("First", lookup_order=10)
    assert lookups.order("1001", deadline=5).source == "First"
    sandbox.fault(vendor="odoo", status=500, count=1)
    assert lookups.order("1002", deadline=5).source == "Second"


def test_not_found_at_one_while_another_can_not_say_is_no_answer(make_erp, sandbox):
    make_erp("First", lookup_order=10)
    make_erp("Second", lookup_order=20)
    sandbox.fault(vendor="odoo", status=500, count=1)
    with pytest.raises(lookups.Unavailable):
        lookups.order("9999", deadline=5)


def test_paused_and_switched_off_connectors_are_not_asked(make_erp):
    services.connector_pause(connector=make_erp("Paused"))
    make_erp("Off", is_active=False)
    with pytest.raises(lookups.Unavailable) as caught:
        lookups.order("1001", deadline=1)
    assert caught.value.reason == "no_source"
    assert not Call.objects.exists()


def test_a_key_that_is_no_longer_accepted_pauses_the_connector(erp, sandbox):
    sandbox.fault(vendor="odoo", status=401)
    with pytest.raises(lookups.Unavailable):
        lookups.order("1001", deadline=5)
    assert ConnectorState.objects.get(connector=erp).pause_reason == "needs_reauth"


@pytest.mark.parametrize("dial", [{"status": 503}, {"status": 429, "retry_after": "1"}])
def test_a_short_trouble_is_asked_once_more(erp, sandbox, dial):
    sandbox.fault(vendor="odoo", count=1, **dial)
    assert lookups.stock("MUG-RED", deadline=5).cache == "miss"
    assert Call.objects.count() == 2


def test_a_long_retry_after_is_not_waited_for(erp, sandbox):
    sandbox.fault(vendor="odoo", status=429, retry_after="30", count=1)
    started = time.monotonic()
    with pytest.raises(lookups.Unavailable):
        lookups.stock("MUG-RED", deadline=30)
    assert time.monotonic() - started < 20


def in_threads(count, ask):
    results = []

    def run():
        try:
            results.append(ask())
        except lookups.Unavailable as err:
            results.append(err)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_many_who_ask_at_once_make_one_request(erp, sandbox):
    sandbox.fault(vendor="odoo", delay_ms=300)
    results = in_threads(8, lambda: lookups.stock("MUG-RED", deadline=5))
    assert {found.value.available for found in results} == {Decimal("112.0")}
    assert Call.objects.count() == 1


def test_many_who_ask_at_once_share_a_failure(erp, sandbox):
    sandbox.fault(vendor="odoo", delay_ms=300, status=500)
    results = in_threads(6, lambda: lookups.order("1001", deadline=5))
    assert {str(result) for result in results} == {"failed"}
    assert Call.objects.count() == 1


def test_who_waits_for_another_keeps_the_own_deadline(erp, sandbox):
    sandbox.fault(vendor="odoo", hang=True)
    leader = threading.Thread(target=in_threads, args=(1, lambda: lookups.stock("MUG-RED", deadline=5)))
    leader.start()
    wait_for(sandbox.requests, "the request of the other")
    started = time.monotonic()
    with pytest.raises(lookups.Unavailable) as caught:
        lookups.stock("MUG-RED", deadline=0.3)
    assert caught.value.reason == "deadline"
    assert time.monotonic() - started < 4
    sandbox.clear_faults()
    leader.join()


def test_a_leader_that_died_holds_nobody_up_for_longer_than_its_time(erp):
    key = lookups._cache_key(lookups._STOCK, "MUG-RED")
    cache.set(f"{key}:flight", "dead", 0.3)
    assert lookups.stock("MUG-RED", deadline=5).cache == "miss"


def test_cache_keys_tell_nothing_of_what_was_typed(erp, monkeypatch):
    keys = []
    real = single_flight.cache_add
    monkeypatch.setattr(single_flight, "cache_add", lambda key, *rest: keys.append(key) or real(key, *rest))
    lookups.order("anna@example.com \u2603" + "x" * 300, deadline=5)
    assert keys
    assert not any("anna" in key or len(key) > 200 for key in keys)


def test_what_an_event_says_has_changed_is_asked_again(erp):
    lookups.order("1001", deadline=5)
    lookups.forget("order", " 1001")
    assert lookups.order("1001", deadline=5).cache == "miss"


def test_a_dead_cache_does_not_stop_look_ups(erp, monkeypatch):
    class Dead:
        def __getattr__(self, name):
            def fail(*args, **kwargs):
                raise ConnectionError("redis is down")

            return fail

    monkeypatch.setattr(single_flight, "cache", Dead())
    assert lookups.order("1001", deadline=5).value.number == "S00041"
    assert lookups.order("1001", deadline=5).cache == "miss"
