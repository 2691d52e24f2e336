"""Which tables hold personal data, and how each forgets a person: every room registers its own.

A test fails for a table with free text that is neither registered nor said to be harmless, with a reason.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

# Shorter texts occur by chance: what merely contains them isn't about the person.
_SHORTEST = 6


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is to be forgotten: what they were found by here, and what stood for them elsewhere.

    `identifiers` are e-mail addresses, phone numbers and clients' references as texts.
    """

    lead_id: UUID
    identifiers: Sequence[str] = ()
    conversation_ids: Sequence[UUID] = ()
    external_ids: Sequence[str] = ()

    def mentioned_in(self, *fields: str) -> Q | None:
        """Return the condition that one of these text fields contains one of the identifiers; None without any."""
        found = Q()
        for text in self.spellings():
            for field in fields:
                found |= Q(**{f"{field}__icontains": text})
        return found or None

    def spellings(self) -> Iterator[str]:
        """Yield what to look for in free text: each identifier, a phone number without its plus, too."""
        for text in dict.fromkeys(self.identifiers):
            # As it stands in JSON on SQLite: what isn't ASCII is written as escapes.
            escaped = dumps(text)[1:-1]
            yield from (each for each in {text.removeprefix("+"), escaped} if len(each) >= _SHORTEST)


Forget = Callable[[Person], int]


@dataclass(frozen=True, slots=True)
class Holding:
    """A table with personal data: what it is called for people, and what forgets a person in it."""

    table: str
    words: str
    forget: Forget


_holdings: dict[str, Holding] = {}
_harmless: dict[str, str] = {}


def register(table: str, words: str, forget: Forget) -> None:
    """Say how a table such as `leads.Lead` forgets a person; called from `AppConfig.ready`.

    `forget` returns how many rows it changed or removed; it may be called again after a crash.
    """
    _holdings[table] = Holding(table, words, forget)


def harmless(reason: str, *tables: str) -> None:
    """Say of tables that they hold nothing about leads, and why."""
    _harmless.update(dict.fromkeys(tables, reason))


def holdings() -> list[Holding]:
    """Return every table that holds personal data."""
    return [_holdings[table] for table in sorted(_holdings)]


def is_known(table: str) -> bool:
    """Say whether somebody thought about a table."""
    return table in _holdings or table in _harmless


def blank(rows: QuerySet[Any], mentioned: Q | None, **values: Any) -> int:
    """Overwrite the rows that mention a person."""
    return rows.filter(mentioned).update(**values) if mentioned is not None else 0


def remove(rows: QuerySet[Any], ids: Iterable[Any]) -> int:
    """Delete rows by their keys; returns how many of these rows went."""
    doomed = list(ids)
    rows.filter(pk__in=doomed).delete()
    return len(doomed)
