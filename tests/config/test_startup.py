"""What refuses to start, and says why in one line: wrong keys, demo data in production, mis-settings."""

import re
import shutil
import signal
import subprocess
import sys
from base64 import urlsafe_b64encode

import pytest

from tests import migrated
from tests.demo import ROOT, STOP_SECONDS, environment, manage
from tests.ports import free_port

KEY, OTHER_KEY = (urlsafe_b64encode(bytes([number]) * 32).decode() for number in (1, 2))
LOOPBACK = {"ALLOWED_HOSTS": "localhost,127.0.0.1"}
# "Refuses" means that it ends by itself; a program that keeps trying is caught by this.
PATIENCE_SECONDS = 180.0

SEAL = """
from integrations.services import credential_save
credential_save(name="CRM key", provider="hubspot", host="api.hubapi.com", secrets={"api_key": "pat-1"})
"""
SEED = """
from config import demo
demo.seed(url="http://127.0.0.1:1", sandbox_url="http://127.0.0.1:2")
"""


def _settings(data_dir, **more):
    """Return the settings of an installation of its own in `data_dir`."""
    secrets = {"SECRET_KEY": "startup-0123456789-0123456789-0123456789-0123456789", "ENCRYPTION_KEYS": KEY}
    elsewhere = {"DATABASE_URL": "", "BROKER_URL": "", "CACHE_URL": ""}
    return {**secrets, **elsewhere, **LOOPBACK, "DATA_DIR": str(data_dir), "PORT": str(free_port()), **more}


def _ok(done):
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """An installation that holds a credential sealed with `KEY`."""
    data_dir = tmp_path_factory.mktemp("sealed")
    migrated.copy_to(data_dir / "shopbotly.sqlite3")
    _ok(manage("shell", "-v0", "-c", SEAL, **_settings(data_dir)))
    return data_dir


@pytest.fixture(scope="module")
def seeded(sealed, tmp_path_factory):
    """An installation that was the demo before."""
    data_dir = tmp_path_factory.mktemp("seeded")
    shutil.copytree(sealed, data_dir, dirs_exist_ok=True)
    _ok(manage("shell", "-v0", "-c", SEED, **_settings(data_dir, DEMO_MODE="1")))
    return data_dir


def _run(command, settings):
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def _programs(port):
    """Return every way in which a part of the product is started."""
    granian = ["-m", "granian", "--interface", "wsgi", "--port", port, "--workers", "1", "config.wsgi:application"]
    return {"up": ["manage.py", "up"], "worker": ["manage.py", "worker"], "web": granian}


@pytest.fixture(params=["up", "worker", "web"])
def refusal(request):
    """Start one of the programs, which must refuse and end; returns the line it says."""

    def start(settings):
        done = _run(_programs(settings["PORT"])[request.param], settings)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stdout, done.stdout
        [line] = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
        return line

    return start


def test_credentials_sealed_with_another_key_refuse_the_start(sealed, refusal):
    line = refusal(_settings(sealed, ENCRYPTION_KEYS=OTHER_KEY))

    assert "ENCRYPTION_KEYS" in line
    assert KEY not in line
    assert OTHER_KEY not in line


def test_demo_data_refuses_to_start_in_production(seeded, refusal):
    line = refusal(_settings(seeded))

    assert "demo" in line
    assert "DATA_DIR" in line


def test_a_database_without_tables_is_said_in_one_line(tmp_path):
    settings = _settings(tmp_path)

    done = _run(_programs(settings["PORT"])["worker"], settings)

    assert done.returncode == 1
    assert done.stdout.startswith("error: ")
    assert "manage.py migrate" in done.stdout


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ENCRYPTION_KEYS": ""}, "ENCRYPTION_KEYS is missing"),
        ({"ENCRYPTION_KEYS": "not-a-key"}, "not a Fernet key"),
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"BROKER_URL": "kafka://somewhere"}, "BROKER_URL"),
        ({"JOB_LEASE_SECONDS": "a minute"}, "JOB_LEASE_SECONDS"),
        ({"WEB_PROCESSES": "0"}, "WEB_PROCESSES"),
    ],
)
def test_a_mis_setting_refuses_the_start_and_says_what_to_do(sealed, settings, says):
    settings = _settings(sealed, **settings)

    # Not `manage.py`, which runs system checks before anything: a web server starts without them.
    done = _run(_programs(settings["PORT"])["web"], settings)

    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert says in done.stdout


@pytest.mark.parametrize("keys", [KEY, f"{KEY},{OTHER_KEY}", f"{OTHER_KEY},{KEY}"])
def test_the_right_key_opens_wherever_it_stands(sealed, keys):
    done = _run(["-c", "import config.wsgi; print('open')"], _settings(sealed, ENCRYPTION_KEYS=keys))

    assert done.stdout.strip() == "open"


def test_an_installation_starts_serves_and_stops(sealed):
    settings = _settings(sealed)
    said = []
    with subprocess.Popen(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            for line in process.stdout:
                said.append(line)
                if "ShopBotly runs" in line:
                    break
            assert f"http://127.0.0.1:{settings['PORT']}" in said[-1], said
            assert re.search(r"https://\S+/admin/", said[-1]), said
            assert not any("sandbox" in line for line in said)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_SECONDS + 30) == 0


IMPATIENT = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
from config.management.commands import up
from django.core.management import execute_from_command_line
up._READY_SECONDS = 3.0
execute_from_command_line(["manage.py", "up"])
"""


def test_it_gives_up_where_a_part_is_not_ready_in_time(sealed):
    """The cache can't be reached; what runs already is stopped again."""
    done = _run(["-c", IMPATIENT], _settings(sealed, CACHE_URL="redis://127.0.0.1:1/0"))

    assert done.returncode == 1
    assert "error: not ready after 3 s" in done.stdout
    assert not re.search("did not stop in time", done.stdout)
