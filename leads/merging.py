"""Two leads that are one person: compared side by side, then made one; no value is lost."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from gateway.models import IdempotentResult
from integrations import outbox
from integrations.models import Delivery
from leads import routing
from leads.consents import in_force, purposes_of
from leads.models import Activity, Consent, Lead, Reference
from leads.models.people import is_one_of
from runtime import wakeups
from runtime.clock import db_now

FIELDS = ("email", "phone", "first_name", "last_name", "company")
_LABELS = {
    "email": "E-mail",
    "phone": "Phone",
    "first_name": "First name",
    "last_name": "Last name",
    "company": "Company",
}
_MOST_CANDIDATES = 10
State = Delivery.State


@dataclass(frozen=True, slots=True)
class Pair:
    """One value of two leads beside each other."""

    name: str
    kept: Any
    lost: Any

    @property
    def label(self) -> str:
        """Return what people call it."""
        return _LABELS.get(self.name) or self.name.removeprefix("attributes.")

    @property
    def differs(self) -> bool:
        """Say whether a person has to choose."""
        return bool(self.kept) and bool(self.lost) and self.kept != self.lost


def pairs(kept: Lead, lost: Lead) -> list[Pair]:
    """Return the values of two leads side by side, the attributes among them."""
    found = [Pair(name, getattr(kept, name), getattr(lost, name)) for name in FIELDS]
    names = dict.fromkeys([*kept.attributes, *lost.attributes])
    return [*found, *(Pair(f"attributes.{n}", kept.attributes.get(n), lost.attributes.get(n)) for n in names)]


def candidates(lead: Lead) -> list[Lead]:
    """Return who may be the same person: who an identifier pointed at, who shares a phone number or a name."""
    pointed = lead.activities.filter(changes__has_key=Activity.ALSO).values_list("changes", flat=True)
    ids = [uuid.UUID(str(changes[Activity.ALSO][1])) for changes in pointed]
    same = Q(pk__in=ids)
    if lead.phone:
        same |= is_one_of("phone", [lead.phone])
    if lead.first_name and lead.last_name:
        same |= Q(first_name__iexact=lead.first_name, last_name__iexact=lead.last_name)
    return list(Lead.objects.filter(same).exclude(pk=lead.pk).select_related("client")[:_MOST_CANDIDATES])


def not_a_duplicate(*, lead: Lead) -> None:
    """Take the mark away: a person has looked."""
    Lead.objects.filter(pk=lead.pk).update(possible_duplicate=False)


def lead_merge(*, kept: Lead, lost: Lead, theirs: Sequence[str] = (), who: str = "") -> Lead:
    """Make two leads one: `theirs` names the values that are taken from the lead that goes.

    What loses stays in the activity; everything that hung on the lead that goes hangs on the other from here on.
    """
    with transaction.atomic():
        rows = {
            row.pk: row for row in Lead.objects.select_for_update().filter(pk__in=[kept.pk, lost.pk]).order_by("pk")
        }
        kept, lost = rows[kept.pk], rows[lost.pk]
        changes = _values(kept, lost, theirs)
        before = kept.revision
        _move(kept, lost)
        # First out of the way: no two leads have one address.
        Lead.objects.filter(pk=lost.pk).delete()
        kept.revision = before + lost.revision + 1
        kept.created_at, kept.updated_at = min(kept.created_at, lost.created_at), db_now()
        kept.possible_duplicate = False
        kept.save()
        Activity.objects.create(
            lead=kept,
            at=kept.updated_at,
            kind=Activity.Kind.MERGED,
            revision=kept.revision,
            changes=changes,
            said_by=who[:150],
        )
        _send(kept)
    return kept


def _values(kept: Lead, lost: Lead, theirs: Sequence[str]) -> dict[str, list[Any]]:
    """Put the chosen values into the lead that stays; returns `{name: [what lost, what won]}`."""
    changes: dict[str, list[Any]] = {"lead": [str(lost.pk), str(kept.pk)]}
    for pair in pairs(kept, lost):
        take = pair.lost not in (None, "") and (pair.kept in (None, "") or pair.name in theirs)
        winner, loser = (pair.lost, pair.kept) if take else (pair.kept, pair.lost)
        if winner != loser:
            changes[pair.name] = [loser, winner]
        if not take:
            continue
        if pair.name.startswith("attributes."):
            kept.attributes[pair.name.removeprefix("attributes.")] = winner
        else:
            setattr(kept, pair.name, winner)
    # Where somebody came from first is where they came from.
    first, second = sorted((kept, lost), key=lambda lead: lead.created_at)
    if first.source != second.source:
        winner, loser = (first.source, second.source) if first.source else (second.source, first.source)
        changes["source"] = [loser, winner]
        kept.source = winner
    if kept.identified_by == Lead.IdentifiedBy.PHONE and kept.email:
        kept.identified_by = Lead.IdentifiedBy.EMAIL
    return changes


def _move(kept: Lead, lost: Lead) -> None:
    """Hang everything on the lead that stays; what the other one asked counts as asked after that."""
    Activity.objects.filter(lead=lost).update(lead=kept, revision=F("revision") + kept.revision)
    Consent.objects.filter(lead=lost).update(lead=kept)
    Reference.objects.filter(lead=lost).update(lead=kept)
    for result in IdempotentResult.objects.filter(result__lead=str(lost.pk)):
        IdempotentResult.objects.filter(pk=result.pk).update(result={**result.result, "lead": str(kept.pk)})
    theirs = Delivery.objects.filter(subject_kind="lead", subject_id=lost.pk)
    theirs.filter(state__in=[State.WAITING, State.NEEDS_YOU, State.SKIPPED]).update(**outbox.closing(State.SUPERSEDED))
    known = Delivery.objects.for_subject("lead", kept.pk).filter(state=State.DELIVERED).values("connector")
    # Where both are, the one that stays is the one that is kept up to date.
    theirs.filter(state=State.DELIVERED, connector__in=list(known.values_list("connector", flat=True))).update(
        state=State.SUPERSEDED
    )
    theirs.update(subject_id=kept.pk, revision=F("revision") + kept.revision)


def _send(kept: Lead) -> None:
    purposes = purposes_of(in_force([kept.pk])[kept.pk].values())
    wanted = routing.wanted(kept, routing.routes(), purposes)
    routing.drop_old_skips(wanted)
    outbox.put(wanted)
    for connector_id in {want.connector_id for want in wanted if not want.left_out}:
        wakeups.wake("connector", str(connector_id))


def there_twice(kept: Lead, lost: Lead) -> list[str]:
    """Return the connectors that have both: merging here leaves two records there."""
    rows = Delivery.objects.filter(subject_kind="lead", subject_id__in=[kept.pk, lost.pk], state=State.DELIVERED)
    names: dict[str, set[uuid.UUID]] = {}
    for name, subject in rows.values_list("connector__name", "subject_id"):
        names.setdefault(name, set()).add(subject)
    return sorted(name for name, subjects in names.items() if len(subjects) > 1)
