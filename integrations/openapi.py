"""Reads OpenAPI 3 documents that people upload: which operations there are, and what each asks and answers.

A document comes from anywhere: it is capped before it is parsed, nothing outside it is ever fetched, and what refers to
itself ends at a fixed depth.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import yaml

MOST_BYTES = 5_000_000
MOST_YAML_BYTES = 1_000_000
MOST_OPERATIONS = 2_000
_DEEPEST = 64
_MOST_NODES = 1_000_000
_MOST_FIELDS = 120
_DEEPEST_FIELD = 5
_MOST_PARTS = 20
_MOST_STEPS = 50_000
_MEMBERS_PER_STEP = 10
_LONGEST_REFERENCE = 500
_METHODS = ("get", "post", "put", "patch", "delete")
_LONGEST_TEXT = 200


class NotADocument(ValueError):
    """What was uploaded is no OpenAPI 3 document; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Described:
    """An operation as a list shows it."""

    method: str
    path: str
    summary: str

    @property
    def key(self) -> str:
        """What names it in an address."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a body or an answer; `path` has dots, and `[]` after the name of a list."""

    path: str
    type: str
    is_required: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What an operation takes outside its body; `place` is path, query or header."""

    name: str
    place: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Details:
    """What one operation asks and answers."""

    operation: Described
    parameters: tuple[Parameter, ...]
    body: tuple[Field, ...]
    answer: tuple[Field, ...]


def read(content: bytes) -> dict[str, Any]:
    """Return an uploaded document. Raises: NotADocument."""
    if len(content) > MOST_BYTES:
        raise NotADocument(f"The document is larger than {MOST_BYTES // 1_000_000} MB.")
    text = content.decode("utf-8-sig", "replace").strip()
    document = _json(text) if text[:1] in {"{", "["} else _yaml(text)
    _check_size(document)
    version = document.get("openapi") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not str(version or "").startswith("3."):
        raise NotADocument("This is no OpenAPI 3 document: it doesn’t begin with “openapi: 3…”. Swagger 2 is older.")
    if not isinstance(document.get("paths"), dict):
        raise NotADocument("The document describes no paths.")
    return document


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as err:
        raise NotADocument("The document is not JSON that can be read.") from err


def _yaml(text: str) -> Any:
    if len(text) > MOST_YAML_BYTES:
        raise NotADocument("A YAML document may have 1 MB. Convert a larger one to JSON.")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # Before anything is built of it: a few lines of aliases stand for more than any memory holds.
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent):
                raise NotADocument("The document uses YAML aliases. Convert it to JSON.")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise NotADocument("The document is nested too deeply.")
        found = yaml.load(text, Loader=loader)  # noqa: S506 (a safe loader: no tags but those of JSON's kind)
        # Keys such as 200 and dates become texts, as in JSON.
        return json.loads(json.dumps(found, default=str))
    except (yaml.YAMLError, TypeError, RecursionError) as err:
        raise NotADocument("The document is neither JSON nor YAML that can be read.") from err
    except ValueError as err:
        raise (
            err if isinstance(err, NotADocument) else NotADocument("The document holds a value that is none.")
        ) from err


def _check_size(document: Any) -> None:
    level, depth, nodes = [document], 0, 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if depth > _DEEPEST or nodes > _MOST_NODES:
            raise NotADocument("The document is nested too deeply, or too large.")
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
        ]


def server(document: Mapping[str, Any]) -> str:
    """Return the address the document says the API answers at, or an empty string."""
    servers = document.get("servers")
    first = _map(servers[0]) if isinstance(servers, list) and servers else {}
    url = str(first.get("url") or "")
    for name, variable in _map(first.get("variables")).items():
        url = url.replace(f"{{{name}}}", str(_map(variable).get("default", "")))
    return url.rstrip("/")[:255] if url.startswith(("https://", "http://")) else ""


def operations(document: Mapping[str, Any], search: str = "") -> list[Described]:
    """Return the operations, in the document's order; of a search, those in which all its words stand."""
    words = search.casefold().split()
    found = []
    for described, _, operation in _Walk(document).operations():
        tags = operation.get("tags")
        more = " ".join([str(operation.get("operationId", "")), *map(str, tags if isinstance(tags, list) else [])])
        text = f"{described.key} {described.summary} {more}".casefold()
        if all(word in text for word in words):
            found.append(described)
    return found


def details(document: Mapping[str, Any], key: str) -> Details | None:
    """Return what an operation (`GET /orders/{id}`) asks and answers; None where there is none of that name."""
    walk = _Walk(document)
    for described, item, operation in walk.operations():
        if described.key == key:
            return Details(
                described,
                tuple(walk.parameters(item, operation)),
                tuple(walk.fields(_schema(walk.resolved(operation.get("requestBody"))), "readOnly")),
                tuple(walk.fields(_schema(walk.success(operation)), "writeOnly")),
            )
    return None


class _Walk:
    """Goes through a document, following references inside it, for a limited number of steps.

    Schemas that refer to themselves and to each other hold, written out, more than could ever be shown.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._steps = _MOST_STEPS

    def operations(self) -> Iterator[tuple[Described, Mapping[str, Any], Mapping[str, Any]]]:
        """Go through operations: each with its path's item and its own description."""
        count = 0
        for path, item in _map(self._document.get("paths")).items():
            known = self.resolved(item)
            for method in _METHODS:
                operation = known.get(method)
                if isinstance(operation, dict) and count < MOST_OPERATIONS:
                    count += 1
                    words = operation.get("summary") or operation.get("description") or operation.get("operationId")
                    yield Described(method.upper(), path[:300], _line(words)), known, operation

    def parameters(self, item: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[Parameter]:
        """Go through parameters; the operation's own count more than its path's."""
        told: dict[tuple[str, str], Parameter] = {}
        for given in (item.get("parameters"), operation.get("parameters")):
            for each in given[:_MOST_FIELDS] if isinstance(given, list) else []:
                known = self.resolved(each)
                name, place = str(known.get("name", ""))[:80], str(known.get("in", ""))
                is_required = known.get("required") is True
                told[name, place] = Parameter(name, place, is_required, _line(known.get("description")))
        yield from told.values()

    def success(self, operation: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what is said of the answer when it worked."""
        responses = _map(operation.get("responses"))
        status = next((status for status in sorted(responses) if status.startswith("2")), "default")
        return self.resolved(responses.get(status))

    def fields(self, schema: Any, left_out: str) -> list[Field]:
        """Return the members of an object, those of what it holds too, as far as they are of use."""
        found: list[Field] = []
        self._collect(schema, "", 0, left_out, found)
        return found

    def _collect(self, schema: Any, prefix: str, depth: int, left_out: str, found: list[Field]) -> None:
        known = self._whole(schema)
        if depth > _DEEPEST_FIELD:
            return
        if _type(known) == "array":
            self._collect(known.get("items"), f"{prefix}[]", depth + 1, left_out, found)
            return
        required = _names(known.get("required"))
        for name, member in _map(known.get("properties")).items():
            inner = self._whole(member)
            if inner.get(left_out) is True or not _PLAIN.match(name):
                continue
            path = f"{prefix}.{name}" if prefix else name
            kind = _type(inner)
            if kind in {"object", "array"}:
                self._collect(inner, path, depth + 1, left_out, found)
            elif len(found) < _MOST_FIELDS:
                words = _line(inner.get("title") or inner.get("description"))
                found.append(Field(path, kind, name in required, words))

    def _whole(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """Return a schema with what it is put together from; of alternatives the first."""
        known = dict(self.resolved(schema))
        parts = _list(known.get("allOf"))[:_MOST_PARTS]
        for name in ("oneOf", "anyOf"):
            parts += [each for each in _list(known.get(name)) if _map(each).get("type") != "null"][:1]
        for part in parts if depth < _DEEPEST_FIELD else []:
            inner = self._whole(part, depth + 1)
            members = {**_map(inner.get("properties")), **_map(known.get("properties"))}
            # What is large is copied with each schema that it is part of.
            self._steps -= len(members) // _MEMBERS_PER_STEP
            required = [*_names(inner.get("required")), *_names(known.get("required"))]
            known = {**inner, **known, "required": required} | ({"properties": members} if members else {})
        return known

    def resolved(self, node: Any) -> Mapping[str, Any]:
        """Follow references inside the document; one that leads elsewhere, or in a circle, tells nothing."""
        for _ in range(_MOST_PARTS):
            self._steps -= 1
            known = _map(node)
            reference = known.get("$ref")
            if self._steps < 0:
                return {}
            if not isinstance(reference, str):
                return known
            node = self._pointed(reference)
        return {}

    def _pointed(self, reference: str) -> Any:
        if not reference.startswith("#/") or len(reference) > _LONGEST_REFERENCE:
            return None
        node: Any = self._document
        for part in reference[2:].split("/"):
            node = _map(node).get(unquote(part).replace("~1", "/").replace("~0", "~"))
        return node


# What can stand in an expression as it is.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}\Z")


def _schema(holder: Mapping[str, Any]) -> Any:
    content = _map(holder.get("content"))
    kind = next((kind for kind in content if "json" in kind.lower()), "*/*")
    return _map(content.get(kind)).get("schema")


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), None)
    return str(kind or ("object" if "properties" in schema else "array" if "items" in schema else "string"))


def _map(node: Any) -> Mapping[str, Any]:
    return node if isinstance(node, dict) else {}


def _list(node: Any) -> list[Any]:
    return list(node) if isinstance(node, list) else []


def _names(node: Any) -> list[str]:
    return [each for each in node if isinstance(each, str)] if isinstance(node, list) else []


def _line(text: Any) -> str:
    return " ".join(str(text or "")[: 4 * _LONGEST_TEXT].split())[:_LONGEST_TEXT]
