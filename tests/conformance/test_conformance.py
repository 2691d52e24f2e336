"""The running server against its own description, by Schemathesis: every check, each credential.

Short in every run of the suite; `make conformance` draws more and follows links, about a quarter of an hour on two
processors (CONFORMANCE_EXAMPLES per operation, CONFORMANCE_SEED).
"""

import base64
import json
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.scopes import SCOPES
from tests.demo import ROOT, DemoServer

CREDENTIALS = ("secret", "publishable", "session", "oauth", "none")
# What a page may say is narrower than what the description, which is for everybody, allows.
PAGES = ("publishable", "session")
# Schemathesis has every check on, where nothing says otherwise.
_NARROWER_FOR_PAGES = """
[checks]
positive_data_acceptance.enabled = false
"""
# Who the visitor is stands in the session, so that a body needs to say nothing; the description is for all credentials.
_WIDER_FOR_SESSIONS = """
[[operations]]
include-name = "POST /v1/leads"
checks.negative_data_rejection.enabled = false
checks.positive_data_acceptance.enabled = false
"""
_FIGURES = r"^ *(?:Tested|API Links)\b.*|^ *\d+ generated.*|\d.* in [\d.]+s(?= =)"
KNOWN = {"sku": "MUG-BLUE", "number": "S00041"}


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoServer]:
    # Schemathesis tries a wrong credential at every operation, and all of its runs come from one address.
    much = "1000000"
    with DemoServer(VISITOR_REQUESTS_PER_MINUTE=much, WRONG_CREDENTIALS_PER_MINUTE=much) as server:
        # The page that stands in the examples.
        server.write("UPDATE gateway_client SET rate_per_minute = 1000000, origins = '[\"https://shop.example\"]'")
        # Every operation shall be gone through, not only refused.
        server.write(f"UPDATE gateway_client SET scopes = '{json.dumps(list(SCOPES))}'")
        yield server


def headers_of(demo: DemoServer, credential: str) -> dict[str, str]:
    told = demo.told
    if credential == "none":
        return {}
    if credential == "oauth":
        pair = base64.b64encode(f"{told['client_id']}:{told['client_secret']}".encode()).decode()
        return {"Authorization": f"Bearer {_token(demo, pair)}"}
    if credential == "session":
        made = demo.api("POST", "/v1/sessions", {"origin": demo.url, "customer": {"email": "anna@example.com"}})
        return {"Authorization": f"Bearer {made.body['token']}", "Origin": demo.url}
    headers = {"Authorization": f"Bearer {told[f'{credential}_key']}"}
    return headers | ({"Origin": demo.url} if credential == "publishable" else {})


def _token(demo: DemoServer, pair: str) -> str:
    form = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
    request = urllib.request.Request(f"{demo.url}/oauth/token", form, {"Authorization": f"Basic {pair}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return json.load(answer)["access_token"]


def run(demo: DemoServer, credential: str, folder: Path, *, examples: int, phases: str, seconds: float) -> None:
    """Run Schemathesis; fails where it found anything."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run", f"{demo.url}/v1/openapi.json"]
    command += ["--phases", phases, "--max-examples", str(examples), "--continue-on-failure"]
    command += ["--seed", os.environ.get("CONFORMANCE_SEED", "1"), "--generation-database", "none", "--no-shrink"]
    # A NUL and half a surrogate pair are refused in any text; a schema can't say so of every text.
    command += ["--generation-allow-x00", "false", "--generation-codec", "utf-8", "--suppress-health-check", "all"]
    excepted = _NARROWER_FOR_PAGES if credential in PAGES else ""
    excepted += _WIDER_FOR_SESSIONS if credential == "session" else ""
    # On the command line, an exception would be one for every operation.
    (folder / "schemathesis.toml").write_text(excepted)
    for name, value in headers_of(demo, credential).items():
        command += ["--header", f"{name}: {value}"]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.conformance.hooks",
        "CONFORMANCE_ORIGIN": demo.url,
        "CONFORMANCE_KNOWN": json.dumps(KNOWN | {"token": demo.told["webhook_url"].rpartition("/")[2]}),
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    figures = re.findall(_FIGURES, done.stdout, re.MULTILINE)
    print(f"{credential}: " + "; ".join(line.strip() for line in figures))
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_the_server_does_what_its_description_says(demo: DemoServer, credential: str, tmp_path: Path):
    examples = 8 if credential == "secret" else 4
    run(demo, credential, tmp_path, examples=examples, phases="examples,fuzzing", seconds=600)


@pytest.mark.conformance
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_the_server_does_what_its_description_says_at_length(demo: DemoServer, credential: str, tmp_path: Path):
    examples = int(os.environ.get("CONFORMANCE_EXAMPLES", "30"))
    run(demo, credential, tmp_path, examples=examples, phases="examples,coverage,fuzzing,stateful", seconds=7_200)
