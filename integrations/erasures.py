"""Has connectors forget somebody: what they find them by is sealed in the erasure, for it may be gone here."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from integrations import outbox, subjects
from integrations.models import Connector, Delivery
from integrations.providers.base import Contact, ContactEraser
from integrations.providers.registry import is_able
from runtime import secrets, wakeups

State = Delivery.State


@dataclass(frozen=True, slots=True)
class Asked:
    """Which connectors are told to forget somebody, and which can't be told, so that a person has to erase there."""

    told: Sequence[Connector]
    by_hand: Sequence[Connector]


def erase(*, subject_kind: str, subject_id: uuid.UUID, identifiers: Mapping[str, Any]) -> Asked:
    """Have every connector that may have been told of a subject forget it; the subject may be deleted right after.

    `identifiers` are what vendors may know it by, named as in `Contact.values`: `{"email": str, "phone": str,
    "reference": str}`; they are sealed in the erasures' rows and removed as each ends. How the erasures stand:
    `Delivery.objects.for_subject(kind, id).filter(operation="erase")`.
    Everything else for the subject is given up; a fresh capture makes new deliveries, which go after the erasure.
    """
    with transaction.atomic():
        rows = Delivery.objects.filter(subject_kind=subject_kind, subject_id=subject_id)
        others = rows.exclude(operation=outbox.ERASE)
        knowing = Connector.objects.filter(pk__in=_may_have_told(others).values("connector"))
        asked = Asked(*_by_ability(knowing))
        open_states = [State.WAITING, State.NEEDS_YOU, State.SKIPPED]
        others.filter(state__in=open_states).update(**outbox.closing(State.CANCELLED, "erased"))
        wanted = [outbox.Wanted(row.pk, subject_id, outbox.ERASE, subject_kind) for row in asked.told]
        sealed = secrets.seal(dict(identifiers))
        Delivery.objects.filter(pk__in=outbox.put_and_name(wanted)).update(sealed=sealed)
        for connector in asked.told:
            wakeups.wake("connector", str(connector.pk))
    return asked


def _may_have_told(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Leave out what was never sent: nobody is told of an address only to forget it."""
    return rows.exclude(state=State.SKIPPED).exclude(state=State.WAITING, tries=0, call=None)


def _by_ability(connectors: QuerySet[Connector]) -> tuple[list[Connector], list[Connector]]:
    able: list[Connector] = []
    unable: list[Connector] = []
    for connector in connectors:
        (able if is_able(connector, ContactEraser) else unable).append(connector)
    return able, unable


def contact_of(delivery: Delivery) -> Contact:
    """Return whom an erasure is about, as it was sealed. Raises: runtime.secrets.WrongEncryptionKey."""
    return Contact(id=str(delivery.subject_id), values=secrets.unseal(delivery.sealed))


def seal_again(ids: Sequence[uuid.UUID], contact: Contact) -> None:
    """Give erasures what they need where it is gone with the subject."""
    names = ("email", "phone", "reference")
    identifiers = {name: contact.values.get(name) or "" for name in names}
    Delivery.objects.filter(pk__in=ids, operation=outbox.ERASE, sealed="").update(sealed=secrets.seal(identifiers))


def tell_anew(connector: Connector, erased: Mapping[uuid.UUID, Contact], kind: str) -> None:
    """Send those once more whom a vendor has forgotten with somebody else.

    Who was erased may have come back meanwhile, as a new subject with the same address, and been sent before the
    vendor forgot the address.
    """
    found = {pk for contact in erased.values() for pk in subjects.namesakes(kind, contact.values)} - erased.keys()
    if not found:
        return
    rows = Delivery.objects.filter(connector=connector, subject_kind=kind, subject_id__in=found)
    told = rows.filter(state__in=[State.SENDING, State.CONFIRMING, State.DELIVERED]).exclude(operation=outbox.ERASE)
    keys = told.values_list("subject_id", "operation").distinct()
    outbox.put([outbox.Wanted(connector.pk, subject_id, operation, kind) for subject_id, operation in keys])
