"""What README, docs and examples say is tried as printed, on a demo of its own."""

import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import requires_services
from tests.demo import ROOT, DemoServer, call, environment, wait_for

SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Makes a refused request fail the script; the documents leave it out because a person sees the problem.
FAIL_ON_REFUSAL = 'curl() { command curl --fail-with-body --show-error --max-time 20 "$@" && echo; }\n'
READ = re.compile(
    r"""(?:env_(?:str|int|bool|list)\(|environ(?:\.get\(|\.setdefault\(|\[)|getenv\()\s*["']([A-Z_]+)["']"""
)


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoServer]:
    with DemoServer() as server:
        yield server


@pytest.fixture
def folder(demo: DemoServer, tmp_path: Path) -> Path:
    """A folder in which `var` is the demo's data, as in the one where `make run` was called."""
    (tmp_path / "var").symlink_to(demo.data_dir)
    return tmp_path


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        reason = "There is no Node on this machine."
        pytest.fail(reason) if requires_services() else pytest.skip(reason)
    return found


def blocks(document: str, language: str, url: str) -> list[str]:
    """Return a document's examples in a language, with the address of the demo at `url`."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block.replace("http://127.0.0.1:8000", url) for block in found]


def run(demo: DemoServer, folder: Path, *command: str, given: str = "", **variables: str) -> str:
    """Run a program as the demo's chatbot; return what it prints."""
    told = {"SHOPBOTLY_URL": demo.url, "SHOPBOTLY_KEY": demo.told["secret_key"], "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(**told | variables),
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, (
        f"{command} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )
    return done.stdout


def test_the_readme_captures_with_curl(demo: DemoServer, folder: Path):
    said = run(demo, folder, "bash", "-euc", FAIL_ON_REFUSAL + "\n".join(blocks("README.md", "sh", demo.url)))

    lead_id = json.loads(said.strip().splitlines()[-1])["id"]
    [delivery] = wait_for(lambda: delivered(demo, lead_id), "the lead of the README is in the CRM")
    assert delivery["external_id"]


def delivered(demo: DemoServer, lead_id: str) -> list[dict[str, str]]:
    return [each for each in demo.lead(lead_id)["deliveries"] if each["state"] == "delivered"]


def test_the_readme_asks_with_python(demo: DemoServer, folder: Path):
    [example] = blocks("README.md", "python", demo.url)

    said = run(demo, folder, sys.executable, "-c", example).splitlines()

    expected = re.findall(r"# (.+?)(?: …)?$", example, re.MULTILINE)
    assert [line.startswith(start) for line, start in zip(said, expected, strict=True)] == [True, True], said


def test_the_readme_asks_with_node(demo: DemoServer, folder: Path, node: str):
    [example] = blocks("README.md", "js", demo.url)
    (folder / "ask.mjs").write_text(example, encoding="utf-8")

    said = run(demo, folder, node, "ask.mjs")

    assert "What is your order number?" in said
    # The guide's own call, with one line added.
    kept = "".join(line.strip() for line in example.splitlines() if "headers" not in line)
    assert "/v1/query', {method: 'POST',body: JSON.stringify({prompt: 'Check order status'})})" in kept


def test_the_commands_of_the_api_guide_run_as_printed(demo: DemoServer, folder: Path):
    said = run(demo, folder, "bash", "-euc", FAIL_ON_REFUSAL + "\n".join(blocks("docs/api.md", "sh", demo.url)))

    assert '"access_token"' in said
    assert said.count('"state":"answered"') == 2
    assert '"state":"delivered"' in said


_PAUSES = "SELECT pause_reason FROM integrations_connectorstate"


def test_the_rehearsals_of_the_sandbox_guide_end_as_it_says(folder: Path):
    with DemoServer() as demo:
        (folder / "var").unlink()
        (folder / "var").symlink_to(demo.data_dir)
        prepare, down, bad, lost, slow, luck, clear, withdrawn_key = blocks("docs/sandbox.md", "sh", demo.url)
        # A guide may say "after about ten seconds"; who follows it here is in a hurry.
        demo.write(f"UPDATE integrations_connector SET retry_policy = '{json.dumps({'trouble': [2] * 20})}'")

        def rehearse(block: str) -> str:
            return run(demo, folder, "bash", "-euc", FAIL_ON_REFUSAL + prepare + block)

        def arrived(*but: str) -> bool:
            return set(waiting(demo)) == set(but)

        # One after another, as a person does it: whichever request comes first takes a dial's `count`.
        rehearse(down)
        wait_for(lambda: waiting(demo).get("down@example.com"), "the CRM is down")
        wait_for(arrived, "it is tried again")

        rehearse(bad)
        wait_for(lambda: waiting(demo) == {"bad@example.com": 1}, "all but the bad record are delivered")

        rehearse(lost)
        wait_for(lambda: waiting(demo).get("lost@example.com"), "the lost answer is noticed")
        wait_for(lambda: arrived("bad@example.com"), "it is sent again")
        assert [contact["properties"]["email"] for contact in demo.sandbox.contacts()].count("lost@example.com") == 1

        assert '"state":"unavailable"' in rehearse(slow)

        rehearse(luck)
        wait_for(lambda: "luck@example.com" not in waiting(demo), "it arrives in the end", 240)
        rehearse(clear)

        withdraw, give_back = withdrawn_key.split("sleep 2\n")
        rehearse(withdraw)
        wait_for(lambda: demo.rows(f"{_PAUSES} WHERE paused_at IS NOT NULL"), "the connector pauses")
        rehearse(give_back)
        assert waiting(demo)["withdrawn@example.com"] == 0
        assert demo.rows(f"{_PAUSES} WHERE paused_at IS NOT NULL") == [("needs_reauth",)]


def waiting(demo: DemoServer) -> dict[str, int]:
    """Return the tries of the deliveries that have not arrived, by the lead's e-mail address."""
    on = "subject_id = leads_lead.id AND state <> 'delivered'"
    return dict(demo.rows(f"SELECT email, tries FROM leads_lead JOIN integrations_delivery ON {on}"))


def test_the_python_example_asks_and_captures(demo: DemoServer, folder: Path):
    said = run(demo, folder, sys.executable, str(ROOT / "examples" / "chatbot.py"))

    assert said.count("S00041 is: shipped") == 2, "once in two turns, once with a session"
    assert "from Odoo (sandbox)" in said
    assert "session: for 1800 s" in said
    assert "lead:" in said


def test_the_node_example_asks_and_captures(demo: DemoServer, folder: Path, node: str):
    said = run(demo, folder, node, str(ROOT / "examples" / "chatbot.mjs"))

    assert said.count("S00041 is: shipped") == 2, "once in two turns, once with a session"
    assert "from Odoo (sandbox)" in said
    assert "session: for 1800 s" in said
    assert "lead:" in said


class Busy:
    """Stands before a server: puts each address off once, with `Retry-After`, and passes on what comes later."""

    def __init__(self, url: str) -> None:
        self.seen: list[tuple[str, str, float]] = []
        busy = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                before = [path for path, _, _ in busy.seen]
                busy.seen.append((self.path, self.headers.get("Idempotency-Key", ""), time.monotonic()))
                if self.path in before:
                    headers = {name: value for name, value in self.headers.items() if name in PASSED_ON}
                    reply = call("POST", url + self.path, json.loads(body), headers)
                    self._answer(reply.status, json.dumps(reply.body).encode())
                else:
                    self._answer(503, b"{}", **{"Retry-After": "3"})

            def _answer(self, status: int, body: bytes, **headers: str) -> None:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Busy":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


PASSED_ON = {"Authorization", "Content-Type", "Idempotency-Key", "Origin", "authorization", "idempotency-key", "origin"}


@pytest.mark.parametrize("example", ["chatbot.py", "chatbot.mjs"])
def test_an_example_waits_as_it_is_told_to_and_sends_the_same_again(
    demo: DemoServer, folder: Path, node: str, example: str
):
    program = node if example.endswith("mjs") else sys.executable
    before = len(demo.rows("SELECT id FROM leads_activity"))
    with Busy(demo.url) as busy:
        # Its page is the demo's own, whatever stands in between.
        variables = {"SHOPBOTLY_URL": busy.url, "SHOPBOTLY_PAGE": demo.url}
        run(demo, folder, program, str(ROOT / "examples" / example), **variables)

    first, second = [each for each in busy.seen if each[0] == "/v1/leads"]
    assert first[1] == second[1] != ""
    assert second[2] - first[2] >= 3, "two seconds is what it waits unasked"
    assert len(demo.rows("SELECT id FROM leads_activity")) == before + 1


def test_the_shell_example_captures(demo: DemoServer, folder: Path):
    lead = {"email": "shell@example.com", "message": 'It said "hello" \\ goodbye'}

    said = run(demo, folder, str(ROOT / "examples" / "capture.sh"), given=json.dumps(lead))

    assert demo.lead(json.loads(said)["id"])["email"] == "shell@example.com"


def test_every_setting_that_is_read_is_documented():
    files = [ROOT / "manage.py", ROOT / "tests" / "run.py", *(ROOT / "config").rglob("*.py")]
    read = {name for file in files for name in READ.findall(file.read_text(encoding="utf-8"))}

    assert {"DATABASE_URL", "PORT", "SANDBOX_PORT", "TEST_DATABASE_URL"} <= read
    assert {name for name in read if f"`{name}`" not in SETTINGS} == set()


def test_every_documented_setting_is_read():
    documented = set(re.findall(r"^\| `([A-Z_]+)`", SETTINGS, re.MULTILINE))
    sources = "".join(
        file.read_text(encoding="utf-8")
        for file in [ROOT / "Makefile", *(ROOT / "config").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
        if file != Path(__file__)
    )

    assert documented
    assert {name for name in documented if name not in sources} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text(encoding="utf-8"))

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", ["docs/api.md"])
def test_answers_that_are_shown_are_json(document: str):
    shown = blocks(document, "json", "")

    assert shown
    for block in shown:
        json.loads(block)


def test_pictures_are_small_enough_to_load():
    pictures = list((ROOT / "docs" / "images").glob("*.png"))

    assert len(pictures) == 5
    assert [picture.name for picture in pictures if picture.stat().st_size > 250_000] == []
