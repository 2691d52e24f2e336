from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from integrations.sandbox.server import Sandbox
from tests.integrations.sandbox.client import Client


@pytest.fixture(scope="package")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    path: Path = tmp_path_factory.mktemp("sandbox") / "state" / "sandbox.sqlite3"
    with Sandbox(path=str(path)) as sandbox:
        yield sandbox


@pytest.fixture
def client(_sandbox: Sandbox) -> Iterator[Client]:
    """A sandbox as on its first start."""
    with httpx2.Client(base_url=_sandbox.url, timeout=60, trust_env=False) as http:
        http.post("/_reset")
        yield Client(http, _sandbox)
