"""Keys change while a chatbot calls 50 times a second: a real server, and changes made by another process."""

import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.demo import ROOT, DemoServer, wait_for

PER_SECOND = 50
CALLERS = 5
REVOKED_WITHIN_SECONDS = 5.0

CHANGES = """
import time
from datetime import timedelta
from gateway.models import Key
from gateway.services import key_revoke, key_rotate
input()
old = Key.objects.get(name="Demo server")
print("new:" + key_rotate(key=old, overlap=timedelta(hours=1))[1], flush=True)
input()
key_revoke(key=old)
print("new:" + str(time.time()), flush=True)
"""


class Chatbot:
    """Calls steadily over connections that stay open; `answers` are `(time, key, status)`."""

    def __init__(self, port: int, key: str) -> None:
        self.key = key
        self.answers: list[tuple[float, str, int]] = []
        self._port = port
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(CALLERS)]

    def __enter__(self) -> "Chatbot":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(60)

    def _call(self) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._stopped.is_set():
            key = self.key
            line.request("GET", "/v1/faqs", headers={"Authorization": f"Bearer {key}"})
            answer = line.getresponse()
            answer.read()
            self.answers.append((time.time(), key, answer.status))
            self._stopped.wait(CALLERS / PER_SECOND)

    def has_called(self, times: int, key: str) -> bool:
        return sum(1 for _, used, _ in list(self.answers) if used == key) >= times


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoServer]:
    with DemoServer() as server:
        server.write("UPDATE gateway_client SET rate_per_minute = 1000000")
        yield server


@pytest.fixture
def elsewhere(demo: DemoServer) -> Iterator[Callable[[], str]]:
    """A process of its own that makes the changes, one each time it is told to go on, and tells what came of it."""
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", CHANGES]
    environment = {**demo.environment, "DEMO_MODE": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def go_on() -> str:
            process.stdin.write("\n")
            process.stdin.flush()
            return next(line for line in process.stdout if line.startswith("new:")).strip().removeprefix("new:")

        yield go_on
        process.stdin.close()


def test_a_rotation_refuses_nobody_and_a_revocation_is_felt_everywhere(demo: DemoServer, elsewhere: Callable[[], str]):
    old = demo.told["secret_key"]
    with Chatbot(demo.port, old) as bot:
        wait_for(lambda: bot.has_called(PER_SECOND, old), "a second of calls with the old key")
        new = elsewhere()
        rotated_at = time.time()
        # Longer than any process goes by what it remembers of a key.
        wait_for(lambda: bot.answers[-1][0] > rotated_at + REVOKED_WITHIN_SECONDS, "the old key is used on")
        assert bot.has_called(PER_SECOND, old)
        bot.key = new
        wait_for(lambda: bot.has_called(PER_SECOND, new), "a second of calls with the new key")
    assert {status for _, _, status in bot.answers} == {200}

    with Chatbot(demo.port, old) as bot:
        wait_for(lambda: bot.has_called(CALLERS, old), "the old key works beside the new one")
        revoked_at = float(elsewhere())
        wait_for(lambda: bot.answers[-1][2] == 401, "the old key is refused")
        refused = len(bot.answers)
        wait_for(lambda: len(bot.answers) > refused + PER_SECOND, "it stays so")
    last = max(at for at, _, status in bot.answers if status == 200)
    print(f"the last answer came {last - revoked_at:.2f} s after the revocation")
    assert last - revoked_at <= REVOKED_WITHIN_SECONDS
    assert {status for at, _, status in bot.answers if at > revoked_at + REVOKED_WITHIN_SECONDS} <= {401, 429}
    assert demo.call("GET", "/v1/faqs", Authorization=f"Bearer {new}").status == 200
