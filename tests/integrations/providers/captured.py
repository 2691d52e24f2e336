"""What vendors answered: `<key>/fixtures/<event>__<variant>.json`, `{"status", "headers", "body"}`.

`<key>/fixtures/SOURCES.md` says of each file where it is from. A body that is no JSON is a text.
"""

import json
import re
from pathlib import Path
from typing import Any

import httpx2

from integrations.providers.base import Reply
from tests.integrations.providers.vendors import says

HERE = Path(__file__).parent
_ROW = re.compile(r"^\| `([^`]+)` \| (.+) \|$", re.MULTILINE)


def answer(key: str, name: str) -> httpx2.Response:
    """Return what a vendor answered."""
    told = _told(key, name)
    headers = {header.replace("-", "_"): value for header, value in told["headers"].items()}
    return says(told["status"], _content(told["body"]), **headers)


def reply(key: str, name: str) -> Reply:
    """Return the same as a provider gets it."""
    told = _told(key, name)
    content = _content(told["body"])
    return Reply(
        told["status"], told["headers"], content if isinstance(content, bytes) else json.dumps(content).encode()
    )


def answers() -> list[tuple[str, str]]:
    """Return every answer there is, as (provider's key, name)."""
    found = [path for path in files() if path.suffix == ".json" and not path.name.startswith("event_")]
    return [(path.parts[-3], path.stem) for path in found if _is_answer(json.loads(path.read_text()))]


def files() -> list[Path]:
    """Return every fixture of every vendor."""
    return sorted(HERE.glob("*/fixtures/*__*.*"))


def sources(key: str) -> dict[str, str]:
    """Return where each file of a vendor is from, as SOURCES.md says; a name may end in a star."""
    path = HERE / key / "fixtures" / "SOURCES.md"
    return dict(_ROW.findall(path.read_text())) if path.is_file() else {}


def _told(key: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / key / "fixtures" / f"{name}.json").read_text())
    return found


def _is_answer(told: Any) -> bool:
    return isinstance(told, dict) and set(told) == {"status", "headers", "body"}


def _content(body: Any) -> Any:
    return b"" if body is None else body.encode() if isinstance(body, str) else body
