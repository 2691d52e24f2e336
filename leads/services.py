"""Capturing leads: one of them, or a group in one transaction."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.db import connection, transaction

from gateway.models import Client
from integrations import outbox
from leads import consents, routing
from leads.consents import ConsentGiven as ConsentGiven
from leads.identity import Identifiers, Known, Match, asking_known, emails_of
from leads.models import Activity, Consent, Lead, Reference
from leads.routing import Route
from runtime import wakeups
from runtime.clock import db_now
from runtime.together import Statement, ask, send
from runtime.writes import insert, update

_DETAILS = ("first_name", "last_name", "company", "phone")
# What a capture of a known lead may change.
_CHANGED = (*_DETAILS, "email", "attributes", "possible_duplicate", "revision", "updated_at")


@dataclass(frozen=True, slots=True)
class LeadData:
    """What a chatbot tells about a person; `email` and `phone` are normalised, empty when unknown."""

    email: str = ""
    phone: str = ""
    reference: str = ""
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    message: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    conversation_id: uuid.UUID | None = None
    consent: Sequence[ConsentGiven] = ()


@dataclass(slots=True)
class Capture:
    """A captured lead, its activity, whether the lead is new, and where it goes.

    `deliveries` are `(connector's name, operation, state)`.
    """

    lead: Lead
    created: bool
    activity: Activity
    deliveries: Sequence[tuple[str, str, str]] = ()


class Remember(Protocol):
    """Writes down, in the capture's transaction, what it did."""

    def __call__(self, capture: Capture) -> None: ...


class RememberAll(Protocol):
    """Writes down, in the transaction of a group, what it did."""

    def __call__(self, captures: Sequence[Capture]) -> None: ...


@dataclass(frozen=True, slots=True)
class Submission:
    """A lead on its way in.

    A caller who isn't trusted (a publishable key) fills blanks and adds an enquiry, but overwrites nothing, and its
    consents are unconfirmed. Leads of an import may be kept from the connectors (`is_sent`), and come with the time at
    which they were captured elsewhere.
    """

    client: Client
    data: LeadData
    is_trusted: bool = True
    remember: Remember | None = None
    source: str = Consent.Source.API
    is_sent: bool = True
    import_id: uuid.UUID | None = None
    captured_at: datetime | None = None

    @property
    def identifiers(self) -> Identifiers:
        """Return what it says about who the lead is."""
        return Identifiers(self.client, self.data.reference, self.data.email, self.data.phone)


def group_capture(submissions: Sequence[Submission], remember: RememberAll | None = None) -> list[Capture]:
    """Write leads, what they said and agreed to, and their deliveries in one transaction: all of them or nothing.

    Equal identities in a group meet in memory: no row is written twice in one statement.
    Raises: IntegrityError where another transaction wrote the same person first; what `remember` raises.
    """
    is_remembered = remember is not None or any(submission.remember for submission in submissions)
    group = [submission.identifiers for submission in submissions]
    may_be_one_message = connection.vendor == "postgresql" and not connection.in_atomic_block and not is_remembered
    look = _first_look(group) if may_be_one_message else None
    # Where all are new there is nothing to lock, and what is written is one message: a transaction of its own.
    with nullcontext() if look and look.are_all_new else transaction.atomic():
        captures = _write(submissions, look or _first_look(group))
        for submission, capture in zip(submissions, captures, strict=True):
            if submission.remember:
                submission.remember(capture)
        if remember:
            remember(captures)
    return captures


@dataclass(frozen=True, slots=True)
class _Look:
    """What is known of a group before it is written; `are_all_new`: each is somebody else, whom we don't know."""

    routes: Sequence[Route]
    is_email_known: bool
    are_all_new: bool


def _first_look(group: Sequence[Identifiers]) -> _Look:
    emails = emails_of(group)
    routes, *known = ask(routing.ROUTES, *([asking_known(emails)] if emails else []))
    is_email_known = any(known)
    are_by_email = len(emails) == len(group) and not any(who.reference for who in group)
    return _Look(routing.read(routes), is_email_known, are_all_new=are_by_email and not is_email_known)


def _write(submissions: Sequence[Submission], look: _Look) -> list[Capture]:
    group = _Group(submissions, look)
    captures = [group.take(submission) for submission in submissions]
    statements = group.statements()
    if not look.are_all_new:
        # What those who are known agreed to is read below, with what they say now.
        send(statements)
        statements = []
    wanted = _wanted(submissions, captures, look.routes)
    send([*statements, *outbox.putting(wanted)])
    for connector_id in {want.connector_id for want in wanted if not want.left_out}:
        wakeups.wake("connector", str(connector_id))
    return captures


class _Group:
    """Builds the rows of a group in memory, then writes them with a statement per table."""

    def __init__(self, submissions: Sequence[Submission], look: _Look) -> None:
        self._now = db_now()
        group = [submission.identifiers for submission in submissions]
        self._known = Known(group, is_email_known=look.is_email_known)
        self._new: dict[uuid.UUID, Lead] = {}
        self._changed: dict[uuid.UUID, Lead] = {}
        self._references: list[Reference] = []
        self._activities: list[Activity] = []
        self._consents: list[Consent] = []

    def take(self, submission: Submission) -> Capture:
        """Add one submission."""
        match = self._known.match(submission.identifiers)
        lead, changes = match.lead, {}
        if lead is None:
            lead = self._create(submission, match.by)
        else:
            changes = _change(match, submission, self._now)
            if lead.pk not in self._new:
                self._changed[lead.pk] = lead
        self._known.add(lead)
        self._refer(submission, match, lead)
        self._consents += [_consent(lead, submission, given, self._now) for given in submission.data.consent]
        activity = _activity(lead, submission, changes, is_new=match.lead is None, now=self._now)
        self._activities.append(activity)
        return Capture(lead, match.lead is None, activity)

    def statements(self) -> list[Statement]:
        """Return what writes everything, rows in the order of their keys: two groups can't wait for each other."""
        new = sorted(self._new.values(), key=lambda lead: (lead.email, lead.phone))
        changed = [lead for _, lead in sorted(self._changed.items())]
        references = sorted(self._references, key=lambda row: (str(row.client_id), row.value))
        return [
            *insert(Lead, new),
            *update(Lead, changed, _CHANGED),
            *insert(Reference, references),
            *insert(Activity, self._activities),
            *insert(Consent, self._consents),
        ]

    def _create(self, submission: Submission, by: str) -> Lead:
        data = submission.data
        lead = Lead(
            client_id=submission.client.pk,
            email=data.email,
            identified_by=by,
            attributes=dict(data.attributes),
            source=dict(data.source),
            created_at=min(submission.captured_at or self._now, self._now),
            updated_at=self._now,
            **{name: getattr(data, name) for name in _DETAILS},
        )
        self._new[lead.pk] = lead
        return lead

    def _refer(self, submission: Submission, match: Match, lead: Lead) -> None:
        value = submission.data.reference
        if value and (match.lead is None or match.by != Lead.IdentifiedBy.REFERENCE):
            self._references.append(Reference(lead=lead, client=submission.client, value=value))
            self._known.add_reference(submission.client, value, lead)


def _change(match: Match, submission: Submission, now: datetime) -> dict[str, list[Any]]:
    """Change what the submission knows better; returns `{field: [before, after]}`."""
    lead, data, changes = match.lead, submission.data, {}
    assert lead is not None  # noqa: S101 (for the type checker; the caller has looked)
    new: dict[str, Any] = {name: getattr(data, name) for name in _DETAILS}
    if not match.is_ambiguous:
        # An address that belongs to another lead is not taken over; a person decides (possible_duplicate).
        new["email"] = data.email
    for name, value in new.items():
        before = getattr(lead, name)
        if value and value != before and (submission.is_trusted or not before):
            changes[name] = [before, value]
            setattr(lead, name, value)
    for name, value in data.attributes.items():
        before = lead.attributes.get(name)
        if value != before and (submission.is_trusted or before is None):
            changes[f"attributes.{name}"] = [before, value]
            lead.attributes[name] = value
    if match.other is not None:
        lead.possible_duplicate = True
        changes[Activity.ALSO] = ["", str(match.other.pk)]
    lead.revision += 1
    lead.updated_at = now
    return changes


def _activity(
    lead: Lead, submission: Submission, changes: dict[str, list[Any]], *, is_new: bool, now: datetime
) -> Activity:
    return Activity(
        lead_id=lead.pk,
        at=now,
        kind=_kind(submission, is_new),
        import_id=submission.import_id,
        client_id=submission.client.pk,
        revision=lead.revision,
        message=submission.data.message,
        source=dict(submission.data.source),
        conversation_id=submission.data.conversation_id,
        changes=changes,
    )


def _kind(submission: Submission, is_new: bool) -> Activity.Kind:
    if is_new:
        return Activity.Kind.CAPTURED
    return Activity.Kind.UPDATED if submission.import_id is None else Activity.Kind.IMPORTED


def _consent(lead: Lead, submission: Submission, given: ConsentGiven, now: datetime) -> Consent:
    statement = consents.statement_of(
        lead, given, client=submission.client, source=submission.source, is_confirmed=submission.is_trusted, now=now
    )
    statement.import_id = submission.import_id
    return statement


def _wanted(
    submissions: Sequence[Submission], captures: Sequence[Capture], routes: Sequence[Route]
) -> list[outbox.Wanted]:
    """Return the deliveries to put in, and tell each capture of its own."""
    told = _withdrawn(submissions, captures)
    purposes: dict[uuid.UUID, dict[str, bool]] = {}
    leads = {}
    for submission, capture in zip(submissions, captures, strict=True):
        if not submission.is_sent or capture.lead.pk in told:
            continue
        leads[capture.lead.pk] = capture.lead
        given = purposes.setdefault(capture.lead.pk, {})
        given |= {consent.purpose: consent.granted for consent in submission.data.consent}
    if any(route.asks_consent for route in routes):
        _add_earlier_purposes(purposes, captures)
    wanted = {pk: routing.wanted(lead, routes, purposes[pk]) for pk, lead in leads.items()}
    everything = [want for wants in wanted.values() for want in wants]
    new = {capture.lead.pk for capture in captures if capture.created}
    routing.drop_old_skips([want for want in everything if want.subject_id not in new])
    names = {route.connector_id: route.name for route in routes}
    wanted |= told
    for capture in captures:
        capture.deliveries = [
            (names[want.connector_id], want.operation, "skipped" if want.left_out else "waiting")
            for want in wanted.get(capture.lead.pk, ())
        ]
    return everything


def _withdrawn(submissions: Sequence[Submission], captures: Sequence[Capture]) -> dict[uuid.UUID, list[outbox.Wanted]]:
    """Have a withdrawal told wherever the lead is known, also where its consent is what it was sent for.

    Whoever imports opt-outs without sending leads anywhere still has them reach the systems that have these people.
    """
    leads: dict[uuid.UUID, Lead] = {}
    is_sent: dict[uuid.UUID, bool] = defaultdict(bool)
    known = {capture.lead.pk for capture in captures if not capture.created}
    for submission, capture in zip(submissions, captures, strict=True):
        is_sent[capture.lead.pk] |= submission.is_sent
        if capture.lead.pk in known and any(not said.granted for said in submission.data.consent):
            leads[capture.lead.pk] = capture.lead
    if not leads:
        return {}
    statements = consents.in_force(leads)
    purposes = {lead: consents.purposes_of(statements[pk].values()) for pk, lead in leads.items()}
    return consents.tell(purposes, only_known=[lead for lead in purposes if not is_sent[lead.pk]])


def _add_earlier_purposes(purposes: dict[uuid.UUID, dict[str, bool]], captures: Sequence[Capture]) -> None:
    """Add what leads that were known said before: the newest per purpose is in force."""
    known = {capture.lead.pk for capture in captures if not capture.created}
    for lead_id, statements in consents.in_force(known).items() if known else ():
        purposes[lead_id] = consents.purposes_of(statements.values())
