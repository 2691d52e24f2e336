import json
import threading
from datetime import timedelta

import pytest
from django.db import connection
from rest_framework.test import APIClient

from runtime import events
from runtime.models import Event
from tests.factories import InboundEventFactory, SourceFactory
from webhooks import jobs
from webhooks.models import InboundEvent, Source
from webhooks.services import inbound_event_receive, inbound_event_send_again, source_create

GUIDE = {"event": "order_shipped", "customer_id": "12345", "tracking_number": "XYZ-987"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def token():
    return source_create(name="Shop")[1]


def send(token, body, **headers):
    raw = body if isinstance(body, (bytes, str)) else json.dumps(body)
    headers.setdefault("content_type", "application/json")
    return APIClient().generic("POST", f"/v1/webhooks/in/{token}", raw, **headers)


def process():
    for event in InboundEvent.objects.all():
        jobs.run(str(event.pk))


@pytest.mark.db
def test_the_guides_event_is_stored_and_becomes_a_domain_event(token):
    answer = send(token, GUIDE)

    stored = InboundEvent.objects.get()
    assert answer.status_code == 202
    assert answer.json() == {"id": str(stored.pk), "duplicate": False}
    assert (stored.state, stored.type, json.loads(stored.body)) == ("waiting", "order_shipped", GUIDE)

    process()

    stored.refresh_from_db()
    published = Event.objects.get()
    assert (stored.state, stored.type, stored.event_id) == ("processed", "order.shipped", published.pk)
    assert (published.type, published.data["tracking_number"]) == ("order.shipped", "XYZ-987")


@pytest.mark.db
def test_the_same_event_again_is_counted_and_not_processed_twice(token):
    first = send(token, GUIDE)
    process()
    second = send(token, GUIDE)
    process()

    assert second.status_code == 202
    assert second.json() == {"id": first.json()["id"], "duplicate": True}
    assert InboundEvent.objects.get().times_received == 2
    assert Event.objects.count() == 1


def test_a_resent_event_is_known_by_its_id_even_if_its_text_differs(token):
    send(token, {**GUIDE, "sent_at": 1}, HTTP_WEBHOOK_ID="msg_1")
    answer = send(token, {**GUIDE, "sent_at": 2}, HTTP_WEBHOOK_ID="msg_1")

    assert answer.json()["duplicate"] is True


def test_two_sources_may_use_the_same_id(token):
    send(token, GUIDE, HTTP_WEBHOOK_ID="msg_1")
    answer = send(source_create(name="Other")[1], GUIDE, HTTP_WEBHOOK_ID="msg_1")

    assert answer.json()["duplicate"] is False


def test_an_unknown_or_switched_off_address_is_not_found(token):
    Source.objects.update(is_active=False)

    for text in (token, "whin_unknown", "x" * 2_000, "ä"):
        answer = send(text, GUIDE)
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
        assert text not in answer.content.decode()
    assert not InboundEvent.objects.exists()


def test_only_the_tokens_digest_is_kept(token):
    source = Source.objects.get()

    assert token not in json.dumps(list(Source.objects.values()), default=str)
    assert len(source.token_digest) == 64
    assert repr(token) == "***"


@pytest.mark.parametrize(
    "body", ["", "{", "event=order_shipped", b"\xff\xfe", '{"a": NaN}', '{"a":1,"a":2}', "[" * 100_000]
)
def test_what_is_not_json_is_refused_and_not_stored(token, body):
    answer = send(token, body)

    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed_json"
    assert not InboundEvent.objects.exists()


def test_a_body_that_is_too_large_is_refused(token):
    answer = send(token, {"event": "x", "text": "x" * 256 * 1024})

    assert answer.status_code == 413
    assert not InboundEvent.objects.exists()


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
def test_the_declared_type_does_not_matter(token, content_type):
    assert send(token, GUIDE, content_type=content_type).status_code == 202


def test_a_key_is_neither_needed_nor_looked_at(token):
    assert send(token, GUIDE, HTTP_AUTHORIZATION="Bearer nonsense").status_code == 202
    answer = APIClient().get(f"/v1/webhooks/in/{token}")
    assert (answer.status_code, answer["Allow"]) == (405, "POST"), "as the API is described"


@pytest.mark.parametrize("body", [[GUIDE], '"text"', None, {"customer_id": "1"}])
def test_an_event_without_a_name_waits_for_a_person(token, body):
    send(token, body)
    process()

    stored = InboundEvent.objects.get()
    assert stored.state == "needs_you"
    assert stored.reason
    assert not Event.objects.exists()


@pytest.mark.db
def test_a_failure_is_tried_again_later_and_then_shown(token, monkeypatch, later):
    def broken(*args, **kwargs):
        raise RuntimeError("anna@example.com must not be repeated")

    send(token, GUIDE)
    with monkeypatch.context() as patched:
        patched.setattr(events, "publish", broken)
        process()
        stored = InboundEvent.objects.get()
        assert (stored.state, stored.tries) == ("waiting", 1)
        assert "RuntimeError" in stored.reason
        assert "anna" not in stored.reason
        process()
        assert InboundEvent.objects.get().tries == 1  # it isn't due yet
        for _ in range(jobs.MOST_TRIES):
            later(hours=2)
            process()
    assert InboundEvent.objects.get().state == "needs_you"

    assert inbound_event_send_again(event=stored)
    process()
    assert InboundEvent.objects.get().state == "processed"


@pytest.mark.db
def test_nothing_is_published_by_a_worker_that_lost_its_lease(token, later):
    send(token, GUIDE)
    [slow] = InboundEvent.objects.all().claim()
    later(minutes=2)
    [fast] = InboundEvent.objects.all().claim()

    jobs.inbound_event_process(slow)
    assert not Event.objects.exists()
    jobs.inbound_event_process(fast)

    assert Event.objects.count() == 1


def test_a_processed_event_can_be_processed_again_and_a_waiting_one_not(token):
    send(token, GUIDE)
    assert not inbound_event_send_again(event=InboundEvent.objects.get())
    process()

    assert inbound_event_send_again(event=InboundEvent.objects.get())
    process()

    assert Event.objects.count() == 2


def test_what_is_due_is_listed_for_the_workers():
    waiting = InboundEventFactory()
    InboundEventFactory(state="processed")

    assert jobs.look(waiting.due_at, 10).due == [str(waiting.pk)]
    assert jobs.look(waiting.due_at - timedelta(seconds=1), 10).next_at == waiting.due_at


@pytest.mark.db
@pytest.mark.django_db(transaction=True)
def test_the_same_event_at_once_is_stored_once():
    source = SourceFactory()
    raw = json.dumps(GUIDE).encode()
    duplicates, failures = [], []
    start = threading.Barrier(6)

    def receive():
        start.wait()
        try:
            duplicates.append(inbound_event_receive(source=source, raw=raw)[1])
        except Exception as err:  # noqa: BLE001 (shown by the assertion below)
            failures.append(err)
        finally:
            connection.close()

    threads = [threading.Thread(target=receive) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert sorted(duplicates) == [False, True, True, True, True, True]
    assert InboundEvent.objects.get().times_received == 6
