"""`manage.py startprovider <key> <Name>`: the files of a new provider, with tests that say what to write."""

import re
from argparse import ArgumentParser
from pathlib import Path
from string import Template
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from integrations.providers.registry import PROVIDERS

_KEY = re.compile(r"[a-z][a-z0-9_]{1,30}\Z")
_LINE = re.compile(r'    "[a-z]')
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 ]{0,40}\Z")

_PROVIDER = '''"""$name: contacts.

Source: $docs_url
"""

from collections.abc import Sequence

from integrations.providers.base import Check, Contact, ContactSink, Outcome, Provider
from integrations.providers.$key.contacts import body, external_id
from integrations.providers.replies import raise_for_status
from integrations.providers.subscribing import each


class $cls(Provider, ContactSink):
    """Writes contacts by e-mail, one in each request, with an API key."""

    key = "$key"
    name = "$name"
    docs_url = "$docs_url"
    default_base_url = "$base_url"
    identifiers = ("email",)
    effect = "upsert"
    default_mapping = {"first_name": "first_name", "last_name": "last_name"}

    def check(self) -> Check:
        """Ask something harmless that needs the key."""
        reply = self.session.request("GET", "/me", purpose="check")
        raise_for_status(reply)
        reply.json()
        return Check(ok=True, words="Connected to $name.")

    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        """Create or update contacts; one outcome each, in order."""
        return each(contacts, self._upsert)

    def _upsert(self, contact: Contact) -> Outcome:
        reply = self.session.request("PUT", "/contacts", purpose="upsert", json=body(contact))
        raise_for_status(reply)
        return external_id(reply.json())
'''
_CONTACTS = '''"""What a contact looks like to $name, and what its answer says. Pure.

Source: $docs_url
"""

from collections.abc import Mapping
from typing import Any

from integrations.providers.base import Contact, Outcome


def body(contact: Contact) -> dict[str, Any]:
    """Return the body of one request."""
    return {"email": contact.email, **contact.fields}


def external_id(answer: Any) -> Outcome:
    """Return what became of a contact; an answer that doesn't say so leaves it open."""
    held = answer.get("id") if isinstance(answer, Mapping) else None
    return Outcome.delivered(str(held)) if isinstance(held, str | int) else Outcome.unknown()
'''
_TEST = '''"""$name's contacts: what is sent, what its captured answers mean."""

import pytest

from integrations.providers.base import Contact
from integrations.providers.errors import ProviderError
from tests.integrations.providers.captured import HERE, answer
from tests.integrations.providers.vendors import Vendor

ANNA = Contact("id-anna", {"email": "anna@example.com"}, {"first_name": "Anna"})


def captured(name):
    path = HERE / "$key" / "fixtures" / f"{name}.json"
    if not path.is_file():
        pytest.fail(
            f"Capture what $name answers when a contact is written, take persons and keys out, save it as {path} "
            "with its status and headers; then let this test say what it means."
        )
    return answer("$key", name)


def test_a_created_contact_is_delivered_with_its_id():
    vendor = Vendor("$key", captured("contact__created"))
    [outcome] = vendor.provider.upsert([ANNA])
    assert (outcome.kind, bool(outcome.external_id)) == ("delivered", True)
    assert vendor.bodies()[0]["email"] == "anna@example.com"


def test_a_refused_contact_says_why_and_quotes_nobody():
    with pytest.raises(ProviderError) as caught:
        Vendor("$key", captured("contact__refused")).provider.upsert([ANNA])
    assert "anna" not in str(caught.value).lower()
'''

_SOURCES = """# Where these are from

| file | from |
|---|---|
"""


class Command(BaseCommand):
    """Writes the folder, its tests and the registry's line; nothing that exists is overwritten."""

    # It reads and writes files of the checkout alone: no installation has to be set up for that.
    requires_system_checks = ()
    help = "Begin a new provider: its folder, its tests and its line in the registry."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", help="small letters, such as acme_crm")
        parser.add_argument("name", help="as people call it, such as 'Acme CRM'")
        parser.add_argument("--docs-url", default="https://example.com/docs")
        parser.add_argument("--base-url", default="")

    def handle(self, *args: Any, key: str, name: str, docs_url: str, base_url: str, **options: Any) -> None:
        if not _KEY.match(key) or not _NAME.match(name):
            raise CommandError("The key has small letters, digits and _; the name letters, digits and spaces.")
        if key in PROVIDERS:
            raise CommandError(f"There is a provider {key} already.")
        cls = "".join(word[:1].upper() + word[1:] for word in name.split())
        said = {"key": key, "name": name, "cls": cls, "docs_url": docs_url}
        made = write(Path(settings.BASE_DIR), {**said, "base_url": base_url})
        for path in made:
            self.stdout.write(f"made {path}")
        self.stdout.write(f"next: capture answers into {made[-1].parent}, run the tests, read what they say")


def write(root: Path, said: dict[str, str]) -> list[Path]:
    """Write a new provider's files below `root`; returns them. Raises: CommandError where one is there already."""
    key = said["key"]
    folder, tests = root / "integrations" / "providers" / key, root / "tests" / "integrations" / "providers" / key
    files = {
        folder / "__init__.py": '"""$name."""\n',
        folder / "contacts.py": _CONTACTS,
        folder / "provider.py": _PROVIDER,
        tests / "__init__.py": "",
        tests / "test_contacts.py": _TEST,
        tests / "fixtures" / "SOURCES.md": _SOURCES,
    }
    for path in files:
        if path.exists():
            raise CommandError(f"{path} is there already.")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).substitute(said), encoding="utf-8")
    _register(root / "integrations" / "providers" / "registry.py", said)
    return list(files)


def _register(registry: Path, said: dict[str, str]) -> None:
    """Add the provider's line where it belongs by the alphabet."""
    lines = registry.read_text(encoding="utf-8").splitlines(keepends=True)
    line = Template('    "$key": "integrations.providers.$key.provider.$cls",\n').substitute(said)
    places = [number for number, text in enumerate(lines) if _LINE.match(text)]
    at = next((number for number in places if lines[number] > line), places[-1] + 1)
    registry.write_text("".join([*lines[:at], line, *lines[at:]]), encoding="utf-8")
