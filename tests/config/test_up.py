"""`manage.py up --demo` as a new user meets it."""

import base64
import http.cookiejar
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tests.demo import ROOT, STOP_SECONDS, DemoServer, manage, wait_for
from tests.ports import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

# Looking at the process table and leaving the interpreter take a moment on a busy machine.
SLACK_SECONDS = 10.0
PRIVATE = 0o077


@pytest.fixture(scope="module")
def server():
    # Some shells export HOST; it must not open the demo to others. The short lease is for what a killed worker held.
    with DemoServer(from_nothing=True, HOST="0.0.0.0", JOB_LEASE_SECONDS="10") as demo:  # noqa: S104
        yield demo


@pytest.fixture
def demo(server):
    """The demo, running; a test may stop or kill it."""
    if not server.processes():
        server.start()
    return server


@pytest.fixture(scope="module")
def printed(server):
    """The printed curl lines, run by a shell exactly as they stand; the answers by their path."""
    lines = [line for line in server.output if line.startswith("curl ")]
    answers = {}
    for line in lines:
        done = subprocess.run(["bash", "-c", line], env=server.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done
        path = re.search(r"http://[^/]+(/v1/[a-z]+)", line).group(1)
        answers[path] = json.loads(done.stdout)
    return answers


def test_demo_json_holds_everything_and_only_its_owner_reads_it(demo):
    told = demo.told

    assert {
        *("url", "admin_user", "admin_password", "secret_key"),
        *("publishable_key", "client_id", "client_secret", "sandbox_url"),
    } <= told.keys()
    assert all(isinstance(value, str) and value for value in told.values())
    assert told["url"] == demo.url
    assert stat.S_IMODE((demo.data_dir / "demo.json").stat().st_mode) == 0o600


def test_everything_it_writes_is_private(demo, printed):
    open_to_others = [
        path for path in [demo.data_dir, *demo.data_dir.rglob("*")] if stat.S_IMODE(path.stat().st_mode) & PRIVATE
    ]

    assert not open_to_others


def test_the_screen_shows_where_to_go_and_with_which_keys(demo):
    said = "\n".join(demo.output)

    for name in ("admin_password", "secret_key", "publishable_key", "sandbox_url"):
        assert demo.told[name] in said
    assert f"{demo.url}/admin/" in said
    assert f"{demo.url}/demo/chat" in said
    assert len([line for line in demo.output if line.startswith("curl ")]) == 3


def test_nothing_frightening_is_printed_on_the_way(demo):
    assert not [line for line in demo.output if re.search(r"error|warning|traceback", line, re.IGNORECASE)]


def test_only_this_machine_can_reach_it(demo):
    ports = {demo.port, int(demo.told["sandbox_url"].rpartition(":")[2])}
    addresses = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if line.split()[3] == "0A":
                addresses.setdefault(int(port, 16), set()).add(address)

    assert {port: addresses.get(port) for port in ports} == {port: {"0100007F"} for port in ports}


def test_the_printed_lines_work_as_printed(printed):
    assert printed["/v1/leads"]["created"] is True
    assert printed["/v1/query"]["state"] == "answered"
    assert printed["/v1/webhooks"]["duplicate"] is False


def test_a_captured_lead_reaches_the_crm_and_its_number_there_comes_back(demo, printed):
    [delivery] = wait_for(lambda: _delivered(demo, printed["/v1/leads"]["id"]), "the lead in the CRM")

    [contact] = [row for row in demo.sandbox.contacts() if row["properties"]["email"] == "anna@example.com"]
    assert delivery["external_id"] == contact["id"]


def test_a_question_in_two_turns_is_answered(demo):
    first = demo.api("POST", "/v1/query", {"prompt": "Check order status"}).body
    more = {"prompt": "S00041 anna@example.com", "conversation_id": first["conversation_id"]}
    second = demo.api("POST", "/v1/query", more).body

    assert first["state"] == "needs_input"
    assert second["state"] == "answered"
    assert "S00041" in second["answer"]


def test_the_client_credentials_fetch_a_token_that_works(demo):
    told = demo.told
    pair = base64.b64encode(f"{told['client_id']}:{told['client_secret']}".encode()).decode()
    form = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
    request = urllib.request.Request(f"{demo.url}/oauth/token", form, {"Authorization": f"Basic {pair}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        token = json.load(answer)["access_token"]

    reply = demo.call("POST", "/v1/query", {"prompt": "Do you ship to Norway?"}, Authorization=f"Bearer {token}")

    assert reply.status == 200, reply


def test_an_event_is_stored_once_and_processed(demo, printed):
    path = urllib.parse.urlsplit(demo.told["webhook_url"]).path
    body = {"event": "order_shipped", "customer_id": "12345", "tracking_number": "XYZ-987"}

    reply = demo.call("POST", path, body)

    assert (reply.status, reply.body["duplicate"]) == (202, True)
    assert reply.body["id"] == printed["/v1/webhooks"]["id"]
    wait_for(
        lambda: demo.rows("SELECT state, times_received FROM webhooks_inboundevent") == [("processed", 2)],
        "the event processed",
    )


def test_the_publishable_key_is_refused_where_it_is_not_listed_and_the_secret_one_is_not(demo):
    lead = {"email": "bo@example.com"}

    assert demo.api("POST", "/v1/leads", lead).status == 201
    assert demo.call("POST", "/v1/leads", lead, Authorization=f"Bearer {demo.told['publishable_key']}").status == 403


def test_a_second_run_goes_on_with_the_same_keys_password_and_data(demo):
    before, lead = demo.told, {"email": "twice@example.com"}
    lead_id = demo.api("POST", "/v1/leads", lead).body["id"]
    wait_for(lambda: _delivered(demo, lead_id), "the lead in the CRM")
    demo.stop()

    demo.start()

    assert demo.told == before
    assert demo.api("POST", "/v1/leads", lead).body["id"] == lead_id
    wait_for(lambda: _delivered(demo, lead_id), "the lead in the CRM, again")
    assert [row["properties"]["email"] for row in demo.sandbox.contacts()].count(lead["email"]) == 1
    assert _signs_in(demo)


def test_lost_keys_are_replaced_and_the_old_ones_end(demo):
    before = demo.told
    demo.stop()
    (demo.data_dir / "demo.json").unlink()

    demo.start()

    assert demo.told["secret_key"] != before["secret_key"]
    assert demo.api("POST", "/v1/query", {"prompt": "Hi"}).status == 200
    refused = demo.call("POST", "/v1/query", {"prompt": "Hi"}, Authorization=f"Bearer {before['secret_key']}")
    assert refused.status == 401
    assert _signs_in(demo)


def test_a_sandbox_port_that_was_taken_meanwhile_is_given_up(demo):
    old = demo.told["sandbox_url"]
    demo.stop()
    with socket.socket() as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taker.bind(("127.0.0.1", int(old.rpartition(":")[2])))
        taker.listen()

        demo.start()

        assert demo.told["sandbox_url"] != old
        lead_id = demo.api("POST", "/v1/leads", {"email": "anna@example.com"}).body["id"]
        wait_for(lambda: _delivered(demo, lead_id), "the lead in the CRM")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_in_ten_seconds(demo, number):
    assert set(demo.pids()) == {"web", "worker", "sandbox"}

    seconds = demo.stop(number)

    assert seconds < STOP_SECONDS + SLACK_SECONDS
    assert demo.wait() == 0
    assert _is_free(demo.port)


def test_a_vendor_that_hangs_does_not_hold_up_the_end(demo):
    demo.sandbox.fault(vendor="*", hang="before")
    demo.api("POST", "/v1/leads", {"email": "hang@example.com"})
    wait_for(lambda: any(line["outcome"] == "open" for line in demo.sandbox.requests()), "a call that hangs")

    assert demo.stop() < STOP_SECONDS + SLACK_SECONDS


@pytest.mark.parametrize("role", ["worker", "web", "sandbox"])
def test_a_program_that_dies_is_started_again(demo, role):
    old = demo.kill(role)

    wait_for(lambda: demo.pids().get(role, old) != old, f"a new {role}")
    wait_for(lambda: _answers(demo), "answers of web and sandbox")
    lead_id = demo.api("POST", "/v1/leads", {"email": f"after-{role}@example.com"}).body["id"]
    wait_for(lambda: _delivered(demo, lead_id), "the lead in the CRM")
    assert any(line.startswith(f"{role} ended (killed by SIGKILL); starting it again") for line in demo.output)


def test_two_web_processes_answer_and_where_one_dies_both_are_started_again():
    with DemoServer(WEB_PROCESSES="2") as server:
        seen = set()

        def answering():
            with suppress(OSError):
                seen.add(int(server.call("GET", "/healthz").body["process"]))
            return seen

        old = set(wait_for(lambda: answering() if len(answering()) == 2 else None, "two processes that answer"))
        os.kill(min(old), signal.SIGKILL)
        wait_for(lambda: len(answering() - old) == 2, "two new ones")
        assert any(line.startswith("web ended") for line in server.output)


def test_where_the_processor_is_short_the_worker_steps_back(demo):
    web, worker = (os.getpriority(os.PRIO_PROCESS, demo.pids()[role]) for role in ("web", "worker"))
    assert worker == web + 5


def test_nothing_outlives_a_supervisor_that_is_killed(demo):
    os.kill(demo.pid, signal.SIGKILL)

    demo.wait()
    try:
        wait_for(lambda: not demo.processes(), "no process left")
    except AssertionError as err:
        left = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ") for pid in demo.processes()]
        raise AssertionError(f"{err}: {left}") from err
    assert _is_free(demo.port)


def _refused(tmp_path, *arguments, **variables):
    """Run `up`, which must refuse; return the one line it says."""
    variables = {"DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port()), **variables}
    done = manage("up", *(arguments or ("--demo",)), **variables)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout
    [line] = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert done.stdout.endswith(f"{line}\n")
    return line


def test_a_busy_port_is_said_in_one_line(tmp_path):
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        taker.listen()
        port = taker.getsockname()[1]

        line = _refused(tmp_path, PORT=str(port))

    assert str(port) in line
    assert "PORT=" in line


@pytest.mark.parametrize("port", ["eighty", "70000", "-1"])
def test_a_port_that_is_none_is_said_in_one_line(tmp_path, port):
    line = _refused(tmp_path, PORT=port)

    assert "port" in line.lower()
    assert port in line


@pytest.mark.parametrize("is_under_file", [True, False])
def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path, is_under_file):
    # Under /proc nobody may make a folder, root included.
    folder = "/dev/null/shopbotly" if is_under_file else "/proc/shopbotly"

    line = _refused(tmp_path, DATA_DIR=folder)

    assert folder in line
    assert "DATA_DIR" in line


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("mysql://root@localhost/shop", "postgresql://"),
        ("postgresql://postgres@127.0.0.1:port/x", "port"),
        ("postgresql://postgres@127.0.0.1:1/x", "DATABASE_URL"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_in_one_line(tmp_path, url, word):
    assert word in _refused(tmp_path, DATABASE_URL=url)


def test_a_number_that_is_none_is_said_in_one_line(tmp_path):
    assert "API_BODY_MAX_BYTES" in _refused(tmp_path, API_BODY_MAX_BYTES="1 MB")


def test_a_secret_that_cannot_be_read_is_said_in_one_line(tmp_path):
    assert "SECRET_KEY_FILE" in _refused(tmp_path, "--noinput", SECRET_KEY_FILE=str(tmp_path / "missing"))


def test_make_run_ends_in_the_demo():
    # Not as a part of the make that may be running these tests: that one would talk about its folders.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", "-n", "run"], cwd=ROOT, capture_output=True, text=True, timeout=60, env=alone)

    assert done.returncode == 0, done.stderr
    commands = done.stdout.splitlines()
    assert "config/bootstrap.py production" in commands[-2]
    assert commands[-1].endswith("manage.py up --demo")


def _delivered(server, lead_id):
    """Return a lead's deliveries once all of them have arrived."""
    deliveries = server.lead(lead_id)["deliveries"]
    return deliveries if deliveries and all(row["state"] == "delivered" for row in deliveries) else None


def _answers(server):
    with suppress(OSError):
        return server.sandbox.ask("GET", "/_health") and server.call("GET", "/healthz").status == 200
    return False


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _signs_in(server):
    """Sign in to the admin with the told password, as a browser does."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))
    page = f"{server.url}/admin/login/?next=/admin/"
    browser.open(page, timeout=60).read()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = {"username": server.told["admin_user"], "password": server.told["admin_password"]}
    body = urllib.parse.urlencode({**form, "csrfmiddlewaretoken": token}).encode()
    with browser.open(urllib.request.Request(page, body, {"Referer": page}), timeout=60) as answer:
        return answer.url == f"{server.url}/admin/"
