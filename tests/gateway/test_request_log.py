import multiprocessing
import threading
from datetime import timedelta

import pytest

from gateway import request_log, services
from gateway.models import RequestLog
from runtime import clock
from tests.demo import wait_for

pytestmark = pytest.mark.db


def entry(**values):
    return request_log.Entry(
        **{
            "request_id": "r",
            "method": "GET",
            "route": "/x",
            "status": 200,
            "duration_ms": 1.0,
            "address": "",
            **values,
        }
    )


def test_a_call_is_one_row(call, bot, key):
    answer = call("/v1/notes")
    row = RequestLog.objects.get()
    assert (row.method, row.route, row.status, row.code) == ("GET", "/v1/notes", 200, "")
    assert (row.client, row.key_prefix, row.address) == (bot, key[0].prefix, "127.0.0.1")
    assert row.request_id == answer["X-Request-Id"]
    assert row.duration_ms > 0
    assert row.request_body == row.response_body == ""


def test_a_refused_call_keeps_its_bodies_scrubbed(call, key):
    call("/v1/notes", {"email": "jane.doe@example.com x", "password": "hunter22", "note": f"my key is {key[1]}"})
    row = RequestLog.objects.get()
    assert (row.status, row.code) == (400, "validation_failed")
    for secret in ("jane.doe", "hunter22", key[1], key[1][12:]):
        assert secret not in row.request_body + row.response_body
    assert "Unknown field" in row.response_body


def test_a_call_that_went_well_keeps_no_bodies(call):
    assert call("/v1/notes", {"email": "jane.doe@example.com"}).status_code == 201
    assert RequestLog.objects.get().request_body == ""


def test_while_a_client_is_logged_whole_its_calls_keep_their_bodies_without_personal_data(call, bot, key, later):
    services.client_log_whole(client=bot)
    private = {"attributes": {"said": "I am Jane Doe"}, "answer": "Dear Jane Doe", "message": "Jane Doe asks"}
    call("/v1/broken", {**private, "phone": "+49 30 901820", "token": "hunter22", "k": key[1], "channel": "chat"})
    call("/v1/notes?note=jane.doe@example.com&limit=7&search=Jane%20Doe")
    posted, asked = RequestLog.objects.order_by("pk")
    kept = "".join([posted.request_body, posted.response_body, asked.request_body, asked.response_body])
    assert (posted.status, asked.status) == (200, 200)
    assert '"channel":"chat"' in posted.request_body
    assert '"channel":"chat"' in posted.response_body
    assert "limit=7" in asked.request_body
    for secret in ("Jane", "jane.doe", "901820", "hunter22", key[1][12:]):
        assert secret not in kept

    later(hours=1, seconds=1)
    call("/v1/broken", {"channel": "chat"})
    assert RequestLog.objects.latest("pk").request_body == ""


def test_logging_whole_ends_when_it_is_told_to_and_is_for_one_client(call, bot):
    services.client_log_whole(client=bot)
    other = services.key_create(client=services.client_create(name="Other")[0])[1]
    call("/v1/broken", {"channel": "chat"}, secret=other)
    services.client_log_whole(client=bot, hours=0)
    call("/v1/broken", {"channel": "chat"})
    assert {row.request_body for row in RequestLog.objects.all()} == {""}


def test_a_malformed_body_is_scrubbed_too(call, key):
    call("/v1/notes", f'{{"email": "jane.doe@example.com", "k": "{key[1]}"'.encode())
    row = RequestLog.objects.get()
    assert row.request_body
    assert "jane.doe" not in row.request_body
    assert key[1][12:] not in row.request_body


def test_bodies_are_cut(call):
    call("/v1/notes", {"note": "word " * 10_000})
    assert len(RequestLog.objects.get().request_body) <= request_log.LONGEST_BODY


def test_strangers_leave_no_bodies(call):
    call("/v1/notes", {"email": "x"}, secret="nobody")
    row = RequestLog.objects.get()
    assert row.code == "token_invalid"
    assert row.client is None
    assert row.request_body == row.response_body == ""


def test_addresses_are_logged_as_patterns(call, key):
    call(f"/v1/{key[1]}/jane@example.com?x={key[1]}")
    assert RequestLog.objects.get().route == ""


def test_health_checks_and_pages_are_not_calls(call):
    for path in ("/healthz", "/readyz", "/", "/docs/problems"):
        call(path)
    assert not RequestLog.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_deleted_client_loses_its_name_not_its_rows(bot):
    gone = services.client_create(name="Gone")[0]
    entries = [entry(client_id=gone.pk), entry(client_id=bot.pk)]
    gone.delete()
    request_log.write(entries)
    assert set(RequestLog.objects.values_list("client_id", flat=True)) == {None, bot.pk}


@pytest.mark.django_db(transaction=True)
def test_the_writer_writes_by_itself_and_at_the_end(bot):
    writer = request_log.Writer()
    writer.put(entry(client_id=bot.pk))
    wait_for(RequestLog.objects.exists, "a line written")
    for _ in range(1200):
        writer.put(entry())
    writer.stop()
    assert RequestLog.objects.count() == 1201
    assert writer.dropped == 0


def _leave_one_call(path):
    request_log.write = lambda batch: path.write_text(str(len(batch)))
    request_log.Writer().put(entry())


def test_the_last_calls_of_a_server_process_are_written(tmp_path):
    """Web servers run their workers by multiprocessing, which ends them without `atexit`."""
    process = multiprocessing.get_context("fork").Process(target=_leave_one_call, args=(tmp_path / "written",))
    process.start()
    process.join(timeout=60)
    assert (tmp_path / "written").read_text() == "1"


def test_a_full_writer_drops_and_counts_and_never_waits(monkeypatch):
    monkeypatch.setattr(request_log, "write", lambda batch: None)
    writer = request_log.Writer(capacity=10)
    writer._thread = threading.Thread()  # nobody empties it
    for _ in range(15):
        writer.put(entry())
    assert writer.dropped == 5


@pytest.mark.django_db(transaction=True)
def test_the_writer_outlives_a_failure(monkeypatch):
    writer = request_log.Writer()
    real = request_log.write

    def fail_once(batch):
        monkeypatch.setattr(request_log, "write", real)
        raise RuntimeError("no database")

    monkeypatch.setattr(request_log, "write", fail_once)
    writer.put(entry())
    wait_for(lambda: writer.dropped, "a failure noticed")
    writer.put(entry())
    writer.stop()
    assert writer.dropped == 1
    assert RequestLog.objects.count() == 1


def test_pruning_keeps_what_is_young(bot):
    now = clock.db_now()
    request_log.write([entry(at=now - timedelta(days=31)) for _ in range(1500)] + [entry(at=now - timedelta(days=29))])
    assert services.prune_request_log(days=30) == 1500
    assert RequestLog.objects.count() == 1
