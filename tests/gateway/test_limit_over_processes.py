"""A client's limit where several web processes answer: counted together, exactly, over HTTP."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django_ratelimit.core import _get_window

from tests.demo import ROOT, DemoServer, call, wait_for
from tests.ports import free_port

pytestmark = pytest.mark.broker

PROCESSES, LIMIT, TRIES = 4, 100, 200

# A minute begins at another second for each client: one of several has most of its minute before it.
CLIENTS = f"""
from gateway.services import client_create, key_create
for number in range(12):
    client, _ = client_create(name=f"Bot {{number}}", scopes=["lookups"], rate_per_minute={LIMIT})
    print("made", client.pk, key_create(client=client)[1])
"""


@pytest.fixture
def demo() -> Iterator[DemoServer]:
    with DemoServer() as server:
        yield server


@pytest.fixture
def url(demo: DemoServer) -> Iterator[str]:
    """Where four web processes answer, each with a cache and a memory of its own beside what they share."""
    port = str(free_port())
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", port]
    command += ["--workers", str(PROCESSES), "--blocking-threads", "8", "--log-level", "error"]
    environment = {**demo.environment, "DEMO_MODE": "1"}
    with subprocess.Popen([*command, "config.wsgi:application"], cwd=ROOT, env=environment) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def process_of(url: str) -> int:
    """Return which process answered; 0 where none does yet."""
    try:
        return int(call("GET", f"{url}/healthz").body["process"])
    except OSError:
        return 0


def freshest_key(demo: DemoServer) -> str:
    """Return the key of a new client whose minute has just begun."""
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", CLIENTS]
    environment = {**demo.environment, "DEMO_MODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    made = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("made")]
    return max(made, key=lambda each: _get_window(each[0], 60))[1]


def test_four_processes_accept_what_one_would(demo: DemoServer, url: str):
    seen: set[int] = set()
    wait_for(lambda: seen.add(process_of(url)) or len(seen - {0}) == PROCESSES, "four processes that answer")
    headers = {"Authorization": f"Bearer {freshest_key(demo)}"}
    with ThreadPoolExecutor(2 * PROCESSES) as pool:
        replies = list(pool.map(lambda _: call("GET", f"{url}/v1/faqs", headers=headers), range(TRIES)))
    answers = Counter(reply.status for reply in replies)
    assert set(answers) == {200, 429}
    assert abs(answers[200] - LIMIT) <= 2, answers
