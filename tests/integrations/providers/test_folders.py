"""Each vendor keeps to its folder: it is named nowhere else, and the folder stays small."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from integrations.providers.base import CAPABILITIES
from integrations.providers.registry import PROVIDERS, provider_class

ROOT = Path(settings.BASE_DIR)
CODE = ("config", "engine", "examples", "gateway", "integrations", "leads", "runtime", "templates", "webhooks")
KINDS = {".py", ".html", ".js", ".mjs", ".css", ".sh"}
# Where vendors may be named: each in its own folder, all in these.
NAMED_IN = ("integrations/sandbox/", "integrations/providers/registry.py", "config/demo.py")
# `rest` and `webhook` are words of every day.
VENDORS = sorted(set(PROVIDERS) - {"rest", "webhook"})


def _sources():
    for top in CODE:
        for path in (ROOT / top).rglob("*"):
            if path.suffix in KINDS:
                yield path, path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("key", VENDORS)
def test_it_is_named_nowhere_else(key):
    own, word = f"integrations/providers/{key}/", re.compile(key, re.IGNORECASE)
    elsewhere = [(path, name) for path, name in _sources() if not name.startswith((own, *NAMED_IN))]
    assert len(elsewhere) > 200
    assert [name for path, name in elsewhere if word.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("key", VENDORS)
def test_its_folder_stays_small(key):
    folder = ROOT / "integrations" / "providers" / key
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in folder.glob("*.py"))
    can_do = [name for name, capability in CAPABILITIES.items() if issubclass(provider_class(key), capability)]
    assert 0 < lines <= (600 if len(can_do) >= 3 else 400)
