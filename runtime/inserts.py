"""Inserts for hot paths: one statement per table, without building a query object per row.

What Django's `bulk_create` does for a row costs several times what the database needs to write it. Values are adapted
as Django's fields adapt them, so that rows read the same whichever way they were written.
"""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, models

Adapt = Callable[[Any], Any]
ModelT = TypeVar("ModelT", bound=models.Model)


def insert(model: type[ModelT], rows: Sequence[ModelT]) -> None:
    """Write new rows, all columns of each; the caller holds the transaction.

    For models whose key is set before they are saved, or (as Django's own keys) by the database.
    """
    if not rows:
        return
    columns = _columns(model, connection.vendor)
    values = [adapt(getattr(row, attname)) for row in rows for attname, _, adapt in columns]
    _execute(model, [column for _, column, _ in columns], values)


def insert_values(
    model: type[models.Model], rows: Sequence[Mapping[str, Any]], *, suffix: str = ""
) -> list[tuple[Any, ...]]:
    """Write rows given as `{attribute: value}`, all with the same names; what is not named has the model's default.

    `suffix` follows the values, such as `ON CONFLICT … RETURNING id`; returns what that returns.
    """
    if not rows:
        return []
    columns, defaults = _columns(model, connection.vendor), _defaults(model, frozenset(rows[0]))
    values = [
        adapt(row[attname] if attname in row else defaults[attname]) for row in rows for attname, _, adapt in columns
    ]
    return _execute(model, [column for _, column, _ in columns], values, suffix=suffix)


def _execute(
    model: type[models.Model], columns: Sequence[str], values: Sequence[Any], *, suffix: str = ""
) -> list[tuple[Any, ...]]:
    """Run one INSERT with values that are adapted already; returns the rows of a RETURNING in `suffix`."""
    row = f"({', '.join(['%s'] * len(columns))})"
    rows = ", ".join([row] * (len(values) // len(columns)))
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {rows} {suffix}', values)
        return list(cursor.fetchall()) if "RETURNING" in suffix else []


def adapter(model: type[models.Model], attname: str) -> Adapt:
    """Return what turns a value of this attribute into what its column takes."""
    return next(adapt for name, _, adapt in _columns(model, connection.vendor) if name == attname)


@functools.cache
def _columns(model: type[models.Model], vendor: str) -> list[tuple[str, str, Adapt]]:
    """Return (attribute, column, how its values are adapted) of each column that is not counted up by the database."""
    return [
        (field.attname, str(field.column), _adapter(field, vendor))
        for field in model._meta.concrete_fields
        if not isinstance(field, models.AutoField)
    ]


@functools.cache
def _defaults(model: type[models.Model], given: frozenset[str]) -> dict[str, Any]:
    """Return the defaults of the attributes that rows don't give; made once, so none may depend on the moment."""
    left = [field for field in model._meta.concrete_fields if field.attname not in given]
    moving = [field.attname for field in left if field.has_default() and callable(field.default)]
    if moving:
        raise TypeError(f"{model.__name__}: give {', '.join(moving)} with each row.")
    return {field.attname: field.get_default() for field in left}


def _adapter(field: "models.Field[Any, Any]", vendor: str) -> Adapt:
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    if isinstance(field, models.JSONField):
        return functools.partial(json.dumps, cls=field.encoder)
    if vendor == "sqlite" and isinstance(field, models.UUIDField):
        return _hex
    if vendor == "sqlite" and isinstance(field, models.DateTimeField):
        return _naive
    if isinstance(field, models.UUIDField | models.DateTimeField | models.BooleanField | models.FloatField):
        return _same
    if isinstance(field, models.IntegerField | models.CharField | models.TextField):
        return _plain
    return lambda value: field.get_db_prep_save(value, connection)


def _same(value: Any) -> Any:
    return value


def _plain(value: Any) -> Any:
    # Members of TextChoices are strings that a driver doesn't know as such.
    return value if type(value) in _PLAIN else value.value if hasattr(value, "value") else value


_PLAIN = {str, int, type(None)}


def _hex(value: UUID | None) -> str | None:
    return None if value is None else value.hex


def _naive(value: datetime | None) -> str | None:
    return None if value is None else str(value.astimezone(UTC).replace(tzinfo=None))
