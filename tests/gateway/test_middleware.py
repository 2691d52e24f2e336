import http.client
import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from django.test import override_settings

from tests.gateway.test_problems import assert_problem

pytestmark = pytest.mark.db
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("sent", ["abc-123", "01a20639-3931-752a-aefa-18c95e22c736", "x" * 64])
def test_a_sane_request_id_is_kept(call, sent):
    assert call("/v1/notes", HTTP_X_REQUEST_ID=sent)["X-Request-Id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "<script>", "a\nb", "ü", "a,b"])
def test_any_other_is_replaced(call, sent):
    assert uuid.UUID(call("/v1/notes", HTTP_X_REQUEST_ID=sent)["X-Request-Id"]).version == 7


@pytest.mark.parametrize("path", ["/v1/nowhere", "/healthz", "/", "/docs/problems", "/nowhere"])
def test_every_answer_has_one(call, path):
    assert call(path, secret=None)["X-Request-Id"]


def test_api_calls_have_no_session(call):
    answer = call("/v1/notes", HTTP_COOKIE="sessionid=abc")
    assert answer.status_code == 200
    assert not answer.cookies


@override_settings(DEMO_MODE=False, SECURE_SSL_REDIRECT=True)
def test_the_api_never_redirects(call):
    assert_problem(call("/v1/notes"), 403, "https_required")
    assert_problem(call("/v1/notes/"), 404, "not_found")


def test_three_megabytes_are_refused(call):
    answer = call("/v1/notes", b'{"email": "' + b"x" * 3_000_000 + b'"}')
    assert_problem(answer, 413, "body_too_large")


def test_the_limit_is_exact(call, settings):
    settings.API_BODY_MAX_BYTES = 100
    body = b'{"email": "a@example.com"}'
    assert call("/v1/notes", body.ljust(100)).status_code == 201
    assert_problem(call("/v1/notes", body.ljust(101)), 413, "body_too_large")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Serve the product with granian, as an installation does; yield the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_URL")} | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATA_DIR": str(tmp_path_factory.mktemp("granian")),
    }
    subprocess.run([sys.executable, str(ROOT / "manage.py"), "migrate", "-v0"], env=environment, check=True)
    command = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "2"]
    granian = str(Path(sys.executable).with_name("granian"))
    with subprocess.Popen([granian, *command, "config.wsgi:application"], env=environment) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(port):
    for _ in range(1200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("granian did not start")


def _post(port, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/nowhere", body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.parametrize("declared", [True, False])
def test_granian_answers_a_body_that_is_too_large(server, declared):
    body = b"x" * 7_000_000
    status, text = _post(server, body) if declared else _post(server, iter([body[:3_000_000], body[3_000_000:]]))
    assert status == 413
    assert b'"body_too_large"' in text


def test_granian_passes_on_a_body_of_undeclared_length(server):
    status, text = _post(server, iter([b'{"a":', b"1}"]))
    assert status == 404
    assert b'"not_found"' in text
