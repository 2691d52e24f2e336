"""What the sandbox needs to know of a vendor."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote

from integrations.sandbox.limits import UNLIMITED, Passage, Window
from integrations.sandbox.store import Store
from integrations.sandbox.wire import BadJsonError, Reply, Request

EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+\Z")
_SHOWN = 50


class RefusedError(Exception):
    """What a vendor refuses, by its word for it; `about` is what its form tells besides, such as a field."""

    def __init__(self, code: str, message: str = "", status: int = 400, about: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.about = code, message, status, about


def is_key(given: str, key: str) -> bool:
    """Whether a caller knows a key."""
    return secrets.compare_digest(given.encode(), key.encode())


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page: newest or most telling rows first, `total` of how many."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    total: int

    @classmethod
    def newest(
        cls, title: str, columns: tuple[str, ...], rows: Sequence[Any], told: Callable[[Any], tuple[Any, ...]]
    ) -> Table:
        """A table of the last rows, the newest first; `told` makes the cells of one."""
        return cls(title, columns, [told(row) for row in rows[: -_SHOWN - 1 : -1]], len(rows))


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of an API; named groups of the pattern become arguments of the method called `operation`."""

    method: str
    pattern: re.Pattern[str]
    operation: str


def route(method: str, path: str, operation: str) -> Route:
    """A route from a path such as `/contacts/{contact_id}`."""
    return Route(method, re.compile(re.sub(r"\\?\{(\w+)\\?\}", r"(?P<\1>[^/]+)", re.escape(path))), operation)


class Vendor:
    """A vendor's API: its tables, its routes, its words for what goes wrong."""

    key: ClassVar[str]
    name: ClassVar[str]
    schema: ClassVar[str]
    routes: ClassVar[tuple[Route, ...]]
    limit: ClassVar[Mapping[str, int] | None] = None
    """How many `requests` it lets through in `window_ms`, where no dial says otherwise."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.window = Window()

    def respond(self, request: Request) -> Reply:
        """Do what the request asks; what it changed is committed before this returns."""
        try:
            return self.admit(request) or self.finish(request, self._do(request))
        except RefusedError as refused:
            return self.finish(request, self.tell(request, refused))
        except BadJsonError as err:
            return self.finish(request, self.refuse(request, 400, f"Invalid input JSON: {err}"))

    def _do(self, request: Request) -> Reply:
        is_path_known = False
        for candidate in self.routes:
            match = candidate.pattern.fullmatch(request.path)
            if match and candidate.method == request.method:
                operation: Callable[..., Reply] = getattr(self, candidate.operation)
                return operation(request, **{k: unquote(v) for k, v in match.groupdict().items()})
            is_path_known = is_path_known or bool(match)
        return self.refuse(request, 405 if is_path_known else 404)

    def admit(self, request: Request) -> Reply | None:
        """The refusal, if the caller may not come in (key, limits)."""
        raise NotImplementedError

    def take(self, request: Request, limit: Mapping[str, int] | None = None, window: Window | None = None) -> Passage:
        """Count a request against what a dial says, else the vendor's limit."""
        told = request.dials.value("rate_limit") or limit or self.limit
        return (window or self.window).take(**told) if told else UNLIMITED

    def finish(self, request: Request, reply: Reply) -> Reply:
        """Add what the vendor adds to every reply: at least what `admit` has put into the note `headers`."""
        reply.headers.update(request.note.get("headers", {}))
        return reply

    def tell(self, request: Request, refused: RefusedError) -> Reply:
        """A refusal that came up on the way, in the vendor's form."""
        return self.refuse(request, refused.status, refused.message)

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        """An error in the vendor's form."""
        raise NotImplementedError

    def seed(self) -> None:
        """Fill the empty tables."""

    def reload(self) -> None:
        """Forget what is kept in memory beside the store, and begin with full limits."""
        self.window.clear()

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        """Everything held of one kind, or None where there is no such kind."""
        raise NotImplementedError

    def change(self, kind: str, id: str, values: dict[str, Any]) -> bool:
        """Change a record as people at the company would; False where that isn't imitated, or there is none."""
        return False

    def tables(self) -> list[Table]:
        """What the page shows."""
        raise NotImplementedError
