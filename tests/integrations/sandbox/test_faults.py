from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import httpx2
import pytest

from integrations.sandbox.server import Sandbox
from tests.integrations.sandbox.client import HUBSPOT, UPSERT, Client, eventually


def outcomes(client: Client) -> list[str]:
    return [line["outcome"] for line in client.http.get("/_requests").json()["requests"]]


def test_status_dial_answers_without_effect_until_its_count_is_used_up(client: Client) -> None:
    client.dial(vendor="hubspot", status=503, retry_after="7", body="<h1>down</h1>", count=2)

    replies = [client.upsert("anna@example.com") for _ in range(3)]

    assert [reply.status_code for reply in replies] == [503, 503, 200]
    assert (replies[0].headers["Retry-After"], replies[0].text) == ("7", "<h1>down</h1>")
    assert client.effects() == [("create", "anna@example.com")]
    assert client.http.get("/_faults").json() == {"faults": []}


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2026 07:28:00 GMT", "soon", "-5", "9" * 40])
def test_retry_after_is_sent_as_it_was_given(client: Client, value: str) -> None:
    client.dial(status=429, retry_after=value)
    assert client.upsert("anna@example.com").headers["Retry-After"] == value


def test_status_dial_speaks_the_vendors_form(client: Client) -> None:
    client.dial(status=500)
    assert client.upsert("anna@example.com").json()["category"] == "INTERNAL_ERROR"
    assert client.odoo("sale.order", "search_read").json()["name"] == "werkzeug.exceptions.InternalServerError"


def test_dials_that_decide_play_out_one_after_another(client: Client) -> None:
    client.dial(status=401, count=1)
    client.dial(status=503, count=2)
    client.dial(garbage=True, count=1)

    replies = [client.upsert("anna@example.com") for _ in range(5)]

    assert [reply.status_code for reply in replies] == [401, 503, 503, 200, 200]
    with pytest.raises(UnicodeDecodeError):
        replies[3].json()
    assert replies[4].json()["results"][0]["new"] is False


def test_dial_reaches_only_its_vendor_and_path(client: Client) -> None:
    client.dial(vendor="hubspot", path="/crm/v3/properties", status=503)
    client.dial(vendor="*", path="*/crm.lead/*", status=502)

    assert client.hubspot("GET", "/crm/v3/properties/contacts").status_code == 503
    assert client.upsert("anna@example.com").status_code == 200
    assert client.odoo("crm.lead", "search_read").status_code == 502
    assert client.odoo("sale.order", "search_read").status_code == 200


def test_share_with_a_seed_hits_the_same_requests_each_time(client: Client) -> None:
    def run() -> list[int]:
        client.http.delete("/_faults")
        client.dial(status=503, share=0.5, seed=7)
        return [client.hubspot("GET", "/account-info/v3/details").status_code for _ in range(20)]

    first = run()
    assert 3 < first.count(503) < 17
    assert run() == first


def test_delays_add_up(client: Client) -> None:
    client.dial(delay_ms=60)
    client.dial(delay_ms=60)
    begin = time.monotonic()
    client.upsert("anna@example.com")
    assert time.monotonic() - begin >= 0.12


def test_hanging_request_goes_on_when_the_dial_is_cleared(client: Client) -> None:
    dial_id = client.dial(hang=True, count=1)
    connection = client.raw()
    assert eventually(lambda: client.http.get("/_faults").json()["faults"][0]["taken"] == 1)
    assert client.effects() == []

    client.http.delete(f"/_faults/{dial_id}")

    assert connection.recv(15) == b"HTTP/1.1 200 OK"
    assert client.effects() == [("create", "raw@example.com")]
    connection.close()


def test_hanging_request_is_forgotten_when_the_client_goes(client: Client) -> None:
    client.dial(hang=True)
    client.raw().close()
    assert eventually(lambda: outcomes(client) == ["hung"])
    assert client.effects() == []


@pytest.mark.parametrize("dial", [{"hang": True}, {"delay_ms": 300}])
def test_request_from_before_a_reset_changes_nothing_after_it(client: Client, dial: dict[str, Any]) -> None:
    client.dial(**dial, count=1)
    connection = client.raw()
    assert eventually(lambda: outcomes(client) == ["open"])

    client.http.post("/_reset")

    assert connection.recv(1) == b""
    assert client.effects() == []
    connection.close()


def test_hang_after_has_done_the_work(client: Client) -> None:
    client.dial(hang="after")
    connection = client.raw()
    assert eventually(lambda: client.effects() == [("create", "raw@example.com")])
    connection.settimeout(0.2)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    connection.close()


@pytest.mark.parametrize(("when", "effects"), [("before", []), ("after", [("create", "raw@example.com")])])
def test_reset_drops_the_connection_and_has_or_has_not_applied_the_effect(
    client: Client, when: str, effects: list[tuple[str, str]]
) -> None:
    client.dial(reset=when, count=1)
    connection = client.raw()
    with pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert client.effects() == effects
    assert client.http.get("/_requests").json()["requests"][-1]["status"] is None


def test_dripped_answer_arrives_whole_and_slowly(client: Client) -> None:
    client.dial(drip={"bytes_per_second": 2000})
    begin = time.monotonic()
    reply = client.upsert("anna@example.com")
    assert reply.json()["status"] == "COMPLETE"
    assert time.monotonic() - begin > 0.2


def test_dripping_ends_when_the_dial_is_cleared(client: Client) -> None:
    dial_id = client.dial(drip={"bytes_per_second": 1}, count=1)
    connection = client.raw()
    begin = time.monotonic()
    assert connection.recv(1) == b"H"
    client.http.delete(f"/_faults/{dial_id}")
    assert eventually(lambda: b"TraceId" in connection.recv(65_536))
    assert time.monotonic() - begin < 60
    connection.close()


def test_huge_answer_has_the_size_asked_for(client: Client) -> None:
    client.dial(huge=3_000_000, count=1)
    reply = client.upsert("anna@example.com")
    assert len(reply.content) == 3_000_000
    assert reply.json()["padding"].startswith("aaa")
    assert client.upsert("anna@example.com").json()["status"] == "COMPLETE"


def test_batch_conflict_spares_the_batch_of_one(client: Client) -> None:
    client.dial(batch_conflict=True)
    assert client.upsert("a@example.com", "b@example.com").status_code == 409
    assert client.upsert("a@example.com").status_code == 200
    assert client.effects() == [("create", "a@example.com")]


def test_partial_fails_the_named_contacts_only(client: Client) -> None:
    client.dial(partial={"emails": ["b@example.com"]})
    reply = client.upsert("a@example.com", "B@example.com", "c@example.com")

    assert reply.status_code == 207
    assert reply.json()["errors"][0]["context"]["objectWriteTraceId"] == ["trace-1"]
    assert client.effects() == [("create", "a@example.com"), ("create", "c@example.com")]


def test_partial_share_fails_about_that_many(client: Client) -> None:
    client.dial(partial={"share": 0.3, "category": "RATE_LIMITS"}, seed=3)
    reply = client.upsert(*(f"u{number}@example.com" for number in range(100)))
    assert 15 < reply.json()["numErrors"] < 45
    assert reply.json()["errors"][0]["category"] == "RATE_LIMITS"
    assert len(client.effects()) == 100 - reply.json()["numErrors"]


@pytest.mark.parametrize(
    ("when", "has_effect", "has_answer"),
    [("received", False, False), ("committed", True, False), ("answered", True, True)],
)
def test_kill_ends_the_process_at_that_moment(client: Client, when: str, has_effect: bool, has_answer: bool) -> None:
    """The killed process is the client itself, as in a crash test of a worker."""
    code = f"""
import sys, time, httpx2
sys.stdin.readline()
body = {{"inputs": [{{"id": "k@example.com", "idProperty": "email", "properties": {{}}}}]}}
reply = httpx2.post("{client.sandbox.url}{UPSERT}", json=body, headers={HUBSPOT!r}, trust_env=False, timeout=60)
print(reply.status_code, flush=True)
time.sleep(60)
"""
    worker = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    # Until the process is killed at "answered" it has a moment to read the answer; the effect is what counts.
    client.dial(kill={"pid": worker.pid, "when": when})
    output, _ = worker.communicate("go\n", timeout=120)

    assert worker.returncode == -signal.SIGKILL
    assert client.effects() == ([("create", "k@example.com")] if has_effect else [])
    assert output.strip() in (("", "200") if has_answer else ("",))


def test_kill_refuses_processes_of_nobody(client: Client) -> None:
    for pid in (1, 0, -1, 2**22 + 5):
        reply = client.http.post("/_faults", json={"kill": {"pid": pid, "when": "received"}})
        assert (reply.status_code, reply.json()["field"]) == (400, "kill")


def test_kill_is_refused_where_others_can_reach_the_sandbox() -> None:
    spec = {"kill": {"pid": os.getpid(), "when": "received"}}
    with Sandbox(host="0.0.0.0") as sandbox:  # noqa: S104 - what is tested
        port = sandbox.url.rpartition(":")[2]
        reply = httpx2.post(f"http://127.0.0.1:{port}/_faults", json=spec, trust_env=False)
    assert (reply.status_code, reply.json()["field"]) == (400, "kill")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"colour": 1}, "colour"),
        ({"vendor": "acme"}, "vendor"),
        ({"status": "503"}, "status"),
        ({"status": 99}, "status"),
        ({"share": 1.5}, "share"),
        ({"share": True}, "share"),
        ({"count": 0}, "count"),
        ({"delay_ms": -1}, "delay_ms"),
        ({"reset": "sometimes"}, "reset"),
        ({"hang": 3}, "hang"),
        ({"retry_after": "7\r\nX: y"}, "retry_after"),
        ({"drip": {"bytes": 3}}, "drip"),
        ({"partial": {}}, "partial"),
        ({"rate_limit": {"requests": 5}}, "rate_limit"),
        ({"kill": {"pid": os.getpid(), "when": "later"}}, "kill"),
        ([], "dial"),
    ],
)
def test_wrong_dial_is_refused_by_name(client: Client, spec: Any, field: str) -> None:
    reply = client.http.post("/_faults", json=spec)
    assert (reply.status_code, reply.json()["field"]) == (400, field)
    assert field in reply.json()["error"]
    assert client.http.get("/_faults").json() == {"faults": []}


def test_dials_are_listed_and_cleared(client: Client) -> None:
    first, second = client.dial(status=503, count=5), client.dial(delay_ms=5)

    listed = client.http.get("/_faults").json()["faults"]
    assert listed[0] == {"id": first, "status": 503, "count": 5, "taken": 0, "left": 5}
    assert client.http.delete(f"/_faults/{second}").status_code == 204
    assert client.http.delete(f"/_faults/{second}").status_code == 404
    assert client.http.delete("/_faults").status_code == 204
    assert client.http.get("/_faults").json() == {"faults": []}


def test_dials_never_reach_the_sandboxs_own_pages(client: Client) -> None:
    client.dial(status=503)
    assert [client.http.get(path).status_code for path in ("/_health", "/", "/_effects")] == [200, 200, 200]


def test_concurrent_upserts_of_one_contact_make_one(client: Client) -> None:
    client.dial(delay_ms=20)
    created: list[bool] = []

    def run() -> None:
        with httpx2.Client(base_url=client.sandbox.url, trust_env=False, timeout=60) as http:
            inputs = [{"id": "one@example.com", "idProperty": "email", "properties": {}}]
            for _ in range(5):
                reply = http.post(UPSERT, json={"inputs": inputs}, headers=HUBSPOT)
                created.append(reply.json()["results"][0]["new"])

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(created), created.count(True)) == (40, 1)
    assert client.http.get("/_state/hubspot/contacts").json()["count"] == 1
