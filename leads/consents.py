"""The consent ledger: what people agreed to, what is in force, and which call to a vendor it makes legal."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast

from django.db import transaction

from gateway.models import Client
from integrations import outbox
from integrations.models import Connector, Delivery
from integrations.subscriptions import SUBSCRIBE
from leads import routing
from leads.models import Activity, Consent, Lead
from runtime import wakeups
from runtime.clock import db_now
from runtime.hashes import person_hash

Source = Consent.Source
LegalCall = Literal["subscribe", "double_opt_in", "unsubscribe", "none"]


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """What a person agreed to or withdrew, in the words they saw."""

    purpose: str
    granted: bool
    wording: str = ""
    version: str = ""
    at: datetime | None = None
    channel: str = ""
    locale: str = ""
    is_confirmed: bool = True


@dataclass(frozen=True, slots=True)
class InForce:
    """What somebody last said about one purpose."""

    purpose: str
    granted: bool
    is_confirmed: bool
    at: datetime
    version: str = ""

    @property
    def words(self) -> str:
        """What mappings and files say of it: granted, unconfirmed or withdrawn."""
        if not self.granted:
            return "withdrawn"
        return "granted" if self.is_confirmed else "unconfirmed"


def legal_call(statement: InForce | None) -> LegalCall:
    """Return which call at a vendor a statement makes legal.

    Nobody is subscribed who didn't say so, nobody silently re-subscribed: what isn't confirmed only lets the vendor
    ask (double opt-in), and a withdrawal is told.
    """
    if statement is None:
        return "none"
    if not statement.granted:
        return "unsubscribe"
    return "subscribe" if statement.is_confirmed else "double_opt_in"


def in_force(lead_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[str, InForce]]:
    """Return the newest statement per lead and purpose, in one statement."""
    found: dict[uuid.UUID, dict[str, InForce]] = defaultdict(dict)
    rows = Consent.objects.filter(lead__in=lead_ids).order_by("at", "pk")
    for lead_id, purpose, *said in rows.values_list("lead", "purpose", "granted", "is_confirmed", "at", "version"):
        found[lead_id][str(purpose)] = InForce(str(purpose), *cast("tuple[bool, bool, datetime, str]", tuple(said)))
    return found


def newest(lead: Lead) -> list[Consent]:
    """Return the statements in force of one lead with their wording, by purpose."""
    found = {said.purpose: said for said in lead.consents.order_by("at", "pk")}
    return [said for _, said in sorted(found.items())]


def purposes_of(statements: Iterable[InForce]) -> dict[str, bool]:
    """Return purpose → whether it is consented to, as lead filters look at it."""
    return {statement.purpose: statement.granted for statement in statements}


def statement_of(
    lead: Lead, given: ConsentGiven, *, client: Client | None, source: str, is_confirmed: bool, now: datetime
) -> Consent:
    """Return the ledger's row of what was said; the caller writes it."""
    return Consent(
        lead=lead,
        purpose=given.purpose,
        granted=given.granted,
        wording=given.wording,
        version=given.version,
        channel=given.channel or str(lead.source.get("channel") or "")[:60],
        locale=given.locale,
        source=source,
        address_hash=address_hash(lead),
        # A statement about the future would stay the newest for ever.
        at=min(given.at or now, now),
        recorded_at=now,
        client=client,
        is_confirmed=is_confirmed and given.is_confirmed,
    )


def address_hash(lead: Lead) -> str:
    """Return the hash of the address that a consent is about: it doesn't move on to another address."""
    if lead.email:
        return person_hash("email", lead.email)
    return person_hash("phone", lead.phone) if lead.phone else ""


def consents_record(
    *,
    lead: Lead,
    given: Sequence[ConsentGiven],
    client: Client | None = None,
    source: str = Source.API,
    is_confirmed: bool = True,
    who: str = "",
) -> Lead:
    """Write down what somebody said, and have every connector learn of it in the same transaction.

    What waits at a connector that doesn't want the lead any more is not sent; the drainer looks again before it calls.
    """
    now = db_now()
    with transaction.atomic():
        known = Lead.objects.select_for_update().get(pk=lead.pk)
        before = purposes_of(in_force([known.pk])[known.pk].values())
        rows = [
            statement_of(known, each, client=client, source=source, is_confirmed=is_confirmed, now=now)
            for each in given
        ]
        Consent.objects.bulk_create(rows)
        known.revision += 1
        known.updated_at = now
        known.save(update_fields=["revision", "updated_at"])
        after = purposes_of(in_force([known.pk])[known.pk].values())
        Activity.objects.create(
            lead=known,
            at=now,
            kind=Activity.Kind.CONSENT,
            client=client,
            revision=known.revision,
            changes=_changes(before, after),
            said_by=who[:150],
        )
        tell({known: after})
    return known


def _changes(before: Mapping[str, bool], after: Mapping[str, bool]) -> dict[str, list[str]]:
    words = {True: "granted", False: "withdrawn", None: ""}
    return {
        f"consent {purpose}": [words[before.get(purpose)], words[granted]]
        for purpose, granted in after.items()
        if before.get(purpose) != granted
    }


def tell(
    purposes: Mapping[Lead, Mapping[str, bool]], *, only_known: Collection[Lead] = ()
) -> dict[uuid.UUID, list[outbox.Wanted]]:
    """Put deliveries in where leads go now that they said what `purposes` has; what waits where they don't is skipped.

    Leads in `only_known` are told of only where they were sent before. Returns what was wanted, by lead.
    """
    known: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    rows = Delivery.objects.filter(subject_kind="lead", subject_id__in=[lead.pk for lead in purposes])
    for lead_id, connector_id in rows.values_list("subject_id", "connector_id").distinct():
        known[lead_id].add(connector_id)
    routes, found = routing.routes(), {}
    for lead, given in purposes.items():
        wanted = [_heard(want, known[lead.pk]) for want in routing.wanted(lead, routes, given)]
        found[lead.pk] = [want for want in wanted if lead not in only_known or want.connector_id in known[lead.pk]]
    everything = [want for wanted in found.values() for want in wanted]
    sent = [want for want in everything if not want.left_out]
    # By connector and operation: one lead's skip there is another's delivery elsewhere.
    for alike in _alike(sent):
        routing.drop_old_skips(alike)
    for alike in _alike([want for want in everything if want.left_out]):
        _keep_back(alike)
    # Who never heard of the lead hears of it now if the consent is what was missing, and is marked if not.
    outbox.put(
        [*sent, *(want for want in everything if want.left_out and want.connector_id not in known[want.subject_id])]
    )
    for connector_id in {want.connector_id for want in sent}:
        wakeups.wake("connector", str(connector_id))
    return found


def _alike(wanted: Iterable[outbox.Wanted]) -> list[list[outbox.Wanted]]:
    """Group what is wanted of one connector and operation, and left out for one reason."""
    groups: dict[Any, list[outbox.Wanted]] = defaultdict(list)
    for want in wanted:
        groups[want.connector_id, want.operation, want.left_out].append(want)
    return list(groups.values())


def _keep_back(alike: Sequence[outbox.Wanted]) -> None:
    """Skip what waits for a connector that doesn't take these leads any more."""
    first = alike[0]
    if first.left_out is None or first.operation == SUBSCRIBE:
        return
    waiting = Delivery.objects.filter(
        subject_kind=first.subject_kind,
        subject_id__in=[want.subject_id for want in alike],
        connector=first.connector_id,
        operation=first.operation,
        state=Delivery.State.WAITING,
    )
    waiting.update(**outbox.closing(Delivery.State.SKIPPED), **first.left_out.told())


def _heard(want: outbox.Wanted, known: Collection[uuid.UUID]) -> outbox.Wanted:
    """A subscription where the lead is known follows its consent: who withdraws has to be taken back there."""
    is_followed = want.operation == SUBSCRIBE and want.connector_id in known
    return replace(want, left_out=None) if is_followed else want


def consent_withdraw(
    *,
    lead: Lead,
    purpose: str,
    source: str,
    who: str = "",
    client: Client | None = None,
    at: datetime | None = None,
) -> Lead:
    """Write down that somebody withdrew; the wording is that of the consent it ends."""
    given = repeated(lead, purpose, granted=False, at=at)
    return consents_record(lead=lead, given=[given], source=source, who=who, client=client)


def repeated(lead: Lead, purpose: str, *, granted: bool, at: datetime | None = None) -> ConsentGiven:
    """Return a statement in the words of the one before, where there is one."""
    given = ConsentGiven(purpose, granted=granted, at=at)
    last = Consent.objects.filter(lead=lead, purpose=purpose).order_by("-at", "-pk").first()
    return replace(given, wording=last.wording, version=last.version, locale=last.locale) if last else given


def told_connectors(lead: Lead) -> list[Connector]:
    """Return the connectors that have a lead, by name: for the page that proves a consent."""
    rows = Delivery.objects.filter(subject_kind="lead", subject_id=lead.pk, state=Delivery.State.DELIVERED)
    return list(Connector.objects.filter(pk__in=rows.values("connector")).order_by("name"))
