"""Writes of hot paths: one statement per table, without building a query object per row.

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

from runtime.together import Statement

Adapt = Callable[[Any], Any]
_Column = tuple[str, str, Adapt]
"""The attribute, the column, how its values are adapted."""
ModelT = TypeVar("ModelT", bound=models.Model)


def insert(model: type[ModelT], rows: Sequence[ModelT]) -> list[Statement]:
    """Return what writes new rows, all columns of each.

    For models whose key is set before they are saved, or (as Django's own keys) by the database.
    """
    columns = _columns(model, connection.vendor)
    return _insert(model, columns, [[adapt(getattr(row, attname)) for attname, _, adapt in columns] for row in rows])


def insert_values(model: type[models.Model], rows: Sequence[Mapping[str, Any]], *, suffix: str = "") -> list[Statement]:
    """Return what writes rows given as `{attribute: value}`, all with the same names.

    What is not named has the model's default. `suffix` follows the values, such as `ON CONFLICT … RETURNING id`.
    """
    if not rows:
        return []
    columns, defaults = _columns(model, connection.vendor), _defaults(model, frozenset(rows[0]))
    values = [
        [adapt(row[attname] if attname in row else defaults[attname]) for attname, _, adapt in columns] for row in rows
    ]
    return _insert(model, columns, values, suffix=suffix)


def update(model: type[ModelT], rows: Sequence[ModelT], attnames: Sequence[str]) -> list[Statement]:
    """Return what writes these attributes of rows that the caller has locked."""
    if not rows:
        return []
    key = str(model._meta.pk.attname)
    names = [key, *attnames]
    told, parameters = told_of(model, names, rows)
    columns = {field.attname: field.column for field in model._meta.concrete_fields}
    sets = ", ".join(f'"{columns[name]}" = told_{name}' for name in attnames)
    table = f'"{model._meta.db_table}"'
    return [(f'{told} UPDATE {table} SET {sets} FROM told WHERE "{columns[key]}" = told_{key}', parameters)]


def _insert(
    model: type[models.Model], columns: "Sequence[_Column]", rows: Sequence[Sequence[Any]], *, suffix: str = ""
) -> list[Statement]:
    """Return an INSERT of values that are adapted already; none where there are no rows."""
    if not rows:
        return []
    names = [column for _, column, _ in columns]
    query, parameters = _rows(model, names, rows)
    quoted = ", ".join(f'"{name}"' for name in names)
    return [(f'INSERT INTO "{model._meta.db_table}" ({quoted}) {query} {suffix}', parameters)]


def told_of(model: type[ModelT], attnames: Sequence[str], rows: Sequence[ModelT]) -> tuple[str, list[Any]]:
    """Return the head of a statement, and its parameters, that knows these attributes of rows as `told.told_<name>`."""
    known = {attname: (column, adapt) for attname, column, adapt in _columns(model, connection.vendor)}
    columns = [known[attname] for attname in attnames]
    adapted = [[adapt(getattr(row, name)) for name, (_, adapt) in zip(attnames, columns, strict=True)] for row in rows]
    query, parameters = _rows(model, [column for column, _ in columns], adapted)
    return f"WITH told({', '.join(f'told_{name}' for name in attnames)}) AS ({query})", parameters


def _rows(model: type[models.Model], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """Return a query that gives rows of adapted values.

    On PostgreSQL they travel as one JSON text: a marker and a literal per value, made and parsed in Python, cost a
    capture as much as the database's whole work.
    """
    if connection.vendor == "postgresql":
        records = [dict(zip(names, row, strict=True)) for row in rows]
        return _recordset(model, tuple(names)), [json.dumps(records, default=_text)]
    row = f"({', '.join(['%s'] * len(names))})"
    return f"VALUES {', '.join([row] * len(rows))}", [value for values in rows for value in values]


@functools.cache
def _recordset(model: type[models.Model], names: tuple[str, ...]) -> str:
    types = {str(field.column): field.db_type(connection) for field in model._meta.concrete_fields}
    columns = ", ".join(f'"{name}" {types[name]}' for name in names)
    return f"SELECT * FROM json_to_recordset(%s::json) AS given({columns})"


def _text(value: Any) -> str:
    """Return what JSON has no word for as PostgreSQL reads it."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def adapter(model: type[models.Model], attname: str) -> Adapt:
    """Return what turns a value of this attribute into a parameter for its column."""
    field = next(field for field in model._meta.concrete_fields if field.attname == attname)
    return _adapter(field, connection.vendor)


@functools.cache
def _columns(model: type[models.Model], vendor: str) -> "list[_Column]":
    """Return each column that is not counted up by the database."""
    adapt = _to_json if vendor == "postgresql" else _adapter
    return [
        (field.attname, str(field.column), adapt(field, vendor))
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


def _to_json(field: "models.Field[Any, Any]", vendor: str) -> Adapt:
    """Return what turns a field's values into what `json.dumps` takes."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    if isinstance(field, models.JSONField):
        encoder = field.encoder
        return _same if encoder is None else lambda value: json.loads(json.dumps(value, cls=encoder))
    return _adapter(field, vendor)


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
