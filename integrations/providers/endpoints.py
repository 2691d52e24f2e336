"""An endpoint as an administrator defines it: the request, how its answer is read, what it is used for. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, unquote

from integrations.mapping import Row
from integrations.providers.errors import Misconfigured
from integrations.providers.facts import VendorField

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MOST_ENDPOINTS = 40
LONGEST_VALUE = 254

Effect = Literal["upsert", "at_least_once"]


@dataclass(frozen=True, slots=True)
class Use:
    """What an endpoint may be used for: in words, what its request is filled from, what its answer is read as."""

    label: str
    told: tuple[str, ...] = ()
    """Names of values; empty where the endpoint itself says which (`Endpoint.arguments`)."""
    fields: tuple[str, ...] = ()
    """What the answer may be mapped to; empty where it may be anything."""
    key: str = ""
    """The field that has to be what was asked for: an answer about something else is none."""
    changes: bool = False
    is_named: bool = False
    """Whether there may be several, each called by its name; of any other use a connector has one."""


_PERSON = ("email", "phone", "first_name", "last_name", "company", "message")
_LEAD = (*_PERSON, "reference", "id", "external_id", "source", "attributes", "consents")

USES: Mapping[str, Use] = {
    "lead": Use("Write a lead", _LEAD, ("external_id",), changes=True),
    "lead_update": Use("Write a known lead again", _LEAD, ("external_id",), changes=True),
    "erase": Use("Forget a person", ("external_id", "email", "phone", "reference"), changes=True),
    "stock": Use("Look up stock", ("sku",), ("sku", "name", "available", "record_id", "price", "currency"), "sku"),
    "order": Use(
        "Look up an order",
        ("number",),
        (
            *("number", "status", "record_id", "email", "phone", "placed_at", "expected_at", "total", "currency"),
            *("tracking_number", "carrier"),
        ),
        "number",
    ),
    "customer": Use(
        "Look up a customer",
        ("email",),
        ("email", "record_id", "phone", "first_name", "last_name", "orders"),
        "email",
    ),
    "read": Use("Look up something else", is_named=True),
    "write": Use("Change something", changes=True, is_named=True),
}

# How the parts of a definition are stored.
_TEXTS = ("name", "label", "use", "method", "path", "record", "missing_if", "failed_if", "idempotency_header")
_ROWS = ("query", "body", "answer")
_PAIRS = ("headers", "arguments", "suggested")

# What values about a person are called, here and by administrators.
_PERSONAL = ("mail", "phone", "name", "company", "message", "source", "attributes", "consents", "address", "birth")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_WORD = re.compile(r"[A-Za-z_]\w*")


class Unfit(ValueError):
    """A value that an address can't hold; the message names what it is, never the value."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One request that a connector may send, and how its answer is read.

    `path` has placeholders such as `{number}`; `query` and `body` are filled by rows from the same values. `record` is
    where in the answer the record is, or a list of which the one that was asked for counts. `missing_status` and
    `missing_if` (an expression over the whole answer) say that there is none; `failed_if` that a 2xx did not do it.
    """

    name: str
    label: str
    use: str
    method: str = "GET"
    path: str = "/"
    query: tuple[Row, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: tuple[Row, ...] = ()
    record: str = ""
    answer: tuple[Row, ...] = ()
    missing_status: tuple[int, ...] = (404,)
    missing_if: str = ""
    failed_if: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """What has to be told, each with the question that asks for it."""
    effect: Effect = "at_least_once"
    idempotency_header: str = ""
    has_personal_address: bool = False
    """The administrator knows that somebody's data stands in the address."""
    fields: tuple[VendorField, ...] = ()
    """What the body takes, where a description of the API told."""
    suggested: Mapping[str, str] = field(default_factory=dict)
    """What those fields are filled with to begin with, as JMESPath over a lead."""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Endpoint":
        """Read one as it is stored; what has a wrong shape counts as absent."""
        rows = {name: _rows(stored.get(name)) for name in _ROWS}
        pairs = {name: _pairs(stored.get(name)) for name in _PAIRS}
        texts = {name: stored[name] for name in _TEXTS if isinstance(stored.get(name), str)}
        told: dict[str, Any] = {"name": "", "label": "", "use": "", **texts, **rows, **pairs}
        return cls(
            **told,
            missing_status=tuple(each for each in _list(stored.get("missing_status", [404])) if isinstance(each, int)),
            effect="upsert" if stored.get("effect") == "upsert" else "at_least_once",
            has_personal_address=stored.get("has_personal_address") is True,
            fields=tuple(_field(each) for each in _list(stored.get("fields")) if isinstance(each, dict)),
        )

    def stored(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {
            **{name: getattr(self, name) for name in (*_TEXTS, "effect", "has_personal_address")},
            **{name: [row.stored() for row in getattr(self, name)] for name in _ROWS},
            **{name: dict(getattr(self, name)) for name in _PAIRS},
            # PostgreSQL keeps no order in an object, and it is the order in which one is asked.
            "arguments": [[name, words] for name, words in self.arguments.items()],
            "missing_status": list(self.missing_status),
            "fields": [{"name": f.name, "type": f.type, "is_required": f.is_required} for f in self.fields],
        }

    @property
    def told(self) -> tuple[str, ...]:
        """What its request may be filled from."""
        return USES[self.use].told or tuple(self.arguments)

    @property
    def placeholders(self) -> list[str]:
        """The names in braces of its path."""
        return _PLACEHOLDER.findall(self.path)

    def address(self, values: Mapping[str, Any]) -> str:
        """Return its path filled with values, each percent-encoded whole. Raises: Unfit."""
        return _PLACEHOLDER.sub(lambda found: _encoded(found[1], values), self.path)

    def personal_names(self, sent: Collection[str]) -> set[str]:
        """Return the names under which a body may hold something about a person, whatever the API calls it.

        Of a change that is all that is `sent`, in the answer too, which often repeats it.
        """
        theirs = {name for row in self.answer if row.field in _PERSON for name in _WORD.findall(row.source)[-1:]}
        return theirs | (set(sent) if USES[self.use].changes else set())

    def is_personal(self) -> bool:
        """Tell whether its address may hold something about a person."""
        words = {place.split(".")[0] for place in self.placeholders}
        for row in self.query:
            for source in row.sources:
                # What takes the whole of the values names nothing, and holds everything.
                words |= set(_WORD.findall(source)) or {"@"}
                words |= {"@"} if re.search(r"[@*]", source) else set()
        return any(name == "@" or any(part in name for part in _PERSONAL) for name in words & {*self.told, "@"})


def endpoints_of(config: Mapping[str, Any]) -> list[Endpoint]:
    """Return what a connector's settings define; what can't be understood is left out."""
    stored = _list(config.get("endpoints"))[:MOST_ENDPOINTS]
    found = [Endpoint.of(each) for each in stored if isinstance(each, Mapping)]
    return [endpoint for endpoint in found if endpoint.use in USES]


def fits_address(value: str) -> bool:
    """Tell whether a value may stand in an address: what could be read as a way up, or as another line, may not."""
    # Servers differ in how often they decode; twice is the worst that is common.
    plain = unquote(unquote(value))
    is_plain = not any(ord(char) < 32 or ord(char) == 127 for char in plain)
    return 0 < len(value) <= LONGEST_VALUE and is_plain and not {".", ".."} & set(re.split(r"[/\\]", plain))


def _encoded(place: str, values: Any) -> str:
    for name in place.split("."):
        values = values.get(name) if isinstance(values, Mapping) else None
    if not isinstance(values, str | int) or isinstance(values, bool) or not fits_address(str(values)):
        raise Unfit(place)
    return quote(str(values).encode("utf-8", "replace"), safe="")


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"customer.email": …, "phones[0].number": …}` as the object it stands for. Raises: Misconfigured."""
    whole: dict[str, Any] = {}
    for name, value in fields.items():
        parts: list[str | int] = []
        for part in name.split("."):
            key, _, index = part.partition("[")
            parts += [key, int(index[:-1])] if index[:-1].isdigit() else [part]
        _put(whole, parts, value, name)
    return whole


def _put(at: Any, parts: Sequence[str | int], value: Any, name: str) -> None:
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        fresh: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(at, list) and isinstance(part, int):
            if part > len(at):
                raise wrong(f"“{name[:60]}”: a list is filled from [0] on.")
            if part == len(at):
                at.append(fresh)
            elif following is None:
                raise wrong(f"“{name[:60]}” stands here twice.")
        elif isinstance(at, dict) and isinstance(part, str):
            if following is None and part in at:
                raise wrong(f"“{name[:60]}” stands here twice.")
            at.setdefault(part, fresh)
        else:
            raise wrong(f"“{name[:60]}” is a value in one row and holds others in another.")
        at = at[part]


def _rows(stored: Any) -> tuple[Row, ...]:
    return tuple(Row.of(each) for each in _list(stored) if isinstance(each, Mapping))


def _pairs(stored: Any) -> dict[str, str]:
    pairs = stored.items() if isinstance(stored, Mapping) else (each for each in _list(stored) if _is_pair(each))
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


def _is_pair(stored: Any) -> bool:
    return isinstance(stored, list) and len(stored) == 2


def _list(stored: Any) -> list[Any]:
    return stored if isinstance(stored, list) else []


_TYPES = {"text", "number", "boolean"}


def _field(stored: Mapping[str, Any]) -> VendorField:
    kind = stored.get("type")
    name, is_required = str(stored.get("name", ""))[:120], stored.get("is_required") is True
    return VendorField(name, type=kind if kind in _TYPES else "text", is_required=is_required)


def wrong(words: str) -> Misconfigured:
    """Return what is wrong with a definition, in words for a person."""
    return Misconfigured(words, code="endpoint")
