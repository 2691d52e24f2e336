"""The encryption key is exchanged while leads come in and leave, and the exchange is killed halfway."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from cryptography.fernet import Fernet

from runtime.secrets import key_id
from tests.demo import ROOT, manage, wait_for
from tests.faults import servers
from tests.faults.callers import Callers
from tests.faults.installation import Installation

CREDENTIALS = 1000
_MANY = f"""
from integrations.models import Credential
row, left = Credential.objects.first(), {CREDENTIALS} - Credential.objects.count()
same = dict(provider=row.provider, sealed=row.sealed, sealed_with=row.sealed_with)
Credential.objects.bulk_create(Credential(name=f"Key {{number}}", **same) for number in range(left))
"""


@pytest.fixture
def house() -> Iterator[Installation]:
    """An installation of its own: no other scenario may need the key that goes."""
    with ExitStack() as stack:
        house = stack.enter_context(Installation(servers.start(stack)))
        house.begin()
        yield house


def test_secrets_are_sealed_anew_under_load_and_a_killed_rotation_goes_on(house):
    """Guard: each row is written by itself. Red where `rotate` is one transaction: what was done is undone."""
    old_key, new_key = _settings(house)["ENCRYPTION_KEYS"], Fernet.generate_key().decode()
    made = manage("shell", "-c", _MANY, **_environment(house))
    assert made.returncode == 0, made.stdout
    with Callers(house):
        _restart_with(house, new_key, old_key)
        first = subprocess.Popen([sys.executable, "manage.py", "rotate_secrets"], cwd=ROOT, env=_environment(house))
        wait_for(lambda: _sealed_with(house, new_key) > 20, "some rows that are sealed anew")
        first.kill()
        first.wait(60)
        done = _sealed_with(house, new_key)
        assert done < CREDENTIALS, "it was killed too late to show anything"

        again = manage("rotate_secrets", **_environment(house))

        assert f"{CREDENTIALS - done} rows are sealed anew" in again.stdout
        _restart_with(house, new_key)
        accepted = len(house.history.promised)
        wait_for(lambda: len(house.history.promised) > accepted + 10, "captures with the new key alone")
    house.check()


def _sealed_with(house: Installation, key: str) -> int:
    [(count,)] = house.rows(f"SELECT count(*) FROM integrations_credential WHERE sealed_with = '{key_id(key)}'")
    return int(count)


def _settings(house: Installation) -> dict[str, str]:
    """Return what a demo has made up for itself."""
    lines = (house.data_dir / "secrets.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def _environment(house: Installation) -> dict[str, str]:
    return {**house.environment, **_settings(house), "ALLOWED_HOSTS": "127.0.0.1"}


def _restart_with(house: Installation, *keys: str) -> None:
    house.stop()
    values = {**_settings(house), "ENCRYPTION_KEYS": ",".join(keys)}
    (house.data_dir / "secrets.env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    house.start()
