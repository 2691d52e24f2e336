"""What the documentation says of providers is what they can do, and a new one begins with tests that say what to do."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config.management.commands import startprovider
from config.management.commands.startprovider import write
from integrations.matrix import capability_matrix

ROOT = Path(__file__).parents[2]


def test_the_table_in_the_documentation_is_true():
    told = StringIO()
    call_command("provider_matrix", stdout=told)
    assert told.getvalue() == capability_matrix()
    assert capability_matrix() in (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")


def test_the_guide_is_short():
    assert len((ROOT / "docs" / "adding-a-provider.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_a_new_provider_is_a_folder_its_tests_and_one_line(tmp_path):
    registry = tmp_path / "integrations" / "providers" / "registry.py"
    registry.parent.mkdir(parents=True)
    registry.write_text((ROOT / "integrations" / "providers" / "registry.py").read_text())
    said = {"key": "hoopla", "name": "Hoopla CRM", "cls": "HooplaCrm", "docs_url": "https://x.example", "base_url": ""}
    made = write(tmp_path, said)
    assert [path.name for path in made] == [
        "__init__.py",
        "contacts.py",
        "provider.py",
        "__init__.py",
        "test_contacts.py",
        "SOURCES.md",
    ]
    keys = [
        line.split('"')[1]
        for line in registry.read_text().splitlines()
        if line.startswith('    "') and '"""' not in line
    ]
    assert "hoopla" in keys
    assert keys == sorted(keys)
    for path in (path for path in made if path.suffix == ".py"):
        compile(path.read_text(), str(path), "exec")
    assert (
        subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F,E9", str(tmp_path)],
            check=False,
        ).returncode
        == 0
    )
    with pytest.raises(CommandError, match="already"):
        write(tmp_path, said)


@pytest.mark.parametrize(("key", "name"), [("Acme", "Acme"), ("../x", "Acme"), ("acme", "Acme{}"), ("odoo", "Odoo")])
def test_a_key_that_can_not_be_one_is_refused(key, name):
    with pytest.raises(CommandError):
        call_command("startprovider", key, name, stdout=StringIO())


@pytest.mark.django_db
def test_the_page_to_choose_from_promises_only_what_is_made_use_of(admin_client):
    page = admin_client.get("/admin/integrations/connector/add/").content.decode()
    assert "knows orders" in page
    assert "tells what happened" in page
    assert "does what you define" not in page


def test_a_new_provider_needs_no_installation():
    """Whoever writes one has a checkout, and no settings yet."""
    bare = {"PATH": os.environ["PATH"]}
    command = [sys.executable, "manage.py", "startprovider", "odoo", "Odoo"]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, check=False)
    assert "There is a provider odoo already." in done.stderr


def test_a_class_is_written_as_its_vendor_is(monkeypatch):
    made = {}
    monkeypatch.setattr(startprovider, "write", lambda root, said: made.update(said) or [root / "x" / "y"])
    call_command("startprovider", "hoopla", "HooPla CRM", stdout=StringIO())
    assert made["cls"] == "HooPlaCRM"
