from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from integrations.sandbox.server import Sandbox
from tests.integrations.sandbox.client import HUBSPOT, UPSERT, Client, eventually

ROOT = Path(__file__).parents[3]


@contextmanager
def program(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "integrations.sandbox", "--port", "0", "--data", str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line.startswith("sandbox ready on http://127.0.0.1:")
        yield process, line.rpartition(" ")[2]
    finally:
        process.kill()
        process.wait()


def upsert(url: str, email: str) -> httpx2.Response:
    inputs = [{"id": email, "idProperty": "email", "properties": {}}]
    return httpx2.post(f"{url}{UPSERT}", json={"inputs": inputs}, headers=HUBSPOT, trust_env=False, timeout=60)


def test_program_stops_at_once_even_while_a_request_hangs(tmp_path: Path) -> None:
    with program(tmp_path / "sandbox.sqlite3") as (process, url):
        httpx2.post(f"{url}/_faults", json={"hang": True}, trust_env=False, timeout=60)
        host, port = url.removeprefix("http://").split(":")
        hanging = subprocess.Popen(
            [sys.executable, "-c", f"import urllib.request as u; u.urlopen('http://{host}:{port}/hubspot/x')"],
            stderr=subprocess.DEVNULL,
        )
        requests = f"{url}/_requests"
        assert eventually(lambda: bool(httpx2.get(requests, trust_env=False, timeout=60).json()["requests"]))
        process.send_signal(signal.SIGTERM)
        # The request would hang for ever, and its client waits as long.
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
        hanging.wait(timeout=60)


def test_answered_writes_survive_a_kill(tmp_path: Path) -> None:
    with program(tmp_path / "sandbox.sqlite3") as (process, url):
        assert upsert(url, "anna@example.com").status_code == 200
        process.send_signal(signal.SIGKILL)
        process.wait()
    with program(tmp_path / "sandbox.sqlite3") as (_, url):
        assert upsert(url, "anna@example.com").json()["results"][0]["new"] is False
        effects = httpx2.get(f"{url}/_effects?after=1", trust_env=False, timeout=60).json()
        assert [effect["operation"] for effect in effects["effects"]] == ["update"]


def test_taken_port_is_said_plainly(client: Client, tmp_path: Path) -> None:
    port = client.sandbox.url.rpartition(":")[2]
    command = [sys.executable, "-m", "integrations.sandbox", "--port", port, "--data", str(tmp_path / "s.sqlite3")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"can't listen on 127.0.0.1:{port}" in done.stderr


def test_sandbox_imports_nothing_of_the_project_nor_beyond_the_standard_library() -> None:
    code = (
        "import sys, integrations.sandbox.__main__;"
        "print([name for name in sys.modules if name.partition('.')[0] not in sys.stdlib_module_names"
        " and not name.startswith(('integrations.sandbox', '__'))])"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['integrations']"


def test_reset_clears_everything_and_fills_it_again(client: Client) -> None:
    client.upsert("anna@example.com")
    client.odoo("crm.lead", "create", vals_list=[{"name": "x"}])
    client.dial(status=503)

    assert client.http.post("/_reset").status_code == 204

    assert client.http.get("/_effects").json() == {"effects": [], "last": 0}
    assert client.http.get("/_state/hubspot/contacts").json() == {"count": 0, "rows": []}
    assert client.http.get("/_state/odoo/crm.lead").json()["count"] == 0
    assert client.http.get("/_state/odoo/sale.order").json()["count"] == 6
    assert client.http.get("/_faults").json() == {"faults": []}
    assert client.upsert("anna@example.com").json()["results"][0]["id"] == "101"


def test_state_of_something_unknown_is_404(client: Client) -> None:
    assert client.http.get("/_state/hubspot/deals").status_code == 404
    assert client.http.get("/_state/acme/contacts").status_code == 404
    assert client.http.get("/elsewhere").status_code == 404


def test_request_log_has_no_header_values_bodies_or_queries(client: Client) -> None:
    client.hubspot("GET", "/crm/v3/objects/contacts?properties=secret")
    log = client.http.get("/_requests")
    [line] = log.json()["requests"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/hubspot/crm/v3/objects/contacts", 200)
    assert "pat-sandbox" not in log.text
    assert "secret" not in log.text
    assert client.http.get("/_requests", params={"after": line["seq"]}).json()["requests"] == []


def test_request_log_keeps_the_last_thousand(client: Client) -> None:
    for _ in range(1005):
        client.sandbox.state.note_request("GET", "/x")
    lines = client.http.get("/_requests").json()["requests"]
    assert len(lines) == 1000
    client.http.post("/_reset")


def test_page_escapes_what_vendors_hold(client: Client) -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x>"
    client.upsert("anna@example.com", firstname=hostile, message="é 😀 שלום")
    client.odoo("crm.lead", "create", vals_list=[{"name": hostile, "contact_name": hostile}])
    client.http.get(f"/hubspot/{hostile}")
    client.dial(body=hostile, path="/nowhere")

    page = client.http.get("/")

    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_page_shows_contacts_orders_stock_and_refreshes_only_when_asked(client: Client) -> None:
    client.upsert("first@example.com")
    client.upsert("second@example.com")
    page, live = client.http.get("/").text, client.http.get("/?live=1").text

    assert page.index("second@example.com") < page.index("first@example.com")
    assert "S00041" in page
    assert "MUG-RED" in page
    assert "http-equiv" not in page
    assert '<meta http-equiv="refresh" content="5">' in live


def test_page_form_sets_and_clears_dials(client: Client) -> None:
    form = {"vendor": "hubspot", "preset": "down", "share": "50", "count": "3"}
    assert client.http.post("/_faults", data=form).status_code == 303
    [dial] = client.http.get("/_faults").json()["faults"]
    assert (dial["status"], dial["share"], dial["count"], dial["vendor"]) == (503, 0.5, 3, "hubspot")
    form_type = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.http.post(f"/_faults/{dial['id']}/clear", headers=form_type).status_code == 303
    assert client.http.get("/_faults").json() == {"faults": []}


def test_another_sites_page_may_not_turn_dials(client: Client) -> None:
    body = json.dumps({"status": 503})
    foreign = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
    rebound = {"Origin": "http://evil.example:1", "Host": "evil.example:1"}
    for headers in (foreign, rebound):
        assert client.http.post("/_faults", content=body, headers=headers).status_code == 403
        assert client.http.post("/_reset", headers=headers).status_code == 403
    own = {"Origin": client.sandbox.url}
    assert client.http.post("/_faults", content=body, headers=own).status_code == 201


def test_body_above_the_limit_is_refused_and_the_connection_closed(client: Client) -> None:
    connection = client.raw(headers="Content-Length: 99999999\r\n")
    answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"Connection: close" in answer
    connection.close()


def test_connection_is_kept_for_many_requests(client: Client) -> None:
    connection = client.raw()
    connection.recv(65_536)
    connection.sendall(b"GET /_health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b'{"status":"ok"}' in connection.recv(65_536)
    connection.close()


def test_two_sandboxes_hold_different_things() -> None:
    with Sandbox() as one, Sandbox() as other:
        upsert(one.url, "anna@example.com")
        assert httpx2.get(f"{other.url}/_state/hubspot/contacts", trust_env=False, timeout=60).json()["count"] == 0
