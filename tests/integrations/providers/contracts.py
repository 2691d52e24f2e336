"""The vendors' published contracts, as far as they lie beside the repository."""

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest

FOLDER = Path(__file__).parents[4] / "shared" / "contracts"


def contract_of(vendor: str) -> Any:
    """Return a vendor's OpenAPI document; skips where it is absent."""
    path = FOLDER / f"{vendor}.json"
    if not path.is_file():
        pytest.skip(f"{path} is absent: the vendors' contracts are no part of the repository")
    return json.loads(path.read_text())


def problems_of(contract: Any, request: httpx2.Request, base: str = "") -> list[str]:
    """Return what a contract has against a request: its path, its method, its media type, its body."""
    path = request.url.path.removeprefix(base)
    # What is spelled out comes before what a parameter may stand for.
    for template in sorted(contract["paths"], key=lambda known: known.count("{")):
        if not re.fullmatch(re.sub(r"\\?\{\w+\\?\}", "[^/]+", re.escape(template)), path):
            continue
        operation = contract["paths"][template].get(request.method.lower())
        if operation is None:
            continue
        shared = contract["paths"][template].get("parameters", [])
        return _parameter_problems([*shared, *operation.get("parameters", [])], request) + _body_problems(
            contract, operation, request
        )
    return [f"{request.method} {path} is not in the contract"]


def _parameter_problems(known: list[Any], request: httpx2.Request) -> list[str]:
    names = {one.get("name") for one in known if one.get("in") == "query"}
    return [f"the parameter {name!r} is not in the contract" for name in request.url.params if name not in names]


def _body_problems(contract: Any, operation: Any, request: httpx2.Request) -> list[str]:
    known = operation.get("requestBody")
    if known is None:
        return ["a body where none is known"] if request.content else []
    sent = request.headers.get("Content-Type", "").partition(";")[0]
    if sent not in known["content"]:
        return [f"the media type {sent!r} is not in the contract"]
    schema = known["content"][sent]["schema"]
    checker = jsonschema.Draft202012Validator({**schema, "components": contract["components"]})
    return [error.message for error in checker.iter_errors(json.loads(request.content))]
