import threading
import time
from datetime import timedelta

import pytest
from django.db import connection

from gateway import services
from gateway.models import Client, IdempotentResult
from runtime import clock
from tests.gateway.test_problems import assert_problem

pytestmark = pytest.mark.db


def made():
    return Client.objects.filter(name="made").count()


def test_the_same_again_gets_the_same_answer(call):
    first = call("/v1/once", {"a": 1}, HTTP_IDEMPOTENCY_KEY="k1")
    again = call("/v1/once", {"a": 1}, HTTP_IDEMPOTENCY_KEY="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert made() == 1


def test_another_body_is_refused(call):
    call("/v1/once", {"a": 1}, HTTP_IDEMPOTENCY_KEY="k1")
    assert_problem(call("/v1/once", {"a": 2}, HTTP_IDEMPOTENCY_KEY="k1"), 422, "idempotency_key_reused")
    assert made() == 1


def test_without_a_key_each_request_counts(call):
    call("/v1/once", {"a": 1})
    call("/v1/once", {"a": 1})
    assert made() == 2
    assert not IdempotentResult.objects.exists()


def test_keys_belong_to_their_client(call):
    other = services.key_create(client=services.client_create(name="Other")[0])[1]
    first = call("/v1/once", {"a": 1}, HTTP_IDEMPOTENCY_KEY="k1")
    theirs = call("/v1/once", {"b": 2}, HTTP_IDEMPOTENCY_KEY="k1", secret=other)
    assert theirs.status_code == 201
    assert first.json() != theirs.json()


@pytest.mark.parametrize("sent", ["", " ", "a b", "ü", "x" * 256, "a\x7f"])
def test_a_key_that_is_none_is_refused(call, sent):
    assert_problem(call("/v1/once", {}, HTTP_IDEMPOTENCY_KEY=sent), 400, "idempotency_key_invalid")


@pytest.mark.parametrize("sent", ["x", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "!~"])
def test_visible_ascii_is_a_key(call, sent):
    assert call("/v1/once", {}, HTTP_IDEMPOTENCY_KEY=sent).status_code == 201


def test_after_a_day_the_key_is_free_again(call):
    first = call("/v1/once", {"a": 1}, HTTP_IDEMPOTENCY_KEY="k1")
    clock.offset = timedelta(hours=24, seconds=1)
    again = call("/v1/once", {"a": 2}, HTTP_IDEMPOTENCY_KEY="k1")
    assert again.status_code == 201
    assert again.json() != first.json()
    assert IdempotentResult.objects.count() == 1


def together(call, path, count, delay=0.0):
    """Send equal requests at once from threads; return the answers."""
    answers = [None] * count
    start = threading.Barrier(count)

    def send(place):
        try:
            start.wait(timeout=60)
            time.sleep(delay * place)
            answers[place] = call(path, {"a": 1}, HTTP_IDEMPOTENCY_KEY="race")
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return answers


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_have_one_effect(call):
    answers = together(call, "/v1/once", 10)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert sum("Idempotent-Replayed" not in answer for answer in answers if answer.status_code == 201) == 1
    assert made() == 1


@pytest.mark.postgresql  # SQLite has one writer at a time: a twin waits for its turn to write, not for the row.
@pytest.mark.django_db(transaction=True)
def test_a_twin_waits_two_seconds_then_says_so(call):
    started = time.monotonic()
    # Whichever of them came first.
    first, twin = sorted(together(call, "/v1/slow-once", 2, delay=0.3), key=lambda answer: answer.status_code)
    assert first.status_code == 201
    assert_problem(twin, 409, "idempotency_in_progress")
    assert twin["Retry-After"] == "1"
    assert time.monotonic() - started < 30
    assert made() == 1
