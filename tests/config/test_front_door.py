"""The front door of a running installation: many at once, a back end that hangs, one id everywhere, real clients."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import requires_services
from tests.demo import DemoServer, wait_for

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoServer]:
    with DemoServer(WEB_PROCESSES="1", WEB_THREADS="8") as server:
        server.write("UPDATE gateway_client SET rate_per_minute = 100000")
        yield server


def header(reply, name: str) -> str | None:
    """Return a header whatever the case of its letters; None where it is absent."""
    return {each.lower(): value for each, value in reply.headers.items()}.get(name.lower())


def test_a_hundred_equal_captures_at_once_make_one_lead(demo: DemoServer):
    body = {"email": "at-once@example.com", "message": "Do you ship to Norway?"}

    def capture(_: int):
        return demo.api("POST", "/v1/leads", body, Idempotency_Key="one-message")

    with ThreadPoolExecutor(100) as pool:
        replies = list(pool.map(capture, range(100)))

    taken = [reply for reply in replies if reply.status != 409]
    assert {reply.status for reply in taken} == {201}
    assert len({reply.body["id"] for reply in taken}) == 1
    assert all(reply.body["created"] for reply in taken)
    assert sum(header(reply, "Idempotent-Replayed") is None for reply in taken) == 1
    assert {reply.body["code"] for reply in replies if reply.status == 409} <= {"idempotency_in_progress"}
    assert demo.rows("SELECT count(*) FROM leads_activity WHERE message = 'Do you ship to Norway?'") == [(1,)]
    assert demo.rows("SELECT count(*) FROM leads_lead WHERE email = 'at-once@example.com'") == [(1,)]
    assert header(capture(0), "Idempotent-Replayed") == "true"


def test_a_back_end_that_hangs_takes_half_the_threads_and_leads_are_taken(demo: DemoServer):
    demo.sandbox.fault(vendor="odoo", hang="before")
    started = time.monotonic()

    def ask(number: int):
        prompt = f"Where is my order S{number:05}? I am anna@example.com"
        return demo.api("POST", "/v1/query", {"prompt": prompt, "deadline_ms": 6_000}), time.monotonic() - started

    with ThreadPoolExecutor(30) as pool:
        asked = [pool.submit(ask, number) for number in range(700, 724)]
        wait_for(lambda: sum(one.done() for one in asked) >= 20, "questions that are put off")
        lead = demo.api("POST", "/v1/leads", {"email": "meanwhile@example.com"})
        still_open = sum(not one.done() for one in asked)
        replies = [one.result()[0] for one in asked]
    demo.sandbox.reset()

    assert lead.status == 201
    assert still_open == 4, "the lead was taken while half of the eight threads were held up"
    assert {reply.status for reply in replies} == {200}
    assert {reply.body["state"] for reply in replies} == {"unavailable"}
    put_off = [reply for reply in replies if reply.body["conversation_id"] is None]
    assert len(put_off) == 20


def test_a_request_has_one_id_in_the_answer_the_log_and_the_admin(demo: DemoServer):
    demo.sandbox.fault(vendor="odoo", status=500)
    reply = demo.api("GET", "/v1/inventory/NO-SUCH-1", X_Request_Id="order-desk-17")
    demo.sandbox.reset()

    assert header(reply, "X-Request-Id") == reply.body["request_id"] == "order-desk-17"
    wait_for(
        lambda: demo.rows("SELECT status FROM gateway_requestlog WHERE request_id = 'order-desk-17'"),
        "the request in the admin's log",
    )
    lines = [json.loads(line.partition("|")[2]) for line in demo.output if "lookup.failed" in line]
    assert "order-desk-17" in {line.get("request_id") for line in lines}


def test_an_id_that_is_none_is_replaced(demo: DemoServer):
    for sent in ("x" * 65, "a b", "ü", '"}'):
        reply = demo.call("GET", "/healthz", X_Request_Id=sent.encode().decode("latin-1"))
        assert len(header(reply, "X-Request-Id")) == 36


NODE = """
const send = (path, method, body, headers = {}) => fetch(process.env.BASE + path, {
  method, headers: {Authorization: `Bearer ${process.env.KEY}`, ...headers}, body: body && JSON.stringify(body)})
const lead = await send('/v1/leads', 'POST', {email: 'node@example.com', first_name: 'Nö'}, {'Idempotency-Key': 'n-1'})
const again = await send('/v1/leads', 'POST', {email: 'node@example.com', first_name: 'Nö'}, {'Idempotency-Key': 'n-1'})
const list = await send('/v1/leads?limit=1', 'GET')
const wrong = await send('/v1/leads', 'POST', {emial: 'x'})
console.log(JSON.stringify({
  lead: lead.status, again: again.headers.get('Idempotent-Replayed'), list: (await list.json()).results.length,
  wrong: [wrong.status, wrong.headers.get('Content-Type'), (await wrong.json()).code],
  gone: (await send('/v1/leads', 'DELETE')).status}))
"""


def test_nodes_own_fetch_understands_every_answer(demo: DemoServer):
    node = shutil.which("node")
    if node is None:
        reason = "There is no Node on this machine."
        pytest.fail(reason) if requires_services() else pytest.skip(reason)
    environment = {"BASE": demo.url, "KEY": demo.told["secret_key"]}
    done = subprocess.run(
        [node, "--input-type=module", "-e", NODE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "lead": 201,
        "again": "true",
        "list": 1,
        "wrong": [400, "application/problem+json", "validation_failed"],
        "gone": 405,
    }


def test_curl_sends_large_chunked_and_wrong_bodies_and_reads_a_problem(demo: DemoServer, tmp_path):
    body = tmp_path / "large.json"
    body.write_text(json.dumps({"email": "curl@example.com", "message": "x" * 2_000_000}))

    def curl(*arguments: str) -> tuple[str, dict]:
        command = ["curl", "-s", "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {demo.told['secret_key']}"]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=True)
        text, _, status = done.stdout.rpartition("\n")
        return status, json.loads(text)

    leads, json_type = f"{demo.url}/v1/leads", ("-H", "Content-Type: application/json")
    for extra in ((), ("-H", "Transfer-Encoding: chunked")):
        status, problem = curl(leads, *json_type, *extra, "--data-binary", f"@{body}")
        assert (status, problem["code"]) == ("413", "body_too_large")
    assert curl(leads, "-d", "email=curl@example.com")[1]["code"] == "unsupported_media_type"
    status, lead = curl(leads, *json_type, "-H", "Transfer-Encoding: chunked", "-d", '{"email": "curl@example.com"}')
    assert (status, lead["created"]) == ("201", True)
