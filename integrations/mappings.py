"""Versions of mappings: drafted, published, taken back into use; and the one that is in use, for whoever sends."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max

from integrations.mapping import Row, check_rows, map_rows, rows_of
from integrations.models import Connector, MappingVersion
from integrations.providers import errors
from integrations.providers.registry import PROVIDERS, class_of
from runtime.clock import db_now

State = MappingVersion.State

UPSERT = "upsert"
_KEPT = "_rows_in_use"


def rows_in_use(connector: Connector, operation: str = UPSERT) -> list[Row]:
    """Return the rows of the published version, else the vendor's usual ones; read once per loaded connector."""
    kept: dict[str, list[Row]] = connector.__dict__.setdefault(_KEPT, {})
    if operation not in kept:
        prepare([connector], operation)
    return kept[operation]


def prepare(connectors: Iterable[Connector], operation: str = UPSERT) -> None:
    """Read the rows that are in use at several connectors in one statement."""
    by_id = {connector.pk: connector for connector in connectors}
    in_use = MappingVersion.objects.filter(connector__in=by_id, operation=operation, state=State.IN_USE)
    found = {version.connector_id: rows(version) for version in in_use}
    for pk, connector in by_id.items():
        kept = connector.__dict__.setdefault(_KEPT, {})
        kept[operation] = found[pk] if pk in found else usual_rows(connector)


def usual_rows(connector: Connector) -> list[Row]:
    """Return the rows that a connector begins with."""
    known = connector.provider in PROVIDERS
    return rows_of(class_of(connector).default_mapping) if known else []


def rows(version: MappingVersion) -> list[Row]:
    """Return a version's rows."""
    return [Row.of(stored) for stored in version.rows if isinstance(stored, Mapping)]


def mapped_fields(connector: Connector, values: Mapping[str, Any], operation: str = UPSERT) -> dict[str, Any]:
    """Return the vendor's fields of one record, by the version in use. Raises: errors.Misconfigured."""
    return map_rows(rows_in_use(connector, operation), values)


def mapping_draft(
    *, connector: Connector, operation: str, rows: Sequence[Row], note: str = "", by: str = ""
) -> MappingVersion:
    """Make a new draft; it changes nothing until it is published. Raises: ValidationError that names the field."""
    _checked(rows)
    with transaction.atomic():
        # One number each: who drafts at the same time waits here.
        Connector.objects.select_for_update().get(pk=connector.pk)
        mine = MappingVersion.objects.filter(connector=connector, operation=operation)
        number = (mine.aggregate(highest=Max("number"))["highest"] or 0) + 1
        return MappingVersion.objects.create(
            connector=connector,
            operation=operation,
            number=number,
            rows=[row.stored() for row in rows],
            note=note,
            changed_by=by,
        )


def mapping_change(*, version: MappingVersion, rows: Sequence[Row], note: str = "", by: str = "") -> MappingVersion:
    """Change a draft; of a version that is or was in use a new draft is made. Raises: ValidationError."""
    _checked(rows)
    stored = [row.stored() for row in rows]
    drafts = MappingVersion.objects.filter(pk=version.pk, state=State.DRAFT)
    if drafts.update(rows=stored, note=note, changed_by=by, changed_at=db_now()):
        return MappingVersion.objects.get(pk=version.pk)
    return mapping_draft(connector=version.connector, operation=version.operation, rows=rows, note=note, by=by)


def mapping_publish(*, version: MappingVersion) -> None:
    """Use a version from now on, a new one or one that was in use before; the one in use so far is kept."""
    with transaction.atomic():
        Connector.objects.select_for_update().get(pk=version.connector_id)
        same = MappingVersion.objects.filter(connector=version.connector_id, operation=version.operation)
        same.filter(state=State.IN_USE).exclude(pk=version.pk).update(state=State.RETIRED)
        same.filter(pk=version.pk).update(state=State.IN_USE, published_at=db_now())


def mapping_field_drop(*, connector: Connector, field: str, operation: str = UPSERT) -> bool:
    """Publish a version without one field, if it is there; False where nothing would be left."""
    before = rows_in_use(connector, operation)
    kept = [row for row in before if row.field != field]
    if not kept or len(kept) == len(before):
        return bool(kept)
    with transaction.atomic():
        note = f"Without “{field}”, which the vendor would not have."
        mapping_publish(version=mapping_draft(connector=connector, operation=operation, rows=kept, note=note[:200]))
    connector.__dict__.pop(_KEPT, None)
    return True


def _checked(rows: Sequence[Row]) -> None:
    try:
        check_rows(rows)
    except errors.Misconfigured as err:
        raise ValidationError({"rows": err.words}) from err
