"""What the sandbox needs to know of a vendor."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote

from integrations.sandbox.store import Store
from integrations.sandbox.wire import BadJsonError, Reply, Request


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page: newest or most telling rows first, `total` of how many."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    total: int


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

    def __init__(self, store: Store) -> None:
        self.store = store

    def respond(self, request: Request) -> Reply:
        """Do what the request asks; what it changed is committed before this returns."""
        refused = self.admit(request)
        if refused:
            return refused
        is_path_known = False
        for candidate in self.routes:
            match = candidate.pattern.fullmatch(request.path)
            if match and candidate.method == request.method:
                operation: Callable[..., Reply] = getattr(self, candidate.operation)
                try:
                    return self.finish(
                        request, operation(request, **{k: unquote(v) for k, v in match.groupdict().items()})
                    )
                except BadJsonError as err:
                    return self.finish(request, self.refuse(request, 400, f"Invalid input JSON: {err}"))
            is_path_known = is_path_known or bool(match)
        return self.finish(request, self.refuse(request, 405 if is_path_known else 404))

    def admit(self, request: Request) -> Reply | None:
        """The refusal, if the caller may not come in (key, limits)."""
        raise NotImplementedError

    def finish(self, request: Request, reply: Reply) -> Reply:
        """Add what the vendor adds to every reply."""
        return reply

    def refuse(self, request: Request, status: int, message: str = "") -> Reply:
        """An error in the vendor's form."""
        raise NotImplementedError

    def seed(self) -> None:
        """Fill the empty tables."""

    def reload(self) -> None:
        """Forget what is kept in memory beside the store."""

    def rows(self, kind: str) -> list[dict[str, Any]] | None:
        """Everything held of one kind, or None where there is no such kind."""
        raise NotImplementedError

    def tables(self) -> list[Table]:
        """What the page shows."""
        raise NotImplementedError
