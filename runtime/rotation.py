"""Secrets sealed anew with the current key, row by row, while everything else goes on.

Each table with sealed columns is registered; a row is written only if nobody has changed it since
it was read, so that a token renewed in between is not lost. Stopped halfway, the next run goes on where this one was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Q, QuerySet

from runtime import secrets
from runtime.clock import db_now


@dataclass(frozen=True, slots=True)
class Sealed:
    """A table's sealed columns; while the time in `unless_held_by` is to come, a row is left alone.

    `key_column` names the column that says which key sealed a row; a table of few sealed rows does without.
    """

    model: str
    columns: tuple[str, ...]
    key_column: str = ""
    unless_held_by: str = ""


_tables: dict[str, Sealed] = {}


def register(model: str, columns: Sequence[str], *, key_column: str = "", unless_held_by: str = "") -> None:
    """Have the sealed columns of `"app.Model"` rotated; called from `AppConfig.ready`."""
    _tables[model] = Sealed(model, tuple(columns), key_column, unless_held_by)


def left() -> int:
    """Return how many rows are sealed with another key than the current one."""
    return sum(len(_behind(table)) for table in _tables.values())


def rotate() -> Iterator[bool]:
    """Seal every row anew, one at a time; yields whether it was written (not: somebody was at it).

    Raises: WrongEncryptionKey where a row's key is not among ENCRYPTION_KEYS.
    """
    for table in _tables.values():
        for pk in _behind(table):
            yield _rotate(table, pk)


def _behind(table: Sealed) -> list[Any]:
    """Return the ids of rows that another key than the current one has sealed."""
    rows: QuerySet[Any] = apps.get_model(table.model)._default_manager.order_by("pk")
    if table.key_column:
        return list(rows.exclude(**{table.key_column: secrets.current_key_id()}).values_list("pk", flat=True))
    [column] = table.columns
    sealed = rows.filter(**{f"{column}__gt": ""}).values_list("pk", column)
    return [pk for pk, text in sealed.iterator() if not secrets.is_current(text)]


def _rotate(table: Sealed, pk: Any) -> bool:
    rows = apps.get_model(table.model)._default_manager.filter(pk=pk)
    if table.unless_held_by:
        held = table.unless_held_by
        rows = rows.filter(Q(**{held: None}) | Q(**{f"{held}__lt": db_now()}))
    before = rows.values(*table.columns).first()
    if before is None:
        return False
    fresh = {column: secrets.seal(secrets.unseal(text)) if text else text for column, text in before.items()}
    told = {table.key_column: secrets.current_key_id()} if table.key_column else {}
    return bool(rows.filter(**before).update(**fresh, **told))
